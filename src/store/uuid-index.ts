const WORDS = 4;
const BYTES = 16;
const NONE = -1;

/** Identifiers by place. They travel as sixteen bytes each, one behind the other. */
export class UuidIndex {
  private readonly words: Int32Array;
  /** Places, by hash; a power of two of them, at most half of which are taken. */
  private readonly slots: Int32Array;

  private constructor(bytes: Buffer) {
    this.words = wordsOf(bytes);
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2(this.size * 2 + 2))).fill(NONE);
    for (let place = 0; place < this.size; place += 1) this.add(place);
  }

  /** @param ids in base64 */
  static of(ids: string): UuidIndex {
    return new UuidIndex(Buffer.from(ids, "base64"));
  }

  /** @param texts each as `00000000-0000-0000-0000-000000000000` */
  static ofTexts(texts: readonly string[]): UuidIndex {
    return new UuidIndex(bytesOf(texts.join("")));
  }

  get size(): number {
    return this.words.length / WORDS;
  }

  textOf(place: number): string {
    return uuidText(Buffer.from(this.words.buffer), place);
  }

  /** -1: it is not here. */
  placeOf(text: string): number {
    return this.find(wordsOf(bytesOf(text)), 0);
  }

  /** The place of each of some identifiers in base64, -1 for those that are not here. Often several in a row are one. */
  placesOf(ids: string): Int32Array {
    const words = wordsOf(Buffer.from(ids, "base64"));
    const places = new Int32Array(words.length / WORDS);
    let last = NONE;
    for (let number = 0; number < places.length; number += 1) {
      const at = number * WORDS;
      if (last < 0 || !this.isAt(last * WORDS, words, at)) last = this.find(words, at);
      places[number] = last;
    }
    return places;
  }

  private add(place: number): void {
    const mask = this.slots.length - 1;
    let slot = hashOf(this.words, place * WORDS) & mask;
    while (this.slots[slot] !== NONE) slot = (slot + 1) & mask;
    this.slots[slot] = place;
  }

  private find(words: Int32Array, at: number): number {
    const mask = this.slots.length - 1;
    for (let slot = hashOf(words, at) & mask; ; slot = (slot + 1) & mask) {
      const place = this.slots[slot] ?? NONE;
      if (place === NONE || this.isAt(place * WORDS, words, at)) return place;
    }
  }

  private isAt(own: number, words: Int32Array, at: number): boolean {
    const mine = this.words;
    for (let word = 0; word < WORDS; word += 1) if (mine[own + word] !== words[at + word]) return false;
    return true;
  }
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text.replaceAll("-", ""), "hex");
}

/** One of some identifiers, by number. */
export function uuidText(bytes: Buffer, number: number): string {
  const hex = bytes.subarray(number * BYTES, (number + 1) * BYTES).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Numbers of the machine: they are only compared, and turned back into the same bytes. */
function wordsOf(bytes: Buffer): Int32Array {
  const words = new Int32Array(Math.floor(bytes.length / BYTES) * WORDS);
  Buffer.from(words.buffer).set(bytes.subarray(0, words.byteLength));
  return words;
}

/** The last words of identifiers are random, but for those that somebody has made up. */
function hashOf(words: Int32Array, at: number): number {
  let hash = 0;
  for (let word = 0; word < WORDS; word += 1) hash = Math.imul(hash ^ (words[at + word] ?? 0), 0x9e3779b1);
  return hash ^ (hash >>> 15);
}
