import { excerpt } from "../arn.js";
import { isKnownOperator } from "../condition/operators.js";
import { utf8Length } from "../evaluation/context-keys.js";
import { HARD_LIMITS } from "../limits.js";
import { didYouMean } from "../suggest.js";
import type {
  Condition,
  DocumentKind,
  DocumentProblem,
  Effect,
  PatternBlock,
  PolicyDocument,
  PrincipalBlock,
  Statement,
} from "./document.js";
import {
  type JsonMember,
  type JsonNode,
  offsetOf,
  PlaceFinder,
  plainValue,
  pointerTo,
  readJsonText,
  readJsonValue,
  tooLarge,
  UnreadableJson,
} from "./json-tree.js";

/**
 * `source` is a fresh plain value of what was read: what the store keeps and gives back. `placeOf` gives the place of what
 * a JSON pointer names; `atName`: of the member's name instead of its value.
 */
export type ParsedDocument =
  | {
      readonly ok: true;
      readonly document: PolicyDocument;
      readonly source: unknown;
      readonly placeOf: (pointer: string, atName?: boolean) => Place;
    }
  | { readonly ok: false; readonly problems: DocumentProblem[] };

/** `rank` tells what comes first in a document; line and column are known for text only. */
export interface Place extends Pick<DocumentProblem, "line" | "column"> {
  readonly rank: number;
}

const DOCUMENT_MEMBERS = ["Version", "Statement"];
const STATEMENT_MEMBERS = ["Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
const PRINCIPAL_MEMBERS = ["RAM", "Service", "Federated"];
const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);
const SET_PREFIX = /^(ForAllValues|ForAnyValue):(.*)$/s;
const HALF_SURROGATE_PAIR = /\p{Cs}/u;

/**
 * Reads a policy document; never half-accepts one (D3, C25).
 * @param input JSON text, or a value that was parsed already
 * @returns the document, or every problem at once: JSON pointer, and line and column for text
 */
export function parseDocument(input: unknown, kind: DocumentKind): ParsedDocument {
  const reading = new Reading(typeof input === "string" ? input : null);
  try {
    const root = typeof input === "string" ? readText(input) : readJsonValue(input);
    checkStructure(reading, root, "");
    const document = readDocument(reading, root, kind);
    if (document !== null && reading.problems.length === 0) {
      const placeOf = (pointer: string, atName = false): Place => reading.placeOf(offsetOf(root, pointer, atName));
      return { ok: true, document, source: plainValue(root), placeOf };
    }
  } catch (error) {
    if (!(error instanceof UnreadableJson)) throw error;
    reading.report(error.code, error.message, "", error.offset);
  }
  return { ok: false, problems: reading.inOrder() };
}

function readText(text: string): JsonNode {
  if (text.length > HARD_LIMITS.documentBytes || utf8Length(text) > HARD_LIMITS.documentBytes) throw tooLarge();
  return readJsonText(text);
}

/** Collects the problems of one document, up to a limit. */
class Reading {
  readonly problems: (DocumentProblem & { readonly rank: number })[] = [];
  private readonly places: PlaceFinder;
  private entriesLeft: number = HARD_LIMITS.documentEntries;

  constructor(text: string | null) {
    this.places = new PlaceFinder(text);
  }

  get full(): boolean {
    return this.problems.length >= HARD_LIMITS.reportedProblems;
  }

  /** Counts entries of lists, of the whole document; false, and reported once, when they are too many. */
  takeEntries(count: number, pointer: string, offset: number): boolean {
    const reported = this.entriesLeft < 0;
    this.entriesLeft -= count;
    if (this.entriesLeft >= 0) return true;
    const message = `the document has more than ${HARD_LIMITS.documentEntries} actions, resources and condition values`;
    if (!reported) this.report("TOO_MANY", message, pointer, offset);
    return false;
  }

  placeOf(offset: number): Place {
    return { rank: offset, ...this.places.placeOf(offset) };
  }

  /** As the document has them. */
  inOrder(): DocumentProblem[] {
    return this.problems.sort((left, right) => left.rank - right.rank).map(({ rank: _, ...problem }) => problem);
  }

  report(code: string, message: string, pointer: string, offset: number): null {
    if (!this.full) this.problems.push({ code, message, pointer, ...this.placeOf(offset) });
    return null;
  }
}

/** What holds for every object, list and string of a document, whatever it means. */
function checkStructure(reading: Reading, node: JsonNode, pointer: string): void {
  if (node.kind === "string") checkString(reading, node.value, pointer, node.offset);
  if (node.kind === "array") {
    for (const [index, item] of node.items.entries()) checkStructure(reading, item, pointerTo(pointer, index));
  }
  if (node.kind !== "object") return;
  const seen = new Set<string>();
  for (const member of node.members) {
    if (reading.full) return;
    checkKey(reading, member, seen, pointer);
    checkStructure(reading, member.value, pointerTo(pointer, member.key));
  }
}

function checkKey(reading: Reading, { key, keyOffset }: JsonMember, seen: Set<string>, parent: string): void {
  const pointer = pointerTo(parent, key);
  if (seen.has(key)) reading.report("DUPLICATE_KEY", `\`${excerpt(key)}\` is given twice`, pointer, keyOffset);
  if (FORBIDDEN_KEYS.has(key)) {
    reading.report("FORBIDDEN_KEY", `\`${excerpt(key)}\` is not allowed as a name`, pointer, keyOffset);
  }
  checkString(reading, key, pointer, keyOffset);
  seen.add(key);
}

function checkString(reading: Reading, text: string, pointer: string, offset: number): void {
  if (text.length > HARD_LIMITS.valueLength) {
    reading.report("TOO_LONG", `a string is longer than ${HARD_LIMITS.valueLength} characters`, pointer, offset);
  }
  if (text.includes("\0") || HALF_SURROGATE_PAIR.test(text)) {
    reading.report("INVALID_CHARACTER", "a string holds U+0000 or half a surrogate pair", pointer, offset);
  }
}

type Members = ReadonlyMap<string, JsonNode>;

function readObject(
  reading: Reading,
  node: JsonNode,
  pointer: string,
  what: string,
  known: readonly string[],
): Members | null {
  if (node.kind !== "object") {
    return reading.report("WRONG_TYPE", `${what} must be an object, not ${describe(node)}`, pointer, node.offset);
  }
  for (const { key, keyOffset } of node.members) {
    if (reading.full || known.includes(key) || FORBIDDEN_KEYS.has(key)) continue;
    const message = `${what} has no member \`${excerpt(key)}\`${didYouMean(key, known)}`;
    reading.report("UNKNOWN_MEMBER", message, pointerTo(pointer, key), keyOffset);
  }
  return new Map(node.members.map((member) => [member.key, member.value]));
}

function describe(node: JsonNode): string {
  if (node.kind === "null") return "null";
  return node.kind === "array" || node.kind === "object" ? `an ${node.kind}` : `a ${node.kind}`;
}

function readDocument(reading: Reading, root: JsonNode, kind: DocumentKind): PolicyDocument | null {
  const members = readObject(reading, root, "", "the document", DOCUMENT_MEMBERS);
  if (members === null) return null;
  readVersion(reading, members.get("Version"), root);
  const statements = readStatements(reading, members.get("Statement"), root, kind);
  return statements === null ? null : { version: "1", statements };
}

function readVersion(reading: Reading, node: JsonNode | undefined, root: JsonNode): void {
  if (node === undefined) reading.report("MISSING_MEMBER", "the document has no `Version`", "", root.offset);
  else if (node.kind !== "string" || node.value !== "1") {
    reading.report("INVALID_VALUE", '`Version` must be the string `"1"`', "/Version", node.offset);
  }
}

function readStatements(
  reading: Reading,
  node: JsonNode | undefined,
  root: JsonNode,
  kind: DocumentKind,
): Statement[] | null {
  if (node === undefined) {
    return reading.report("MISSING_MEMBER", "the document has no `Statement`", "", root.offset);
  }
  const at = "/Statement";
  if (node.kind !== "array") {
    return reading.report("WRONG_TYPE", `\`Statement\` must be an array, not ${describe(node)}`, at, node.offset);
  }
  if (node.items.length > HARD_LIMITS.statements) {
    return reading.report("TOO_MANY", `more than ${HARD_LIMITS.statements} statements`, at, node.offset);
  }
  const statements = node.items.map((item, index) => readStatement(reading, item, pointerTo(at, index), kind));
  return statements.every((statement) => statement !== null) ? statements : null;
}

/** A statement while it is read: its members, and where to report. */
interface StatementReading {
  readonly reading: Reading;
  readonly members: Members;
  readonly pointer: string;
  readonly offset: number;
}

function readStatement(reading: Reading, node: JsonNode, pointer: string, kind: DocumentKind): Statement | null {
  const members = readObject(reading, node, pointer, "a statement", STATEMENT_MEMBERS);
  if (members === null) return null;
  const statement: StatementReading = { reading, members, pointer, offset: node.offset };
  const effect = readEffect(statement);
  const actions = readPatternBlock(statement, "Action", "NotAction");
  const resources =
    kind === "trust" ? refuseResources(statement) : readPatternBlock(statement, "Resource", "NotResource");
  const principal = readPrincipal(statement, kind);
  const conditions = readConditions(statement);
  const sid = readSid(statement);
  if (effect === null || actions === null || conditions === null) return null;
  return { effect, actions, resources, principal, conditions, sid };
}

function readEffect({ reading, members, pointer, offset }: StatementReading): Effect | null {
  const node = members.get("Effect");
  if (node === undefined) return reading.report("MISSING_MEMBER", "the statement has no `Effect`", pointer, offset);
  if (node.kind === "string" && (node.value === "Allow" || node.value === "Deny")) return node.value;
  const given = node.kind === "string" ? `\`${excerpt(node.value)}\`` : describe(node);
  const message = `\`Effect\` must be exactly \`Allow\` or \`Deny\`, not ${given}`;
  return reading.report("INVALID_VALUE", message, pointerTo(pointer, "Effect"), node.offset);
}

function readSid({ reading, members, pointer }: StatementReading): string | null {
  const node = members.get("Sid");
  if (node === undefined) return null;
  if (node.kind === "string") return node.value;
  return reading.report("WRONG_TYPE", "`Sid` must be a string", pointerTo(pointer, "Sid"), node.offset);
}

function readPatternBlock(statement: StatementReading, name: string, negatedName: string): PatternBlock | null {
  const { reading, members, pointer, offset } = statement;
  const given = [name, negatedName].filter((member) => members.has(member));
  const [patterns] = given.map((member) => readPatterns(statement, member));
  if (given.length === 2) {
    return reading.report("CONFLICT", `the statement has both \`${name}\` and \`${negatedName}\``, pointer, offset);
  }
  if (patterns !== undefined) return patterns === null ? null : { negated: given[0] === negatedName, patterns };
  const message = `the statement has neither \`${name}\` nor \`${negatedName}\``;
  return reading.report("MISSING_MEMBER", message, pointer, offset);
}

function readPatterns({ reading, members, pointer }: StatementReading, member: string): string[] | null {
  const node = members.get(member);
  return node === undefined ? null : readStrings(reading, node, pointerTo(pointer, member), `\`${member}\``);
}

function refuseResources({ reading, members, pointer }: StatementReading): null {
  for (const name of ["Resource", "NotResource"]) {
    const node = members.get(name);
    if (node === undefined) continue;
    reading.report("CONFLICT", `a trust policy takes no \`${name}\``, pointerTo(pointer, name), node.offset);
  }
  return null;
}

/** A string, or a non-empty list of strings. */
function readStrings(reading: Reading, node: JsonNode, pointer: string, what: string): string[] | null {
  if (node.kind === "string") return reading.takeEntries(1, pointer, node.offset) ? [node.value] : null;
  if (node.kind !== "array") {
    const message = `${what} must be a string or a list of strings, not ${describe(node)}`;
    return reading.report("WRONG_TYPE", message, pointer, node.offset);
  }
  if (node.items.length === 0) return reading.report("EMPTY_LIST", `${what} is empty`, pointer, node.offset);
  if (!reading.takeEntries(node.items.length, pointer, node.offset)) return null;
  const values = node.items.map((item, index) => {
    if (item.kind === "string") return item.value;
    const message = `${what} may hold strings only, not ${describe(item)}`;
    return reading.report("WRONG_TYPE", message, pointerTo(pointer, index), item.offset);
  });
  return values.every((value) => value !== null) ? values : null;
}

function readPrincipal(statement: StatementReading, kind: DocumentKind): PrincipalBlock | null {
  const { reading, members, pointer, offset } = statement;
  const node = members.get("Principal");
  const at = pointerTo(pointer, "Principal");
  if (kind === "identity") {
    if (node === undefined) return null;
    const message = "a policy of an identity takes no `Principal`, only one of a role or a resource does";
    return reading.report("CONFLICT", message, at, node.offset);
  }
  if (node === undefined) return reading.report("MISSING_MEMBER", "the statement has no `Principal`", pointer, offset);
  const named = readObject(reading, node, at, "`Principal`", PRINCIPAL_MEMBERS);
  if (named?.size === 0) return reading.report("EMPTY_LIST", "`Principal` names nobody", at, node.offset);
  const names = (member: string): string[] => {
    const list = named?.get(member);
    return list === undefined ? [] : (readStrings(reading, list, pointerTo(at, member), `\`${member}\``) ?? []);
  };
  return { ram: names("RAM"), service: names("Service"), federated: names("Federated") };
}

function readConditions({ reading, members, pointer }: StatementReading): Condition[] | null {
  const node = members.get("Condition");
  const at = pointerTo(pointer, "Condition");
  if (node === undefined) return [];
  if (node.kind !== "object") {
    return reading.report("WRONG_TYPE", `\`Condition\` must be an object, not ${describe(node)}`, at, node.offset);
  }
  const conditions = node.members.flatMap((block) => readOperatorBlock(reading, block, pointerTo(at, block.key)));
  if (conditions.length <= HARD_LIMITS.conditions) return conditions;
  return reading.report("TOO_MANY", `more than ${HARD_LIMITS.conditions} conditions`, at, node.offset);
}

function readOperatorBlock(reading: Reading, block: JsonMember, pointer: string): Condition[] {
  const { operator, setPrefix } = splitOperator(block.key);
  if (block.value.kind !== "object") {
    const message = `operator \`${excerpt(block.key)}\` must hold an object, not ${describe(block.value)}`;
    reading.report("WRONG_TYPE", message, pointer, block.value.offset);
    return [];
  }
  const conditions = block.value.members.map((member): Condition => {
    const values = readConditionValues(reading, member, pointerTo(pointer, member.key));
    return { operator, setPrefix, key: member.key, values };
  });
  if (conditions.length > 0 || isKnownOperator(operator)) return conditions;
  return [{ operator, setPrefix, key: "", values: [] }];
}

/** Takes `ForAllValues:` or `ForAnyValue:` off an operator. */
function splitOperator(text: string): Pick<Condition, "operator" | "setPrefix"> {
  const [, prefix, operator] = SET_PREFIX.exec(text) ?? [];
  if (operator === undefined) return { operator: text, setPrefix: null };
  return { operator, setPrefix: prefix === "ForAllValues" ? "ForAllValues" : "ForAnyValue" };
}

function readConditionValues(reading: Reading, member: JsonMember, pointer: string): string[] {
  const node = member.value;
  const items = node.kind === "array" ? node.items : [node];
  if (!reading.takeEntries(items.length + 1, pointer, node.offset)) return [];
  return items.flatMap((item, index) => {
    if (item.kind === "string") return [item.value];
    if (item.kind === "number" || item.kind === "boolean") return [String(item.value)];
    const at = node.kind === "array" ? pointerTo(pointer, index) : pointer;
    reading.report("WRONG_TYPE", `a condition value must be a string, not ${describe(item)}`, at, item.offset);
    return [];
  });
}
