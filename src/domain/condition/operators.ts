import type { Effect } from "../policy/document.js";
import { compileTextGlob, foldCase, type GlobText, searchCost } from "../wildcard.js";
import { parseInstant } from "./date.js";
import { compareDecimals, type Decimal, parseDecimal } from "./decimal.js";
import { type IpAddress, parseIpRange, rangeContains } from "./ip-address.js";
import type { RequestValue } from "./request-value.js";

/** Whether a request value matches any of a condition's readable policy values; null when it cannot be read itself. */
export type AnyValueTest = (requestValue: RequestValue) => boolean | null;

/** The policy values of a condition, read once. */
export interface CompiledPolicyValues {
  /** Null when no policy value could be read. */
  readonly matchesAny: AnyValueTest | null;
  /** Those that could not be read (D19). */
  readonly unreadable: readonly string[];
  /** Work that one request value takes, and each of its characters; only lists that hostile policies make long count. */
  readonly cost: ValueCost;
}

export interface ValueCost {
  readonly perValue: number;
  readonly perCharacter: number;
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
type ReadRequest<T> = (requestValue: RequestValue, setting: ValueSetting) => T | null;
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
  ["StringEquals", equality(readText)],
  ["StringNotEquals", negated(equality(readText))],
  ["StringEqualsIgnoreCase", equality(foldCase)],
  ["StringNotEqualsIgnoreCase", negated(equality(foldCase))],
  ["StringLike", row("string", readGlobText, stringLike)],
  ["StringNotLike", negated(row("string", readGlobText, stringLike))],
  ["NumericEquals", row("numeric", readDecimal, numeric(EQUAL))],
  ["NumericNotEquals", negated(row("numeric", readDecimal, numeric(EQUAL)))],
  ["NumericLessThan", row("numeric", readDecimal, numeric(LESS))],
  ["NumericLessThanEquals", row("numeric", readDecimal, numeric(LESS_OR_EQUAL))],
  ["NumericGreaterThan", row("numeric", readDecimal, numeric(GREATER))],
  ["NumericGreaterThanEquals", row("numeric", readDecimal, numeric(GREATER_OR_EQUAL))],
  ["DateEquals", row("date", readInstant, date(EQUAL), true)],
  ["DateNotEquals", negated(row("date", readInstant, date(EQUAL), true))],
  ["DateLessThan", row("date", readInstant, date(LESS))],
  ["DateLessThanEquals", row("date", readInstant, date(LESS_OR_EQUAL), true)],
  ["DateGreaterThan", row("date", readInstant, date(GREATER), true)],
  ["DateGreaterThanEquals", row("date", readInstant, date(GREATER_OR_EQUAL))],
  ["Bool", row("bool", readRequestBool, bool)],
  ["IpAddress", row("ip", readIp, ipAddress)],
  ["NotIpAddress", negated(row("ip", readIp, ipAddress))],
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
    const unreadable = compiled.filter(({ test }) => test === null).map(({ text }) => text);
    const cost = { perValue: tests.length * COST_OF_COMPARISON, perCharacter: searchCosts(family, policyValues) };
    return { matchesAny: anyTest((value) => read(value, setting), tests), unreadable, cost };
  };
  return { family, negated: false, flipsAfterConstant, compile };
}

/** Roughly, in characters of a text that is searched. */
const COST_OF_COMPARISON = 10;

function searchCosts(family: OperatorFamily, policyValues: readonly string[]): number {
  return family === "string" ? policyValues.reduce((sum, pattern) => sum + searchCost(pattern), 0) : 0;
}

function anyTest<T>(
  read: (value: RequestValue) => T | null,
  tests: readonly ((requested: T) => boolean)[],
): AnyValueTest | null {
  const [only] = tests;
  if (only === undefined) return null;
  const matches = tests.length === 1 ? only : (requested: T): boolean => tests.some((test) => test(requested));
  return (value) => {
    const requested = read(value);
    return requested === null ? null : matches(requested);
  };
}

/** Equality needs no walk through the list. */
function equality(readPolicy: (text: string, setting: ValueSetting) => string): Operator {
  const compile = (policyValues: readonly string[], setting: ValueSetting): CompiledPolicyValues => {
    const wanted = new Set(policyValues.map((text) => readPolicy(text, setting)));
    const folds = readPolicy === foldCase || setting.ignoreCase;
    const matchesAny: AnyValueTest = folds ? ({ folded }) => wanted.has(folded) : ({ text }) => wanted.has(text);
    return { matchesAny: wanted.size === 0 ? null : matchesAny, unreadable: [], cost: FREE };
  };
  return { family: "string", negated: false, flipsAfterConstant: false, compile };
}

const FREE: ValueCost = { perValue: 0, perCharacter: 0 };

function negated(operator: Operator): Operator {
  return { ...operator, negated: true };
}

function readText(text: string, { ignoreCase }: ValueSetting): string {
  return ignoreCase ? foldCase(text) : text;
}

function readGlobText(value: RequestValue, { ignoreCase }: ValueSetting): GlobText {
  return ignoreCase ? value.foldedGlob : value.glob;
}

function stringLike(policyValue: string, setting: ValueSetting): (requested: GlobText) => boolean {
  return compileTextGlob(readText(policyValue, setting));
}

function readDecimal({ decimal }: RequestValue): Decimal | null {
  return decimal;
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

function readInstant({ instant }: RequestValue): number | null {
  return instant;
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

function readRequestBool({ text }: RequestValue): boolean | null {
  return readBool(text);
}

function bool(policyValue: string): ((requested: boolean) => boolean) | null {
  const wanted = readBool(policyValue);
  return wanted === null ? null : (requested) => requested === wanted;
}

function readIp({ ip }: RequestValue): IpAddress | null {
  return ip;
}

function ipAddress(policyValue: string): ((requested: IpAddress) => boolean) | null {
  const range = parseIpRange(policyValue);
  return range === null ? null : (requested) => rangeContains(range, requested);
}
