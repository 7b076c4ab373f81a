import { foldCase, GlobText } from "../wildcard.js";
import { formatInstant, parseInstant } from "./date.js";
import { type Decimal, parseDecimal } from "./decimal.js";
import { type IpAddress, parseIpAddress } from "./ip-address.js";

/** A value of the request, read as each type at most once however many conditions look at it; null: it cannot be read so. */
export class RequestValue {
  private written: string | undefined;
  private lowerCase: string | undefined;
  private exactGlob: GlobText | undefined;
  private lowerCaseGlob: GlobText | undefined;
  private asDecimal: Decimal | null | undefined;
  private asInstant: number | null | undefined;
  private asIp: IpAddress | null | undefined;

  constructor(text: string | undefined, instant?: number) {
    this.written = text;
    this.asInstant = instant;
  }

  /** The current time, whose text nobody may need. */
  static at(instant: number): RequestValue {
    return new RequestValue(undefined, instant);
  }

  get text(): string {
    this.written ??= formatInstant(this.asInstant ?? 0);
    return this.written;
  }

  get folded(): string {
    this.lowerCase ??= foldCase(this.text);
    return this.lowerCase;
  }

  get glob(): GlobText {
    this.exactGlob ??= new GlobText(this.text);
    return this.exactGlob;
  }

  get foldedGlob(): GlobText {
    this.lowerCaseGlob ??= new GlobText(this.folded);
    return this.lowerCaseGlob;
  }

  get decimal(): Decimal | null {
    if (this.asDecimal === undefined) this.asDecimal = parseDecimal(this.text);
    return this.asDecimal;
  }

  /** A request's date must have a zone (C6). */
  get instant(): number | null {
    if (this.asInstant === undefined) {
      const parsed = parseInstant(this.text);
      this.asInstant = parsed?.zoned ? parsed.instant : null;
    }
    return this.asInstant;
  }

  get ip(): IpAddress | null {
    if (this.asIp === undefined) this.asIp = parseIpAddress(this.text);
    return this.asIp;
  }
}

/** Values of a key in a request: undefined when nobody supplied the key, empty when it is known to be absent. */
export type KeyValues = readonly RequestValue[] | undefined;

/** Values by key, as they are written; a tag has one. */
type Written = ReadonlyMap<string, readonly string[] | string>;
/** One key with its values. */
type Entry = readonly [key: string, values: readonly RequestValue[]];

const NO_OTHERS: readonly (readonly RequestValue[])[] = [];

/** The tags of a resource, or the context of a request, by exact key and by keys that differ in case only. */
export class KeyedValues {
  private readonly written: Written;
  /** The first key that was read; most requests are asked about no other. */
  private first: Entry | null = null;
  private others: Map<string, readonly RequestValue[]> | null = null;
  private byFoldedKey: Map<string, Entry[]> | null = null;

  constructor(written: Written) {
    this.written = written;
  }

  get(key: string): KeyValues {
    if (this.first !== null && this.first[0] === key) return this.first[1];
    const known = this.others?.get(key);
    if (known !== undefined) return known;
    const written = this.written.get(key);
    if (written === undefined) return undefined;
    const values = typeof written === "string" ? [new RequestValue(written)] : written.map(toRequestValue);
    if (this.first === null) this.first = [key, values];
    else this.others = (this.others ?? new Map()).set(key, values);
    return values;
  }

  /** Values of the keys that differ from `key` in case only, those known to be absent left out. */
  ofOtherSpellings(key: string, foldedKey: string): readonly (readonly RequestValue[])[] {
    if (this.written.size === 0) return NO_OTHERS;
    this.byFoldedKey ??= this.groupByFoldedKey();
    const spellings = this.byFoldedKey.get(foldedKey);
    if (spellings === undefined || (spellings.length === 1 && spellings[0]?.[0] === key)) return NO_OTHERS;
    return spellings.filter(([name, values]) => name !== key && values.length > 0).map(([, values]) => values);
  }

  private groupByFoldedKey(): Map<string, Entry[]> {
    const groups = new Map<string, Entry[]>();
    for (const key of this.written.keys()) {
      const entry: Entry = [key, this.get(key) ?? []];
      const group = groups.get(foldCase(key));
      if (group === undefined) groups.set(foldCase(key), [entry]);
      else group.push(entry);
    }
    return groups;
  }
}

function toRequestValue(text: string): RequestValue {
  return new RequestValue(text);
}
