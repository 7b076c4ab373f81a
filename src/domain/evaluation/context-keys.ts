import { excerpt } from "../arn.js";
import { formatInstant, parseInstant } from "../condition/date.js";
import { InvalidInputError } from "../errors.js";
import { HARD_LIMITS } from "../limits.js";
import { foldCase } from "../wildcard.js";
import type { RequestContext } from "./request-context.js";

const CURRENT_TIME = "acs:currenttime";
const ENCRYPTION_CONTEXT = "kms:encryptioncontext:";

/** The contract's `RequestContextInput`. A field that is left out or null is unknown. */
export interface RequestContextInput {
  readonly currentTime?: Date | string | null | undefined;
  readonly sourceIp?: string | null | undefined;
  readonly sourceVpc?: string | null | undefined;
  readonly vpcSourceIp?: string | null | undefined;
  readonly secureTransport?: boolean | null | undefined;
  readonly mfaPresent?: boolean | null | undefined;
  readonly entries?: readonly ContextEntry[] | null | undefined;
}

/** Any other condition key; no values: known to be absent. */
export interface ContextEntry {
  readonly key: string;
  readonly values: readonly string[];
}

/**
 * Folds the part of a condition key that is case-insensitive: all of it, except what follows the first `/` (a tag key)
 * or `kms:EncryptionContext:` (D6, D7).
 */
export function canonicalContextKey(key: string): string {
  const { prefix, suffix } = splitConditionKey(key);
  return prefix + suffix;
}

/** Takes a condition key apart: `prefix` (folded, with its `/` or `:`) and the exact tag key; `suffix` is empty for plain keys. */
export function splitConditionKey(key: string): { readonly prefix: string; readonly suffix: string } {
  const folded = foldCase(key);
  if (folded.startsWith(ENCRYPTION_CONTEXT)) {
    return { prefix: ENCRYPTION_CONTEXT, suffix: key.slice(ENCRYPTION_CONTEXT.length) };
  }
  const slash = key.indexOf("/");
  if (slash < 0) return { prefix: folded, suffix: "" };
  return { prefix: folded.slice(0, slash + 1), suffix: key.slice(slash + 1) };
}

/**
 * Turns the caller's context into what the evaluator reads.
 * @throws InvalidInputError for a key given twice (also as a named field and an entry), a malformed `currentTime`,
 *   or more than 16 KiB or 256 values
 */
export function buildContext(input: RequestContextInput): RequestContext {
  const context = new Map<string, readonly string[]>();
  for (const [field, key, value] of namedFields(input)) {
    if (value !== null) context.set(key, [checkedTime(key, value, field)]);
  }
  for (const [index, entry] of (input.entries ?? []).entries()) addEntry(context, entry, `/entries/${index}`);
  refuseLargeContext(context);
  return context;
}

/** The instant a decision is made for: the caller's `acs:CurrentTime` when stated, else `clock` (C12). Milliseconds. */
export function requestInstant(context: RequestContext, clock: number): number {
  const stated = context.get(CURRENT_TIME)?.[0];
  return stated === undefined ? clock : (parseInstant(stated)?.instant ?? clock);
}

function namedFields(input: RequestContextInput): readonly (readonly [string, string, string | null])[] {
  const text = (value: string | boolean | null | undefined): string | null => (value == null ? null : String(value));
  const time = input.currentTime;
  return [
    ["/currentTime", CURRENT_TIME, time instanceof Date ? dateText(time) : text(time)],
    ["/sourceIp", "acs:sourceip", text(input.sourceIp)],
    ["/sourceVpc", "acs:sourcevpc", text(input.sourceVpc)],
    ["/vpcSourceIp", "acs:vpcsourceip", text(input.vpcSourceIp)],
    ["/secureTransport", "acs:securetransport", text(input.secureTransport)],
    ["/mfaPresent", "acs:mfapresent", text(input.mfaPresent)],
  ];
}

function dateText(time: Date): string {
  return Number.isNaN(time.getTime()) ? "invalid date" : formatInstant(time.getTime());
}

function addEntry(context: Map<string, readonly string[]>, entry: ContextEntry, pointer: string): void {
  const key = canonicalContextKey(entry.key);
  if (key === "") throw new InvalidInputError("a context key must not be empty", `${pointer}/key`);
  if (context.has(key)) {
    throw new InvalidInputError(`context key \`${excerpt(entry.key)}\` is given twice`, `${pointer}/key`);
  }
  if (key === CURRENT_TIME && entry.values.length !== 1) {
    throw new InvalidInputError("`acs:CurrentTime` needs exactly one value", `${pointer}/values`);
  }
  context.set(key, [...entry.values.map((value) => checkedTime(key, value, `${pointer}/values`))]);
}

/** The one context value that must be well formed, because the decision is made for that instant. */
function checkedTime(key: string, value: string, pointer: string): string {
  if (key !== CURRENT_TIME) return value;
  const parsed = parseInstant(value);
  if (parsed?.zoned) return value;
  throw new InvalidInputError(
    `\`${excerpt(value)}\` is not a valid time: it needs the form \`2026-01-31T23:59:59Z\``,
    pointer,
  );
}

function refuseLargeContext(context: RequestContext): void {
  let [bytes, count] = [0, 0];
  for (const [key, values] of context) {
    count += values.length;
    for (const text of [key, ...values]) bytes += utf8Length(text);
  }
  const { contextBytes, contextEntries, contextValues } = HARD_LIMITS;
  if (bytes <= contextBytes && context.size <= contextEntries && count <= contextValues) return;
  throw new InvalidInputError(
    `the request context is too large: at most ${contextBytes} bytes, ${contextEntries} keys and ${contextValues} values`,
  );
}

/** Bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}
