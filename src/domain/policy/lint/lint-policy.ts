import { HARD_LIMITS } from "../../limits.js";
import type { DocumentKind, DocumentProblem } from "../document.js";
import { pointerTo } from "../json-tree.js";
import { type ParsedDocument, parseDocument } from "../parse-document.js";
import {
  actionCase,
  allowEverything,
  allowNotAction,
  destructiveWildcards,
  inapplicableActions,
  unknownActions,
} from "./action-rules.js";
import { conditionRemarks } from "./condition-rules.js";
import { deadStatements, duplicateStatements, tooLongForRam } from "./document-rules.js";
import { FINDING_SEVERITIES, type PolicyFinding, type Remark } from "./finding.js";
import { type LintedStatement, lintedStatement, memberOf } from "./linted-statement.js";
import { duplicateEntries, suspiciousResources, unsupportedNotResource } from "./resource-rules.js";

/** What is said about one statement; a new rule is a row here, and its cases. */
const STATEMENT_RULES: readonly ((statement: LintedStatement) => Remark[])[] = [
  allowEverything,
  allowNotAction,
  unknownActions,
  actionCase,
  inapplicableActions,
  destructiveWildcards,
  suspiciousResources,
  unsupportedNotResource,
  duplicateEntries,
  conditionRemarks,
];
const DOCUMENT_RULES: readonly ((statements: readonly LintedStatement[]) => Remark[])[] = [
  deadStatements,
  duplicateStatements,
];

/**
 * What the author of a policy document should know: why it is malformed, or what in it does not do what it seems to
 * (docs/lint.md). In the order of the document, at most as many as problems are reported for one.
 * @param input JSON text, or a value that was parsed already
 */
export function lintPolicy(input: unknown, kind: DocumentKind = "identity"): PolicyFinding[] {
  const parsed = parseDocument(input, kind);
  if (!parsed.ok) return parsed.problems.map(problemFinding);
  const statements = parsed.document.statements.map((statement, index) =>
    lintedStatement(statement, pointerTo("/Statement", index), sourceOf(parsed.source, index)),
  );
  const remarks = [
    ...tooLongForRam(typeof input === "string" ? input : JSON.stringify(parsed.source)),
    ...DOCUMENT_RULES.flatMap((rule) => rule(statements)),
    ...statements.flatMap((statement) => STATEMENT_RULES.flatMap((rule) => rule(statement))),
  ];
  return inOrder(remarks, statements)
    .slice(0, HARD_LIMITS.reportedProblems)
    .map((remark) => finding(remark, parsed));
}

function problemFinding({ code, message, pointer, line, column }: DocumentProblem): PolicyFinding {
  return { severity: "ERROR", code, message, pointer, line: line ?? null, column: column ?? null };
}

function sourceOf(document: unknown, index: number): unknown {
  const statements = memberOf(document, "Statement");
  return Array.isArray(statements) ? statements[index] : undefined;
}

/** By statement; inside one in the order of the rules. */
function inOrder(remarks: readonly Remark[], statements: readonly LintedStatement[]): Remark[] {
  const places = new Map(statements.map(({ pointer }, index) => [pointer, index + 1]));
  const placeOf = ({ pointer }: Remark): number => places.get(pointer.split("/").slice(0, 3).join("/")) ?? 0;
  return remarks
    .map((remark) => ({ remark, place: placeOf(remark) }))
    .sort((left, right) => left.place - right.place)
    .map(({ remark }) => remark);
}

function finding(
  { code, message, pointer, atName }: Remark,
  parsed: Extract<ParsedDocument, { ok: true }>,
): PolicyFinding {
  const { line, column } = parsed.placeOf(pointer, atName);
  return { severity: FINDING_SEVERITIES[code], code, message, pointer, line: line ?? null, column: column ?? null };
}
