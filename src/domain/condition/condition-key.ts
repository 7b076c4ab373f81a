import { splitConditionKey } from "../evaluation/context-keys.js";
import type { EvaluationRequest } from "../evaluation/evaluation-request.js";
import { foldCase } from "../wildcard.js";
import { KeyedValues, type KeyValues, type RequestValue } from "./request-value.js";

/** What answers a condition key. `resource-tag`: the model, or the context where the model knows no tags. */
export type KeyKind = "current-time" | "action" | "caller" | "resource-tag" | "context";

/** Where a condition finds its request values. */
export interface ConditionKey {
  readonly kind: KeyKind;
  /** The key exactly as the policy spells its tag part. */
  readonly exact: (request: EvaluationRequest) => KeyValues;
  /** Values under keys whose tag part differs in case only; none for keys without a tag part. */
  readonly otherSpellings: (request: EvaluationRequest) => readonly (readonly RequestValue[])[];
}

/** Keys that the request itself answers, in lower case. */
const MODEL_KEYS: ReadonlyMap<string, KeyKind> = new Map([
  ["acs:currenttime", "current-time"],
  ["action", "action"],
  ["acs:principalarn", "caller"],
]);
const NOTHING: readonly (readonly RequestValue[])[] = [];
const NO_OTHERS = (): readonly (readonly RequestValue[])[] => NOTHING;
const ABSENT: readonly RequestValue[] = [];
const NO_TAGS = new KeyedValues(new Map());

export function kindOfKey(key: string): KeyKind {
  const folded = foldCase(key);
  if (folded.startsWith("kms:tag/") || folded.startsWith("acs:resourcetag/")) return "resource-tag";
  return MODEL_KEYS.get(folded) ?? "context";
}

/** Resolves a condition key once, when its policy is compiled (D6, D7, D22, C8). */
export function resolveConditionKey(key: string): ConditionKey {
  const kind = kindOfKey(key);
  if (kind === "current-time") return modelKey(kind, (request) => request.currentTime);
  if (kind === "action") return modelKey(kind, (request) => request.actionValue);
  if (kind === "caller") return modelKey(kind, (request) => request.caller.conditionArn);
  const { prefix, suffix } = splitConditionKey(key);
  if (prefix === "kms:tag/") return kmsTagKey(suffix);
  if (prefix === "acs:resourcetag/") return resourceTagKey(suffix, contextKey(prefix, suffix));
  return contextKey(prefix, suffix);
}

function modelKey(kind: KeyKind, exact: (request: EvaluationRequest) => KeyValues): ConditionKey {
  return { kind, exact, otherSpellings: NO_OTHERS };
}

/** The model's tags, whatever the caller sends; other services have no `kms:tag`. */
function kmsTagKey(tag: string): ConditionKey {
  const folded = foldCase(tag);
  return {
    kind: "resource-tag",
    exact: ({ tags }) => tags?.get(tag) ?? ABSENT,
    otherSpellings: ({ tags }) => (tags ?? NO_TAGS).ofOtherSpellings(tag, folded),
  };
}

/** The model's tags for KMS resources; for others whatever the caller supplies. */
function resourceTagKey(tag: string, fromContext: ConditionKey): ConditionKey {
  const known = kmsTagKey(tag);
  return {
    kind: "resource-tag",
    exact: (request) => (request.tags === null ? fromContext : known).exact(request),
    otherSpellings: (request) => (request.tags === null ? fromContext : known).otherSpellings(request),
  };
}

function contextKey(prefix: string, suffix: string): ConditionKey {
  const key = prefix + suffix;
  const folded = foldCase(key);
  return {
    kind: "context",
    exact: ({ context }) => context.get(key),
    otherSpellings: suffix === "" ? NO_OTHERS : ({ context }) => context.ofOtherSpellings(key, folded),
  };
}
