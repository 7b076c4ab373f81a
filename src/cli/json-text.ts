/** A place in a text, 1-based; columns count UTF-16 units. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

interface Wanted {
  readonly pointers: string[];
  readonly below: Map<string, Wanted>;
}

/**
 * Where the values lie that JSON pointers name; where there is none, what comes closest to it. Reads the text once and
 * keeps nothing of what is not asked for: it may be a hundred megabytes long.
 *
 * @param text well-formed JSON
 */
export function placesOf(text: string, pointers: Iterable<string>): Map<string, TextPlace> {
  const offsets = new Map<string, number>();
  new JsonScanner(text).find(wantedOf(pointers), offsets);
  return linesOf(text, offsets);
}

/** Line and column of an offset. */
export function placeAt(text: string, offset: number): TextPlace {
  return linesOf(text, new Map([["", offset]])).get("") ?? { line: 1, column: 1 };
}

/**
 * Pointers of members that their object has twice, at most `most`: a parser would take the last one without a word.
 *
 * @param text well-formed JSON
 */
export function repeatedMembers(text: string, most: number): string[] {
  return new JsonScanner(text).repeated(most);
}

function wantedOf(pointers: Iterable<string>): Wanted {
  const root: Wanted = { pointers: [], below: new Map() };
  for (const pointer of pointers) {
    let node = root;
    for (const token of pointer.split("/").slice(1)) {
      const key = token.replaceAll("~1", "/").replaceAll("~0", "~");
      const next = node.below.get(key) ?? { pointers: [], below: new Map() };
      node.below.set(key, next);
      node = next;
    }
    node.pointers.push(pointer);
  }
  return root;
}

function linesOf(text: string, offsets: ReadonlyMap<string, number>): Map<string, TextPlace> {
  const places = new Map<string, TextPlace>();
  let [line, start] = [1, 0];
  for (const [pointer, offset] of [...offsets].sort(([, a], [, b]) => a - b)) {
    for (let end = text.indexOf("\n", start); end >= 0 && end < offset; end = text.indexOf("\n", start)) {
      line += 1;
      start = end + 1;
    }
    places.set(pointer, { line, column: offset - start + 1 });
  }
  return places;
}

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];

/** An object or a list that has been opened. */
interface Level {
  /** Names so far; null for a list. */
  readonly names: Set<string> | null;
  /** Name or index of the current entry. */
  entry: string | number;
}

class JsonScanner {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  find(wanted: Wanted, offsets: Map<string, number>): void {
    this.skipSpace();
    noteAll(wanted, this.at, offsets);
    const opening = this.text.charCodeAt(this.at);
    if (wanted.below.size === 0 || (opening !== OPEN_OBJECT && opening !== OPEN_LIST)) {
      this.skipValue();
      return;
    }
    this.at += 1;
    for (let index = 0; this.hasEntry(); index += 1) {
      const below = wanted.below.get(opening === OPEN_OBJECT ? this.name() : String(index));
      if (below === undefined) this.skipValue();
      else this.find(below, offsets);
    }
  }

  repeated(most: number): string[] {
    const found: string[] = [];
    const open: Level[] = [];
    do {
      this.skipSpace();
      if (!this.openOrSkip(open)) this.close(open);
      const level = open.at(-1);
      if (level === undefined) break;
      this.enterEntry(level, open, found);
    } while (found.length < most);
    return found;
  }

  /** Opens an object or list with something in it; false when the value, or all of it, has been passed. */
  private openOrSkip(open: Level[]): boolean {
    const opening = this.text.charCodeAt(this.at);
    if (opening !== OPEN_OBJECT && opening !== OPEN_LIST) {
      this.skipValue();
      return false;
    }
    this.at += 1;
    if (!this.hasEntry()) return false;
    open.push({ names: opening === OPEN_OBJECT ? new Set() : null, entry: -1 });
    return true;
  }

  private close(open: Level[]): void {
    while (open.length > 0 && !this.hasEntry()) open.pop();
  }

  private enterEntry(level: Level, open: readonly Level[], found: string[]): void {
    if (level.names === null) level.entry = Number(level.entry) + 1;
    else {
      level.entry = this.name();
      if (level.names.has(level.entry)) found.push(pointerTo(open));
      level.names.add(level.entry);
    }
  }

  /** Passes a comma, or the end of the object or list; whether there is another entry. */
  private hasEntry(): boolean {
    this.skipSpace();
    const next = this.text.charCodeAt(this.at);
    if (next === COMMA) this.at += 1;
    const ends = next === CLOSE_OBJECT || next === CLOSE_LIST;
    if (ends) this.at += 1;
    this.skipSpace();
    return !ends;
  }

  /** The name of a member, passed with its colon. */
  private name(): string {
    const start = this.at;
    this.skipString();
    const quoted = this.text.slice(start, this.at);
    const name = quoted.includes("\\") ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
    this.skipSpace();
    this.at += 1;
    return name;
  }

  private skipSpace(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.at += 1;
    }
  }

  private skipString(): void {
    for (let end = this.at; ; ) {
      end = this.text.indexOf('"', end + 1);
      let escapes = end;
      while (this.text.charCodeAt(escapes - 1) === BACKSLASH) escapes -= 1;
      if ((end - escapes) % 2 !== 0) continue;
      this.at = end + 1;
      return;
    }
  }

  /** Passes a value of any depth. */
  private skipValue(): void {
    let depth = 0;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code === QUOTE) this.skipString();
      else if (code === OPEN_OBJECT || code === OPEN_LIST) {
        depth += 1;
        this.at += 1;
      } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
        if (depth === 0) return;
        depth -= 1;
        this.at += 1;
      } else if (Number.isNaN(code) || (code === COMMA && depth === 0)) return;
      else this.at += 1;
      if (depth === 0 && (code === QUOTE || code === CLOSE_OBJECT || code === CLOSE_LIST)) return;
    }
  }
}

/** Of what is not there, the place is that of what would hold it; what is found below overwrites it. */
function noteAll({ pointers, below }: Wanted, offset: number, offsets: Map<string, number>): void {
  for (const pointer of pointers) offsets.set(pointer, offset);
  for (const next of below.values()) noteAll(next, offset, offsets);
}

function pointerTo(open: readonly Level[]): string {
  return open.map(({ entry }) => `/${String(entry).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
