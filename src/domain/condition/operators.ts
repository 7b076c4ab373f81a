import type { Effect } from "../policy/document.js";
import { compileTextGlob, foldCase, GlobText, type TextGlob } from "../wildcard.js";
import { parseInstant } from "./date.js";
import { compareDecimals, type Decimal, parseDecimal } from "./decimal.js";
import { type IpAddress, parseIpAddress, parseIpRange, rangeContains } from "./ip-address.js";

/** Whether a request value matches any of a condition's readable policy values; null when it cannot be read itself. */
export type AnyValueTest = (requestValue: string) => boolean | null;

/** The policy values of a condition, read once. */
export interface CompiledPolicyValues {
  /** Null when no policy value could be read. */
  readonly matchesAny: AnyValueTest | null;
  /** Those that could not be read (D19). */
  readonly unreadable: readonly string[];
}

/** What a policy value is read under. */
export interface ValueSetting {
  readonly effect: Effect;
  readonly negated: boolean;
  /** `Action` and `acs:PrincipalARN` compare without case whatever the operator (C8). */
  readonly ignoreCase: boolean;
}

export type OperatorFamily = "string" | "numeric" | "date" | "bool" | "ip";

/** One row of the operator table. */
export interface Operator {
  readonly family: OperatorFamily;
  /** The condition is met when *no* policy value matches (D14). */
  readonly negated: boolean;
  /** Dates: the answer also changes right after the constant, not only at it. */
  readonly flipsAfterConstant: boolean;
  /** Compiles policy values for the positive comparison. */
  readonly compile: (policyValues: readonly string[], setting: ValueSetting) => CompiledPolicyValues;
}

/** How a family of operators reads a request value, once for all policy values; null when it cannot. */
type ReadRequest<T> = (requestValue: string, setting: ValueSetting) => T | null;
/** Compiles one policy value; null when it cannot be read. */
type CompileValue<T> = (policyValue: string, setting: ValueSetting) => ((requested: T) => boolean) | null;

type Comparison = (order: number) => boolean;

const EQUAL: Comparison = (order) => order === 0;
const LESS: Comparison = (order) => order < 0;
const LESS_OR_EQUAL: Comparison = (order) => order <= 0;
const GREATER: Comparison = (order) => order > 0;
const GREATER_OR_EQUAL: Comparison = (order) => order >= 0;

/** Every operator RAM documents; spelling is exact (D6). Anything else is unknown (D15). */
const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ["StringEquals", row("string", readText, stringEquals)],
  ["StringNotEquals", negated(row("string", readText, stringEquals))],
  ["StringEqualsIgnoreCase", row("string", foldCase, stringEqualsIgnoreCase)],
  ["StringNotEqualsIgnoreCase", negated(row("string", foldCase, stringEqualsIgnoreCase))],
  ["StringLike", row("string", readGlobText, stringLike)],
  ["StringNotLike", negated(row("string", readGlobText, stringLike))],
  ["NumericEquals", row("numeric", parseDecimal, numeric(EQUAL))],
  ["NumericNotEquals", negated(row("numeric", parseDecimal, numeric(EQUAL)))],
  ["NumericLessThan", row("numeric", parseDecimal, numeric(LESS))],
  ["NumericLessThanEquals", row("numeric", parseDecimal, numeric(LESS_OR_EQUAL))],
  ["NumericGreaterThan", row("numeric", parseDecimal, numeric(GREATER))],
  ["NumericGreaterThanEquals", row("numeric", parseDecimal, numeric(GREATER_OR_EQUAL))],
  ["DateEquals", row("date", readInstant, date(EQUAL), true)],
  ["DateNotEquals", negated(row("date", readInstant, date(EQUAL), true))],
  ["DateLessThan", row("date", readInstant, date(LESS))],
  ["DateLessThanEquals", row("date", readInstant, date(LESS_OR_EQUAL), true)],
  ["DateGreaterThan", row("date", readInstant, date(GREATER), true)],
  ["DateGreaterThanEquals", row("date", readInstant, date(GREATER_OR_EQUAL))],
  ["Bool", row("bool", readBool, bool)],
  ["IpAddress", row("ip", parseIpAddress, ipAddress)],
  ["NotIpAddress", negated(row("ip", parseIpAddress, ipAddress))],
]);

/** Names of all operators, for documentation and suggestions. */
export const OPERATOR_NAMES: readonly string[] = [...OPERATORS.keys()];

/** The row of an operator, without its set prefix; undefined when RAM does not have it. */
export function findOperator(name: string): Operator | undefined {
  return OPERATORS.get(name);
}

export function isKnownOperator(name: string): boolean {
  return OPERATORS.has(name);
}

function row<T>(
  family: OperatorFamily,
  read: ReadRequest<T>,
  compileValue: CompileValue<T>,
  flipsAfterConstant = false,
): Operator {
  const compile = (policyValues: readonly string[], setting: ValueSetting): CompiledPolicyValues => {
    const compiled = policyValues.map((text) => ({ text, test: compileValue(text, setting) }));
    const tests = compiled.flatMap(({ test }) => test ?? []);
    const matchesAny = (requestValue: string): boolean | null => {
      const requested = read(requestValue, setting);
      return requested === null ? null : tests.some((test) => test(requested));
    };
    const unreadable = compiled.filter(({ test }) => test === null).map(({ text }) => text);
    return { matchesAny: tests.length === 0 ? null : matchesAny, unreadable };
  };
  return { family, negated: false, flipsAfterConstant, compile };
}

function negated(operator: Operator): Operator {
  return { ...operator, negated: true };
}

function readText(text: string, { ignoreCase }: ValueSetting): string {
  return ignoreCase ? foldCase(text) : text;
}

function stringEquals(policyValue: string, setting: ValueSetting): (requested: string) => boolean {
  const wanted = readText(policyValue, setting);
  return (requested) => requested === wanted;
}

function stringEqualsIgnoreCase(policyValue: string): (requested: string) => boolean {
  const wanted = foldCase(policyValue);
  return (requested) => requested === wanted;
}

function readGlobText(text: string, setting: ValueSetting): GlobText {
  return new GlobText(readText(text, setting));
}

function stringLike(policyValue: string, setting: ValueSetting): TextGlob {
  return compileTextGlob(readText(policyValue, setting));
}

function numeric(holds: Comparison): CompileValue<Decimal> {
  return (policyValue) => {
    const limit = parseDecimal(policyValue);
    return limit === null ? null : (requested) => holds(compareDecimals(requested, limit));
  };
}

function date(holds: Comparison): CompileValue<number> {
  return (policyValue, setting) => {
    const constant = policyInstant(policyValue, setting);
    return constant === null ? null : (requested) => holds(requested - constant);
  };
}

/** A request's date must have a zone. */
function readInstant(text: string): number | null {
  const parsed = parseInstant(text);
  return parsed?.zoned ? parsed.instant : null;
}

/** A policy's date; one without zone is read, as UTC, under Deny with a positive operator only (C6). */
export function policyInstant(text: string, { effect, negated }: ValueSetting): number | null {
  const parsed = parseInstant(text);
  if (parsed === null) return null;
  return parsed.zoned || (effect === "Deny" && !negated) ? parsed.instant : null;
}

function readBool(text: string): boolean | null {
  return text === "true" || text === "false" ? text === "true" : null;
}

function bool(policyValue: string): ((requested: boolean) => boolean) | null {
  const wanted = readBool(policyValue);
  return wanted === null ? null : (requested) => requested === wanted;
}

function ipAddress(policyValue: string): ((requested: IpAddress) => boolean) | null {
  const range = parseIpRange(policyValue);
  return range === null ? null : (requested) => rangeContains(range, requested);
}
