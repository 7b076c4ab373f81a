/** A compiled glob: tells whether it matches the whole of `text`. */
export type Glob = (text: string) => boolean;
/** The same for a text that is compared with many globs. */
export type TextGlob = (text: GlobText) => boolean;

const ASCII_ONLY = /^\p{ASCII}*$/u;
const SURROGATE = /[\ud800-\udfff]/;

/**
 * Lower-cases `A`–`Z` and nothing else, so that no other letter (such as the Kelvin sign) can turn into an ASCII one
 * (C5).
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
  if (!pattern.includes("?")) return compileStars(pattern);
  const glob = compileQuestionMarks(pattern);
  return (text) => glob(new GlobText(text));
}

/** Compiles a glob as `compileGlob` does. */
export function compileTextGlob(pattern: string): TextGlob {
  if (pattern.includes("?")) return compileQuestionMarks(pattern);
  const glob = compileStars(pattern);
  return ({ text }) => glob(text);
}

function compileStars(pattern: string): Glob {
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

function compileQuestionMarks(pattern: string): TextGlob {
  const pieces = pattern.split("*").map(compilePiece);
  const shortest = pieces.reduce((length, { points }) => length + points.length, 0);
  return (prepared) => prepared.text.length >= shortest && matchPoints(prepared.characters, pieces);
}

/** A text that globs are matched against; `?` needs its code points, which are found once. */
export class GlobText {
  readonly text: string;
  private points: Characters | null = null;

  constructor(text: string) {
    this.text = text;
  }

  get characters(): Characters {
    this.points ??= SURROGATE.test(this.text) ? new PointText(this.text) : new UnitText(this.text);
    return this.points;
  }
}

/** Text as a row of code points. */
interface Characters {
  readonly length: number;
  at(index: number): number;
  /** Where `literal` is found at or behind `from`, or -1; at worst `from` itself. */
  find(literal: string, from: number): number;
}

/** Text without surrogates: every UTF-16 unit is a code point. */
class UnitText implements Characters {
  readonly length: number;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
    this.length = text.length;
  }

  at(index: number): number {
    return this.text.charCodeAt(index);
  }

  find(literal: string, from: number): number {
    return this.text.indexOf(literal, from);
  }
}

/** Any text. */
class PointText implements Characters {
  readonly length: number;
  private readonly points: readonly number[];

  constructor(text: string) {
    this.points = Array.from(text, pointOf);
    this.length = this.points.length;
  }

  at(index: number): number {
    return this.points[index] ?? 0;
  }

  find(_: string, from: number): number {
    return from;
  }
}

function pointOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

/** What stands between two stars of a pattern with `?`. */
interface Piece {
  /** Code points; -1 for `?`. */
  readonly points: readonly number[];
  /** The longest run without `?`, and its place in the piece. */
  readonly literal: string;
  readonly literalAt: number;
  /** Bit i: any character may stand at place i. */
  readonly anyMask: Uint32Array;
  /** The same for characters that occur often; those that occur seldom only have a list, which keeps memory linear. */
  readonly masks: ReadonlyMap<number, Uint32Array>;
  readonly places: ReadonlyMap<number, readonly number[]>;
}

function compilePiece(text: string): Piece {
  const points = Array.from(text, (character) => (character === "?" ? -1 : pointOf(character)));
  const literal = text.split("?").reduce((longest, run) => (run.length > longest.length ? run : longest), "");
  const places = new Map<number, number[]>();
  for (const [place, point] of points.entries()) {
    const list = places.get(point);
    if (list === undefined) places.set(point, [place]);
    else list.push(place);
  }
  const anyMask = withBits(new Uint32Array(Math.ceil(points.length / 32)), places.get(-1) ?? []);
  const often = [...places].filter(([, list]) => list.length >= anyMask.length);
  const masks = new Map(often.map(([point, list]) => [point, withBits(anyMask.slice(), list)]));
  return { points, literal, literalAt: text.indexOf(literal), anyMask, masks, places };
}

function withBits(mask: Uint32Array, places: readonly number[]): Uint32Array {
  for (const place of places) mask[place >>> 5] = (mask[place >>> 5] ?? 0) | (1 << (place & 31));
  return mask;
}

function matchPoints(text: Characters, pieces: readonly Piece[]): boolean {
  const [first, last] = [pieces[0], pieces.at(-1)];
  if (first === undefined || last === undefined || !pieceAt(text, 0, first)) return false;
  if (pieces.length === 1) return text.length === first.points.length;
  const end = text.length - last.points.length;
  let position = first.points.length;
  for (const piece of pieces.slice(1, -1)) {
    position = findPiece(text, position, end, piece);
    if (position < 0) return false;
  }
  return position <= end && pieceAt(text, end, last);
}

function pieceAt(text: Characters, start: number, { points }: Piece): boolean {
  if (start < 0 || start + points.length > text.length) return false;
  return points.every((point, offset) => point === -1 || point === text.at(start + offset));
}

/**
 * Position behind the leftmost place of `piece` in `[from, end)`, or -1. Follows all places where it may have begun at
 * once, one bit for each character of the piece (the Shift-And algorithm).
 */
function findPiece(text: Characters, from: number, end: number, piece: Piece): number {
  const { points, literal, literalAt, anyMask } = piece;
  if (points.length === 0) return from;
  const found = text.find(literal, from + literalAt);
  if (found < 0) return -1;
  const [state, scratch] = [new Uint32Array(anyMask.length), new Uint32Array(anyMask.length)];
  const [lastWord, lastBit] = [state.length - 1, 1 << ((points.length - 1) & 31)];
  for (let position = Math.max(from, found - literalAt); position < end; position++) {
    advance(state, maskOf(piece, text.at(position), scratch));
    if (((state[lastWord] ?? 0) & lastBit) !== 0) return position + 1;
  }
  return -1;
}

function maskOf({ anyMask, masks, places }: Piece, point: number, scratch: Uint32Array): Uint32Array {
  const mask = masks.get(point);
  if (mask !== undefined) return mask;
  const seldom = places.get(point);
  if (seldom === undefined) return anyMask;
  scratch.set(anyMask);
  return withBits(scratch, seldom);
}

function advance(state: Uint32Array, mask: Uint32Array): void {
  let carry = 1;
  for (let word = 0; word < state.length; word++) {
    const before = state[word] ?? 0;
    state[word] = ((before << 1) | carry) & (mask[word] ?? 0);
    carry = before >>> 31;
  }
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
