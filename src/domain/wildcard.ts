/** A compiled glob: tells whether it matches the whole of `text`. */
export type Glob = (text: string) => boolean;

const ASCII_ONLY = /^\p{ASCII}*$/u;
const SURROGATE = /[\ud800-\udfff]/;

/**
 * Lower-cases `A`–`Z` and nothing else, so that no other letter (such as the Kelvin sign) can turn into an ASCII one
 * (ram-semantics C5).
 */
export function foldCase(text: string): string {
  if (ASCII_ONLY.test(text)) return text.toLowerCase();
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** True when `pattern` holds a wildcard. */
export function hasWildcard(pattern: string): boolean {
  return pattern.includes("*") || pattern.includes("?");
}

/**
 * Compiles a glob: `*` is any number of characters, none included; `?` is exactly one Unicode code point (C18).
 * The match neither backtracks nor builds a regular expression: pieces between stars are placed leftmost, once each.
 */
export function compileGlob(pattern: string): Glob {
  if (pattern.includes("?")) return compileWithQuestionMarks(pattern);
  const pieces = pattern.split("*");
  if (pieces.length === 1) return (text) => text === pattern;
  const first = pieces[0] ?? "";
  const last = pieces.at(-1) ?? "";
  const middle = pieces.slice(1, -1).filter((piece) => piece !== "");
  if (middle.length > 0) return (text) => matchPieces(text, first, middle, last);
  if (first === "" && last === "") return () => true;
  if (last === "") return (text) => text.startsWith(first);
  return (text) => text.length >= first.length + last.length && text.startsWith(first) && text.endsWith(last);
}

function matchPieces(text: string, first: string, middle: readonly string[], last: string): boolean {
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let position = first.length;
  for (const piece of middle) {
    const found = text.indexOf(piece, position);
    if (found < 0) return false;
    position = found + piece.length;
  }
  return position + last.length <= text.length;
}

/** `?` counts code points; only text outside the basic plane needs more than UTF-16 units for that. */
function compileWithQuestionMarks(pattern: string): Glob {
  const units = pattern.split("*").map((piece) => piece.split(""));
  const points = pattern.split("*").map((piece) => Array.from(piece));
  const wide = SURROGATE.test(pattern);
  return (text) =>
    wide || SURROGATE.test(text) ? matchCharacters(Array.from(text), points) : matchCharacters(text, units);
}

type Characters = ArrayLike<string>;

function matchCharacters(text: Characters, pieces: readonly (readonly string[])[]): boolean {
  const first = pieces[0] ?? [];
  if (!pieceAt(text, 0, first)) return false;
  if (pieces.length === 1) return text.length === first.length;
  const last = pieces.at(-1) ?? [];
  const end = text.length - last.length;
  let position = first.length;
  for (const piece of pieces.slice(1, -1)) {
    position = findPiece(text, position, end, piece);
    if (position < 0) return false;
  }
  return position <= end && pieceAt(text, end, last);
}

/** Position behind the leftmost place of `piece` in `[from, end)`, or -1. */
function findPiece(text: Characters, from: number, end: number, piece: readonly string[]): number {
  for (let start = from; start + piece.length <= end; start++) {
    if (pieceAt(text, start, piece)) return start + piece.length;
  }
  return -1;
}

function pieceAt(text: Characters, start: number, piece: readonly string[]): boolean {
  if (start < 0 || start + piece.length > text.length) return false;
  return piece.every((wanted, offset) => wanted === "?" || wanted === text[start + offset]);
}

/** True when `pattern` matches some text that consists of `prefix` and at least one more character. */
export function globMatchesBeyond(pattern: string, prefix: string): boolean {
  const characters = Array.from(pattern);
  let reached = withStars(characters, new Set([0]));
  for (const character of prefix) reached = withStars(characters, step(characters, reached, character));
  return [...reached].some((position) => position < characters.length);
}

function step(pattern: readonly string[], reached: ReadonlySet<number>, character: string): Set<number> {
  const next = new Set<number>();
  for (const position of reached) {
    const wanted = pattern[position];
    if (wanted === "*") next.add(position);
    else if (wanted === "?" || wanted === character) next.add(position + 1);
  }
  return next;
}

/** A star may match nothing: the positions behind it are reached too. */
function withStars(pattern: readonly string[], reached: Set<number>): Set<number> {
  for (const position of reached) if (pattern[position] === "*") reached.add(position + 1);
  return reached;
}
