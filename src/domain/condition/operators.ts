import type { Effect } from "../policy/document.js";
import { compileGlob, foldCase } from "../wildcard.js";
import { parseInstant } from "./date.js";
import { compareDecimals, parseDecimal } from "./decimal.js";
import { parseIpAddress, parseIpRange, rangeContains } from "./ip-address.js";

/** Compares one request value with one policy value; null when the request value cannot be read. */
export type ValueTest = (requestValue: string) => boolean | null;

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
  /** Compiles a policy value for the positive comparison; null when it cannot be read (D19). */
  readonly compile: (policyValue: string, setting: ValueSetting) => ValueTest | null;
}

type Comparison = (order: number) => boolean;

const EQUAL: Comparison = (order) => order === 0;
const LESS: Comparison = (order) => order < 0;
const LESS_OR_EQUAL: Comparison = (order) => order <= 0;
const GREATER: Comparison = (order) => order > 0;
const GREATER_OR_EQUAL: Comparison = (order) => order >= 0;

/** Every operator RAM documents (ram-semantics 2.2); spelling is exact (D6). Anything else is unknown (D15). */
const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ["StringEquals", row("string", stringEquals)],
  ["StringNotEquals", negated(row("string", stringEquals))],
  ["StringEqualsIgnoreCase", row("string", stringEqualsIgnoreCase)],
  ["StringNotEqualsIgnoreCase", negated(row("string", stringEqualsIgnoreCase))],
  ["StringLike", row("string", stringLike)],
  ["StringNotLike", negated(row("string", stringLike))],
  ["NumericEquals", row("numeric", numeric(EQUAL))],
  ["NumericNotEquals", negated(row("numeric", numeric(EQUAL)))],
  ["NumericLessThan", row("numeric", numeric(LESS))],
  ["NumericLessThanEquals", row("numeric", numeric(LESS_OR_EQUAL))],
  ["NumericGreaterThan", row("numeric", numeric(GREATER))],
  ["NumericGreaterThanEquals", row("numeric", numeric(GREATER_OR_EQUAL))],
  ["DateEquals", row("date", date(EQUAL), true)],
  ["DateNotEquals", negated(row("date", date(EQUAL), true))],
  ["DateLessThan", row("date", date(LESS))],
  ["DateLessThanEquals", row("date", date(LESS_OR_EQUAL), true)],
  ["DateGreaterThan", row("date", date(GREATER), true)],
  ["DateGreaterThanEquals", row("date", date(GREATER_OR_EQUAL))],
  ["Bool", row("bool", bool)],
  ["IpAddress", row("ip", ipAddress)],
  ["NotIpAddress", negated(row("ip", ipAddress))],
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

function row(family: OperatorFamily, compile: Operator["compile"], flipsAfterConstant = false): Operator {
  return { family, negated: false, flipsAfterConstant, compile };
}

function negated(operator: Operator): Operator {
  return { ...operator, negated: true };
}

function stringEquals(policyValue: string, { ignoreCase }: ValueSetting): ValueTest {
  if (ignoreCase) return stringEqualsIgnoreCase(policyValue);
  return (requestValue) => requestValue === policyValue;
}

function stringEqualsIgnoreCase(policyValue: string): ValueTest {
  const folded = foldCase(policyValue);
  return (requestValue) => foldCase(requestValue) === folded;
}

function stringLike(policyValue: string, { ignoreCase }: ValueSetting): ValueTest {
  if (!ignoreCase) return compileGlob(policyValue);
  const glob = compileGlob(foldCase(policyValue));
  return (requestValue) => glob(foldCase(requestValue));
}

function numeric(holds: Comparison): Operator["compile"] {
  return (policyValue) => {
    const limit = parseDecimal(policyValue);
    if (limit === null) return null;
    return (requestValue) => {
      const number = parseDecimal(requestValue);
      return number === null ? null : holds(compareDecimals(number, limit));
    };
  };
}

function date(holds: Comparison): Operator["compile"] {
  return (policyValue, setting) => {
    const constant = policyInstant(policyValue, setting);
    if (constant === null) return null;
    return (requestValue) => {
      const moment = parseInstant(requestValue);
      return moment === null || !moment.zoned ? null : holds(moment.instant - constant);
    };
  };
}

/** A policy's date; one without zone is read, as UTC, under Deny with a positive operator only (C6). */
export function policyInstant(text: string, { effect, negated }: ValueSetting): number | null {
  const parsed = parseInstant(text);
  if (parsed === null) return null;
  return parsed.zoned || (effect === "Deny" && !negated) ? parsed.instant : null;
}

function bool(policyValue: string): ValueTest | null {
  if (policyValue !== "true" && policyValue !== "false") return null;
  return (requestValue) => {
    if (requestValue !== "true" && requestValue !== "false") return null;
    return requestValue === policyValue;
  };
}

function ipAddress(policyValue: string): ValueTest | null {
  const range = parseIpRange(policyValue);
  if (range === null) return null;
  return (requestValue) => {
    const address = parseIpAddress(requestValue);
    return address === null ? null : rangeContains(range, address);
  };
}
