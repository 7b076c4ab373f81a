import { splitConditionKey } from "../evaluation/context-keys.js";
import type { EvaluationRequest } from "../evaluation/evaluation-request.js";
import { foldCase } from "../wildcard.js";

/** Values of a key in a request: undefined when nobody supplied the key, empty when it is known to be absent. */
export type KeyValues = readonly string[] | undefined;

/** Where a condition finds its request values. */
export interface ConditionKey {
  readonly kind: "current-time" | "caller-or-action" | "resource-tag" | "context";
  /** The key exactly as the policy spells its tag part. */
  readonly exact: (request: EvaluationRequest) => KeyValues;
  /** Values under keys whose tag part differs in case only; none for keys without a tag part. */
  readonly otherSpellings: (request: EvaluationRequest) => readonly (readonly string[])[];
}

const NO_OTHERS = (): readonly (readonly string[])[] => [];

/** Resolves a condition key once, when its policy is compiled (D6, D7, D22, C8). */
export function resolveConditionKey(key: string): ConditionKey {
  const folded = foldCase(key);
  if (folded === "acs:currenttime") return modelKey("current-time", (request) => request.nowText);
  if (folded === "action") return modelKey("caller-or-action", (request) => request.action);
  if (folded === "acs:principalarn") return modelKey("caller-or-action", (request) => request.caller.conditionArn);
  const { prefix, suffix } = splitConditionKey(key);
  if (prefix === "kms:tag/") return kmsTagKey(suffix);
  if (prefix === "acs:resourcetag/") return resourceTagKey(suffix, contextKey(prefix, suffix));
  return contextKey(prefix, suffix);
}

function modelKey(kind: ConditionKey["kind"], read: (request: EvaluationRequest) => string): ConditionKey {
  return { kind, exact: (request) => [read(request)], otherSpellings: NO_OTHERS };
}

const NO_TAGS: ReadonlyMap<string, string> = new Map();

/** The model's tags, whatever the caller sends; other services have no `kms:tag`. */
function kmsTagKey(tag: string): ConditionKey {
  return {
    kind: "resource-tag",
    exact: (request) => exactTag(request.tags ?? NO_TAGS, tag),
    otherSpellings: (request) => otherTags(request.tags ?? NO_TAGS, tag),
  };
}

/** The model's tags for KMS resources; for others whatever the caller supplies. */
function resourceTagKey(tag: string, fromContext: ConditionKey): ConditionKey {
  return {
    kind: "resource-tag",
    exact: (request) => (request.tags === null ? fromContext.exact(request) : exactTag(request.tags, tag)),
    otherSpellings: (request) =>
      request.tags === null ? fromContext.otherSpellings(request) : otherTags(request.tags, tag),
  };
}

function exactTag(tags: ReadonlyMap<string, string>, tag: string): readonly string[] {
  const value = tags.get(tag);
  return value === undefined ? [] : [value];
}

function otherTags(tags: ReadonlyMap<string, string>, tag: string): readonly (readonly string[])[] {
  if (tags.size === 0) return [];
  const folded = foldCase(tag);
  return [...tags].filter(([key]) => key !== tag && foldCase(key) === folded).map(([, value]) => [value]);
}

function contextKey(prefix: string, suffix: string): ConditionKey {
  const key = prefix + suffix;
  const folded = foldCase(key);
  const otherSpellings = ({ context }: EvaluationRequest): readonly (readonly string[])[] =>
    [...context].filter(([name]) => name !== key && foldCase(name) === folded).map(([, values]) => values);
  return {
    kind: "context",
    exact: ({ context }) => context.get(key),
    otherSpellings: suffix === "" ? NO_OTHERS : otherSpellings,
  };
}
