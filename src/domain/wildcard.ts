/** A compiled glob: tells whether it matches the whole of `text`. */
export type Glob = (text: string) => boolean;
/** The same for a text that is compared with many globs. */
export type TextGlob = (text: GlobText) => boolean;

const ASCII_ONLY = /^\p{ASCII}*$/u;
const SURROGATE = /[\ud800-\udfff]/;
const SURROGATE_PAIR = /[\ud800-\udbff][\udc00-\udfff]/;

/**
 * Lower-cases `A`–`Z` and nothing else, so that no other letter (such as the Kelvin sign) can turn into an ASCII one
 * (C5).
 */
export function foldCase(text: string): string {
  return hasUpperCase(text) ? foldUpperCase(text) : text;
}

function hasUpperCase(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 65 && code <= 90) return true;
  }
  return false;
}

function foldUpperCase(text: string): string {
  if (ASCII_ONLY.test(text)) return text.toLowerCase();
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** True when `pattern` holds a wildcard. */
export function hasWildcard(pattern: string): boolean {
  return pattern.includes("*") || pattern.includes("?");
}

const ANYTHING: Glob = () => true;

/**
 * Compiles a glob: `*` is any number of characters, none included; `?` is exactly one Unicode code point (C18).
 * The match neither backtracks nor builds a regular expression: pieces between stars are placed leftmost, once each.
 */
export function compileGlob(pattern: string): Glob {
  if (pattern === "*") return ANYTHING;
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
  if (first === "" && last === "") return ANYTHING;
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

/** Compiled when it is first needed: most patterns of a large policy never see a text that is long enough. */
function compileQuestionMarks(pattern: string): TextGlob {
  const shortest = pattern.length - count(pattern, "*") - count(pattern, SURROGATE_PAIR);
  let pieces: Pieces | null = null;
  return (prepared) => {
    if (prepared.text.length < shortest) return false;
    pieces ??= compilePieces(pattern);
    return matchPoints(prepared.characters, pieces);
  };
}

/** What the stars of a pattern part. */
interface Pieces {
  readonly first: Piece;
  readonly middle: readonly Piece[];
  /** Null: there is no star. */
  readonly last: Piece | null;
}

function compilePieces(pattern: string): Pieces {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  const middle = rest.filter((piece) => piece !== "").map(compilePiece);
  return { first: compilePiece(first), middle, last: last === undefined ? null : compilePiece(last) };
}

function count(text: string, what: string | RegExp): number {
  return text.split(what).length - 1;
}

/**
 * How much work one character of a text may cost when it is matched with `pattern`: 0 when only a few places are
 * compared, else as many as the search for a piece between two stars has words.
 */
export function searchCost(pattern: string): number {
  if (!pattern.includes("*")) return 0;
  const searches = pattern.includes("?") || /\*[^*]+\*/.test(pattern);
  return searches ? Math.ceil(pattern.length / 32) : 0;
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
  /** Finds the piece inside a text; made for the pieces that are searched for. */
  search: PieceSearch | null;
}

/** Position behind the leftmost place of a piece in `[from, end)`, or -1. */
type PieceSearch = (text: Characters, from: number, end: number) => number;

function compilePiece(text: string): Piece {
  const points = Array.from(text, (character) => (character === "?" ? -1 : pointOf(character)));
  const literal = text.split("?").reduce((longest, run) => (run.length > longest.length ? run : longest), "");
  return { points, literal, literalAt: text.indexOf(literal), search: null };
}

function matchPoints(text: Characters, { first, middle, last }: Pieces): boolean {
  if (!pieceAt(text, 0, first)) return false;
  if (last === null) return text.length === first.points.length;
  const end = text.length - last.points.length;
  let position = first.points.length;
  for (const piece of middle) {
    position = findPiece(text, position, end, piece);
    if (position < 0) return false;
  }
  return position <= end && pieceAt(text, end, last);
}

function pieceAt(text: Characters, start: number, { points }: Piece): boolean {
  if (start < 0 || start + points.length > text.length) return false;
  for (let offset = 0; offset < points.length; offset++) {
    const point = points[offset];
    if (point !== -1 && point !== text.at(start + offset)) return false;
  }
  return true;
}

function findPiece(text: Characters, from: number, end: number, piece: Piece): number {
  const { points, literal, literalAt } = piece;
  if (points.length === 0) return from;
  const found = text.find(literal, from + literalAt);
  if (found < 0) return -1;
  const start = Math.max(from, found - literalAt);
  if (end - start <= SHORT_TEXT) return tryEveryPlace(text, start, end, piece);
  piece.search ??= points.length < 32 ? shortSearch(points) : longSearch(points);
  return piece.search(text, start, end);
}

/** Up to this many characters it costs more to prepare a search. */
const SHORT_TEXT = 64;

function tryEveryPlace(text: Characters, from: number, end: number, piece: Piece): number {
  const { length } = piece.points;
  for (let start = from; start + length <= end; start++) {
    if (pieceAt(text, start, piece)) return start + length;
  }
  return -1;
}

const ASCII_SIZE = 128;

/**
 * Follows all places where the piece may have begun at once, one bit for each character of the piece (the Shift-And
 * algorithm).
 */
function shortSearch(points: readonly number[]): PieceSearch {
  const bit = (place: number): number => 1 << place;
  const any = points.reduce((mask, point, place) => (point === -1 ? mask | bit(place) : mask), 0);
  const ascii = new Int32Array(ASCII_SIZE).fill(any);
  const others = new Map<number, number>();
  for (const [place, point] of points.entries()) {
    if (point >= ASCII_SIZE) others.set(point, (others.get(point) ?? any) | bit(place));
    else if (point >= 0) ascii[point] = (ascii[point] ?? any) | bit(place);
  }
  const whole = bit(points.length - 1);
  return (text, from, end) => {
    let state = 0;
    for (let position = from; position < end; position++) {
      const point = text.at(position);
      state = ((state << 1) | 1) & (point < ASCII_SIZE ? (ascii[point] ?? any) : (others.get(point) ?? any));
      if ((state & whole) !== 0) return position + 1;
    }
    return -1;
  };
}

/** The same for long pieces, with as many words as they need. */
function longSearch(points: readonly number[]): PieceSearch {
  const masks = new LongMasks(points);
  const lastBit = 1 << ((points.length - 1) & 31);
  return (text, from, end) => {
    const state = new Uint32Array(masks.words);
    for (let position = from; position < end; position++) {
      advance(state, masks.of(text.at(position)));
      if (((state[masks.words - 1] ?? 0) & lastBit) !== 0) return position + 1;
    }
    return -1;
  };
}

/** Which places of a long piece a character may stand at; any character may stand at those of `?`. */
class LongMasks {
  readonly words: number;
  private readonly any: Uint32Array;
  /** Masks of the characters that occur often; those that occur seldom have a list, which keeps memory linear. */
  private readonly masks = new Map<number, Uint32Array>();
  private readonly places = new Map<number, number[]>();
  private readonly scratch: Uint32Array;

  constructor(points: readonly number[]) {
    this.words = Math.ceil(points.length / 32);
    for (const [place, point] of points.entries()) {
      const list = this.places.get(point);
      if (list === undefined) this.places.set(point, [place]);
      else list.push(place);
    }
    this.any = withBits(new Uint32Array(this.words), this.places.get(-1) ?? []);
    this.scratch = new Uint32Array(this.words);
    for (const [point, list] of this.places) {
      if (list.length >= this.words) this.masks.set(point, withBits(this.any.slice(), list));
    }
  }

  of(point: number): Uint32Array {
    const mask = this.masks.get(point);
    if (mask !== undefined) return mask;
    const seldom = this.places.get(point);
    if (seldom === undefined) return this.any;
    this.scratch.set(this.any);
    return withBits(this.scratch, seldom);
  }
}

function withBits(mask: Uint32Array, places: readonly number[]): Uint32Array {
  for (const place of places) mask[place >>> 5] = (mask[place >>> 5] ?? 0) | (1 << (place & 31));
  return mask;
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
