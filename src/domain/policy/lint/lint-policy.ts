import { HARD_LIMITS } from "../../limits.js";
import type { DocumentKind, DocumentProblem } from "../document.js";
import { pointerTo } from "../json-tree.js";
import { type ParsedDocument, type Place, parseDocument } from "../parse-document.js";
import {
  actionCase,
  allowEverything,
  allowNotAction,
  destructiveWildcards,
  inapplicableActions,
  unknownActions,
} from "./action-rules.js";
import { conditionRemarks } from "./condition-rules.js";
import { deadStatements, duplicateStatements, MOST_EXAMINED, tooLongForRam } from "./document-rules.js";
import { FINDING_SEVERITIES, type PolicyFinding, type Remark } from "./finding.js";
import { type LintedStatement, lintedStatement, memberOf } from "./linted-statement.js";
import { suspiciousPrincipals } from "./principal-rules.js";
import { duplicateEntries, suspiciousResources, unsupportedNotResource } from "./resource-rules.js";

/** What is said about one statement; a new rule is a row here, and its cases. */
const STATEMENT_RULES: readonly ((statement: LintedStatement) => Remark[])[] = [
  suspiciousPrincipals,
  allowEverything,
  allowNotAction,
  unknownActions,
  actionCase,
  inapplicableActions,
  suspiciousResources,
  unsupportedNotResource,
  duplicateEntries,
  conditionRemarks,
];
const DOCUMENT_RULES: readonly ((statements: readonly LintedStatement[]) => Remark[])[] = [
  deadStatements,
  duplicateStatements,
  destructiveWildcards,
];

type WellFormed = Extract<ParsedDocument, { ok: true }>;

/**
 * What the author of a policy document should know: why it is malformed, or what in it does not do what it seems to
 * (docs/lint.md). In the order of the document, at most as many as problems are reported for one.
 * @param input JSON text, or a value that was parsed already
 */
export function lintPolicy(input: unknown, kind: DocumentKind = "identity"): PolicyFinding[] {
  const parsed = parseDocument(input, kind);
  if (!parsed.ok) return parsed.problems.map(problemFinding);
  const remarks = withoutEchoes(remarksOn(parsed, input));
  const placed = remarks.map((remark) => ({
    remark,
    at: parsed.placeOf(remark.pointer, remark.atName),
  }));
  placed.sort((left, right) => left.at.rank - right.at.rank);
  return placed.slice(0, HARD_LIMITS.reportedProblems).map(({ remark, at }) => finding(remark, at));
}

function remarksOn({ document, source }: WellFormed, input: unknown): Remark[] {
  const { length } = Array.from(typeof input === "string" ? input : JSON.stringify(source)); // characters, as RAM counts
  if (length > MOST_EXAMINED) return tooLongForRam(length);
  const statements = document.statements.map((statement, index) =>
    lintedStatement(statement, pointerTo("/Statement", index), sourceOf(source, index)),
  );
  return [
    ...tooLongForRam(length),
    ...DOCUMENT_RULES.flatMap((rule) => rule(statements)),
    ...statements.flatMap((statement) => STATEMENT_RULES.flatMap((rule) => rule(statement))),
  ];
}

/** What is said once already; of an entry that is listed twice, only that. */
function withoutEchoes(remarks: readonly Remark[]): Remark[] {
  const repeated = new Set(remarks.flatMap(({ code, pointer }) => (code === "DUPLICATE_ENTRY" ? pointer : [])));
  const said = new Map<string, Remark>();
  for (const remark of remarks) {
    const { code, pointer, message } = remark;
    if (code !== "DUPLICATE_ENTRY" && repeated.has(pointer)) continue;
    said.set(`${code} ${pointer} ${message}`, remark);
  }
  return [...said.values()];
}

function problemFinding({ code, message, pointer, line, column }: DocumentProblem): PolicyFinding {
  return { severity: "ERROR", code, message, pointer, line: line ?? null, column: column ?? null };
}

function sourceOf(document: unknown, index: number): unknown {
  const statements = memberOf(document, "Statement");
  return Array.isArray(statements) ? statements[index] : undefined;
}

function finding({ code, message: start, suggestion, pointer }: Remark, { line, column }: Place): PolicyFinding {
  const message = start + (suggestion?.() ?? "");
  return { severity: FINDING_SEVERITIES[code], code, message, pointer, line: line ?? null, column: column ?? null };
}
