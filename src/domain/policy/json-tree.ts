import { HARD_LIMITS } from "../limits.js";
import type { DocumentProblem } from "./document.js";

/** A JSON value with its place in the text; without a text, `offset` only tells what comes first. */
export type JsonNode =
  | { readonly kind: "object"; readonly members: readonly JsonMember[]; readonly offset: number }
  | { readonly kind: "array"; readonly items: readonly JsonNode[]; readonly offset: number }
  | { readonly kind: "string"; readonly value: string; readonly offset: number }
  | { readonly kind: "number"; readonly value: number; readonly offset: number }
  | { readonly kind: "boolean"; readonly value: boolean; readonly offset: number }
  | { readonly kind: "null"; readonly offset: number };

export interface JsonMember {
  readonly key: string;
  readonly keyOffset: number;
  readonly value: JsonNode;
}

/** Thrown inside the reader: the input cannot be read any further. */
export class UnreadableJson extends Error {
  readonly code: string;
  readonly offset: number;

  constructor(code: string, message: string, offset: number) {
    super(message);
    this.code = code;
    this.offset = offset;
  }
}

const WHITE_SPACE = new Set([" ", "\t", "\n", "\r"]);
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings may not hold control characters
const PLAIN_CHARACTERS = /[^"\\\u0000-\u001f]*/y;
const HEX = /^[0-9a-fA-F]{4}$/;

/** Reads JSON text strictly (RFC 8259), duplicate keys kept. @throws UnreadableJson at the first syntax error */
export function readJsonText(text: string): JsonNode {
  if (text.startsWith("\ufeff")) {
    throw new UnreadableJson("SYNTAX", "the document is not valid json: it begins with a byte order mark", 0);
  }
  const reader = new TextReader(text);
  const node = reader.value(1);
  reader.end();
  return node;
}

class TextReader {
  private position = 0;
  private readonly nodes = new NodeAllowance();
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  end(): void {
    this.skipSpace();
    if (this.position < this.text.length) this.fail("unexpected text after the document");
  }

  value(depth: number): JsonNode {
    this.skipSpace();
    if (depth > HARD_LIMITS.documentDepth) throw tooDeep(this.position);
    this.nodes.take(this.position);
    const character = this.text[this.position];
    if (character === "{") return this.object(depth);
    if (character === "[") return this.array(depth);
    const offset = this.position;
    if (character === '"') return { kind: "string", value: this.string(), offset };
    return this.literal(offset);
  }

  private object(depth: number): JsonNode {
    const offset = this.position++;
    const members: JsonMember[] = [];
    while (!this.closes("}", members.length === 0)) {
      this.skipSpace();
      const keyOffset = this.position;
      if (this.text[keyOffset] !== '"') this.fail("expected a member name in double quotes");
      const key = this.string();
      this.skipSpace();
      if (this.text[this.position] !== ":") this.fail("expected `:`");
      this.position++;
      this.nodes.take(keyOffset);
      members.push({ key, keyOffset, value: this.value(depth + 1) });
    }
    return { kind: "object", members, offset };
  }

  private array(depth: number): JsonNode {
    const offset = this.position++;
    const items: JsonNode[] = [];
    while (!this.closes("]", items.length === 0)) items.push(this.value(depth + 1));
    return { kind: "array", items, offset };
  }

  /** Consumes the closing bracket, or the comma in front of the next entry. */
  private closes(bracket: string, first: boolean): boolean {
    this.skipSpace();
    const character = this.text[this.position];
    if (character === bracket) {
      this.position++;
      return true;
    }
    if (first) return false;
    if (character !== ",") this.fail(`expected \`,\` or \`${bracket}\``);
    this.position++;
    return false;
  }

  private string(): string {
    let result = "";
    this.position++;
    for (;;) {
      PLAIN_CHARACTERS.lastIndex = this.position;
      result += PLAIN_CHARACTERS.exec(this.text)?.[0] ?? "";
      this.position = PLAIN_CHARACTERS.lastIndex;
      const character = this.text[this.position];
      if (character === '"') break;
      if (character !== "\\") this.fail("a string is not closed, or holds a control character");
      result += this.escape();
    }
    this.position++;
    return result;
  }

  private escape(): string {
    const escaped = this.text[this.position + 1] ?? "";
    const plain = ESCAPES.get(escaped);
    const digits = this.text.slice(this.position + 2, this.position + 6);
    if (plain === undefined && !(escaped === "u" && HEX.test(digits))) this.fail("an escape sequence is not valid");
    this.position += plain === undefined ? 6 : 2;
    return plain ?? String.fromCharCode(Number.parseInt(digits, 16));
  }

  private literal(offset: number): JsonNode {
    for (const [word, value] of [["true", true] as const, ["false", false] as const]) {
      if (this.consumes(word)) return { kind: "boolean", value, offset };
    }
    if (this.consumes("null")) return { kind: "null", offset };
    NUMBER.lastIndex = offset;
    const digits = NUMBER.exec(this.text)?.[0];
    if (digits === undefined) return this.fail("expected a value");
    this.position += digits.length;
    return numberNode(digits, offset);
  }

  private consumes(word: string): boolean {
    if (!this.text.startsWith(word, this.position)) return false;
    this.position += word.length;
    return true;
  }

  private skipSpace(): void {
    while (WHITE_SPACE.has(this.text[this.position] ?? "")) this.position++;
  }

  private fail(message: string): never {
    throw new UnreadableJson("SYNTAX", `the document is not valid json: ${message}`, this.position);
  }
}

/** A number that JavaScript cannot hold exactly would change its value on the way; it has to be quoted. */
function numberNode(digits: string, offset: number): JsonNode {
  const value = Number(digits);
  if (digits.length <= 40 && significantDigits(digits) <= 15 && Number.isFinite(value))
    return { kind: "number", value, offset };
  throw new UnreadableJson("INVALID_NUMBER", "a number is too long to be exact: quote it", offset);
}

function significantDigits(digits: string): number {
  const [mantissa = ""] = digits.split(/[eE]/);
  return mantissa.replace(/[-.]/g, "").replace(/^0+|0+$/g, "").length;
}

/** Turns an already parsed value into a tree. @throws UnreadableJson when it is no JSON, too deep or too large */
export function readJsonValue(value: unknown): JsonNode {
  return toNode(value, 1, { left: HARD_LIMITS.documentBytes, next: 0, nodes: new NodeAllowance() });
}

interface Budget {
  left: number;
  /** The offset of what is read next. */
  next: number;
  readonly nodes: NodeAllowance;
}

/** Refuses a document with too many values before anybody looks at them. */
class NodeAllowance {
  private left: number = HARD_LIMITS.documentNodes;

  take(offset: number): void {
    this.left -= 1;
    if (this.left >= 0) return;
    const message = `the document has more than ${HARD_LIMITS.documentNodes} values and names`;
    throw new UnreadableJson("TOO_MANY", message, offset);
  }
}

function toNode(value: unknown, depth: number, budget: Budget): JsonNode {
  if (depth > HARD_LIMITS.documentDepth) throw tooDeep(-1);
  spend(budget, typeof value === "string" ? value.length + 2 : 1);
  budget.nodes.take(-1);
  const offset = budget.next++;
  if (value === null) return { kind: "null", offset };
  if (typeof value === "string") return { kind: "string", value, offset };
  if (typeof value === "boolean") return { kind: "boolean", value, offset };
  if (typeof value === "number" && Number.isFinite(value)) return numberNode(String(value), offset);
  if (Array.isArray(value)) return { kind: "array", items: itemsOf(value, depth, budget), offset };
  if (typeof value === "object" && isPlain(value))
    return { kind: "object", members: membersOf(value, depth, budget), offset };
  throw new UnreadableJson("SYNTAX", "the document holds a value that is not json", -1);
}

function itemsOf(value: readonly unknown[], depth: number, budget: Budget): JsonNode[] {
  spend(budget, value.length);
  return Array.from(value, (item) => toNode(item, depth + 1, budget));
}

function membersOf(value: object, depth: number, budget: Budget): JsonMember[] {
  return Object.entries(value).map(([key, member]): JsonMember => {
    spend(budget, key.length + 3);
    budget.nodes.take(-1);
    return { key, keyOffset: budget.next++, value: toNode(member, depth + 1, budget) };
  });
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function spend(budget: Budget, size: number): void {
  budget.left -= size;
  if (budget.left < 0) throw tooLarge();
}

export function tooLarge(): UnreadableJson {
  return new UnreadableJson("TOO_LARGE", `the document is larger than ${HARD_LIMITS.documentBytes} bytes`, -1);
}

function tooDeep(offset: number): UnreadableJson {
  const message = `the document is nested deeper than ${HARD_LIMITS.documentDepth} levels`;
  return new UnreadableJson("TOO_DEEP", message, offset);
}

/** The plain value of a tree whose keys have been checked. */
export function plainValue(node: JsonNode): unknown {
  if (node.kind === "object") {
    return Object.fromEntries(node.members.map((member) => [member.key, plainValue(member.value)]));
  }
  if (node.kind === "array") return node.items.map(plainValue);
  return node.kind === "null" ? null : node.value;
}

/** Finds lines and columns in one text. */
export class PlaceFinder {
  private readonly text: string | null;
  private lineStarts: number[] | null = null;

  constructor(text: string | null) {
    this.text = text;
  }

  /** 1-based line and column (in UTF-16 units) of an offset; nothing when there is no text. */
  placeOf(offset: number): Pick<DocumentProblem, "line" | "column"> {
    if (this.text === null || offset < 0) return {};
    this.lineStarts ??= startsOfLines(this.text);
    let [low, high] = [0, this.lineStarts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.lineStarts[low] ?? 0) + 1 };
  }
}

function startsOfLines(text: string): number[] {
  const starts = [0];
  for (let found = text.indexOf("\n"); found >= 0; found = text.indexOf("\n", found + 1)) starts.push(found + 1);
  return starts;
}

/** Extends a JSON pointer (RFC 6901) by one token. */
export function pointerTo(parent: string, token: string | number): string {
  if (typeof token === "number" || !/[~/]/.test(token)) return `${parent}/${token}`;
  return `${parent}/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** Where the value that a JSON pointer names begins, or its name; -1 when there is no such value. */
export function offsetOf(root: JsonNode, pointer: string, atName: boolean): number {
  let node: JsonNode = root;
  let nameOffset = -1;
  for (const token of pointer.split("/").slice(1).map(unescapeToken)) {
    const next: Located | undefined = childOf(node, token);
    if (next === undefined) return -1;
    nameOffset = next.nameOffset;
    node = next.node;
  }
  return atName && nameOffset >= 0 ? nameOffset : node.offset;
}

interface Located {
  readonly node: JsonNode;
  /** -1 for entries of a list. */
  readonly nameOffset: number;
}

function childOf(node: JsonNode, token: string): Located | undefined {
  if (node.kind === "array") {
    const item = node.items[Number(token)];
    return item && { node: item, nameOffset: -1 };
  }
  const member = node.kind === "object" ? node.members.find(({ key }) => key === token) : undefined;
  return member && { node: member.value, nameOffset: member.keyOffset };
}

function unescapeToken(token: string): string {
  return token.replaceAll("~1", "/").replaceAll("~0", "~");
}
