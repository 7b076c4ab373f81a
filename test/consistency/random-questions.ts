import type { Question } from "../../src/decisions/decide-many.js";
import { randomFrom } from "../support/random-cases.js";

type Entries = readonly { readonly key: string; readonly values: readonly string[] }[];

/** What separators, encodings and conversions stumble over; several look alike to one that is careless. */
const TEXTS = [
  ...["a", "b", "a,b", "a, b", "a\0b", "\0", "", " ", "ab", "A", "B"],
  ...["1", "1.0", "01", "1e0", "true", "True", "false", "null", "undefined", "[]", '["a","b"]', "{}"],
  ...[
    "\ud800",
    "\udc00",
    "\udfff",
    "\ufffd",
    "\u00e9",
    "e\u0301",
    "k",
    "\u212a",
    "\u0131",
    "s1:a",
    "l2:",
    "0",
    "as",
    "sb",
  ],
  ...["2026-06-01T12:00:00Z", "10.0.0.1", "10.0.0.1 ", "::ffff:10.0.0.1"],
];
/** Keys that policies look at, and others. */
const KEYS = [
  ...["x:list", "X:LIST", "x:num", "x:flag", "x:text", "x:a,b", "x:\0", "\ud800:x", "acs:MFAPresent"],
  ...["acs:RequestTag/Team", "ACS:RequestTag/Team", "acs:RequestTag/team"],
  ...["kms:EncryptionContext:Dept", "kms:EncryptionContext:dept", "kms:EncryptionContext:Dept,b"],
];
const DETAILS = ["OUTCOME", "REASONS", "NEAR_MISSES", undefined] as const;
const TIMES = ["2026-06-01T12:00:00Z", "2026-06-01T20:00:00+08:00", "2026-06-01T12:00:01Z", "2040-01-01T00:00:00Z"];

export interface Cast {
  readonly principals: readonly string[];
  readonly resources: readonly string[];
  readonly actions: readonly string[];
  readonly sessionPolicies: readonly object[];
}

const MOST_KEPT = 500;

/** Makes random questions, many of which are nearly the same as an earlier one, or the same in another spelling. */
export class QuestionMaker {
  private readonly random: () => number;
  private readonly cast: Cast;
  private readonly earlier: Question[] = [];

  constructor(seed: number, cast: Cast) {
    this.random = randomFrom(seed);
    this.cast = cast;
  }

  below(end: number): number {
    return Math.floor(this.random() * end);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  next(): Question {
    const known = this.earlier.length > 0 && this.chance(0.6);
    const question = known ? this.varied(this.pick(this.earlier)) : this.fresh();
    if (this.earlier.length < MOST_KEPT) this.earlier.push(question);
    else this.earlier[this.below(MOST_KEPT)] = question;
    return question;
  }

  private fresh(): Question {
    const principal = this.pick(this.cast.principals);
    return {
      principal,
      resource: this.pick(this.cast.resources),
      actions: this.actions(),
      context: this.chance(0.1) ? null : this.context(),
      detail: this.pick(DETAILS),
      ...(this.chance(0.2) && { asStranger: true }),
      ...(/role\//.test(principal) && this.chance(0.5) && { sessionPolicy: this.pick(this.cast.sessionPolicies) }),
    };
  }

  private actions(): readonly string[] | null {
    if (this.chance(0.1)) return null;
    return Array.from({ length: this.below(4) }, () => this.pick(this.cast.actions));
  }

  private context(): NonNullable<Question["context"]> {
    const time = this.pick(TIMES);
    return {
      ...(this.chance(0.2) && { currentTime: this.chance(0.5) ? new Date(time) : time }),
      ...(this.chance(0.2) && { sourceIp: this.pick(["10.0.0.1", "10.0.0.1 ", "::ffff:10.0.0.1", ""]) }),
      ...(this.chance(0.1) && { sourceVpc: this.pick(["10.0.0.1", "vpc-1"]) }),
      ...(this.chance(0.2) && { secureTransport: this.chance(0.5) }),
      ...(this.chance(0.1) && { mfaPresent: this.pick([true, false, null]) }),
      entries: Array.from({ length: this.below(4) }, () => ({ key: this.pick(KEYS), values: this.values() })),
    };
  }

  private values(): string[] {
    return Array.from({ length: this.pick([0, 1, 1, 1, 2, 2, 3]) }, () => this.pick(TEXTS));
  }

  private varied(question: Question): Question {
    const change = this.pick(CHANGES);
    return change(question, this);
  }

  /** The entries, one of them changed. */
  withEntry(question: Question, change: (values: readonly string[]) => readonly string[]): Question {
    const { context } = question;
    const entries = context?.entries ?? [];
    const chosen = this.below(entries.length);
    return withEntries(
      question,
      entries.map((entry, at) => (at === chosen ? { ...entry, values: change(entry.values) } : entry)),
    );
  }

  otherSessionPolicy(): object | null {
    return this.chance(0.3) ? null : this.pick(this.cast.sessionPolicies);
  }

  otherActions(): readonly string[] | null {
    return this.actions();
  }
}

function withEntries(question: Question, entries: Entries): Question {
  return { ...question, context: { ...question.context, entries } };
}

type Change = (question: Question, maker: QuestionMaker) => Question;

/** Ways to change the values of one key into what is nearly the same. */
const VALUE_CHANGES: readonly ((values: readonly string[]) => readonly string[])[] = [
  (values) => [values.join(",")],
  (values) => values.flatMap((value) => value.split(",")),
  (values) => [values.join("\0")],
  (values) => [values.join("")],
  (values) => [JSON.stringify(values)],
  (values) => splitOnce(values.join("s"), "s"),
  (values) => [...values, ""],
  (values) => [...values].reverse(),
  (values) => [...values, ...values],
  (values) => values.slice(1),
  () => [],
  () => [""],
  () => ["null"],
  (values) => values.map((value) => value.toLowerCase()),
  (values) => values.map((value) => value.toUpperCase()),
  (values) => values.map((value) => value.trim()),
  (values) => values.map((value) => value.normalize("NFC")),
  (values) => values.map((value) => Buffer.from(value, "utf8").toString("utf8")),
  (values) => values.map((value) => value.replaceAll("\ud800", "\udfff")),
  (values) => values.map((value) => (Number.isFinite(Number(value)) ? String(Number(value)) : value)),
];

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

const CHANGES: readonly Change[] = [
  // the same in another spelling
  (question) => ({ ...question }),
  (question) => ({
    ...question,
    principal: question.principal.replace(/[^/]+$/, (name) => (name.includes("s1") ? name : name.toUpperCase())),
  }),
  (question) => withEntries(question, [...(question.context?.entries ?? [])].reverse()),
  (question) =>
    withEntries(
      question,
      (question.context?.entries ?? []).map(({ key, values }) => ({
        key: key.replace(/^[^:]*/, (prefix) => prefix.toUpperCase()),
        values,
      })),
    ),
  (question) => ({ ...question, actions: question.actions?.map((action) => action.replace("kms", "KMS")) ?? null }),
  (question) =>
    typeof question.sessionPolicy === "object" && question.sessionPolicy !== null
      ? { ...question, sessionPolicy: JSON.stringify(question.sessionPolicy, null, 2) }
      : { ...question },
  // nearly the same
  ...VALUE_CHANGES.map(
    (change): Change =>
      (question, maker) =>
        maker.withEntry(question, change),
  ),
  (question) => withEntries(question, (question.context?.entries ?? []).slice(1)),
  (question, maker) =>
    withEntries(
      question,
      (question.context?.entries ?? []).map(({ values }) => ({ key: maker.pick(KEYS), values })),
    ),
  (question, maker) => ({ ...question, context: { ...question.context, currentTime: maker.pick(TIMES) } }),
  (question, maker) => ({ ...question, detail: maker.pick(DETAILS) }),
  (question, maker) => ({ ...question, detail: maker.pick(DETAILS) }),
  (question) => ({ ...question, asStranger: question.asStranger !== true }),
  (question, maker) => ({ ...question, actions: maker.otherActions() }),
  (question, maker) => ({ ...question, sessionPolicy: maker.otherSessionPolicy() }),
  (question, maker) => ({ ...question, sessionPolicy: maker.otherSessionPolicy() }),
];
