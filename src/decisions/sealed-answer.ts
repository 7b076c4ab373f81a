import { createHmac, timingSafeEqual } from "node:crypto";
import type { Verdict } from "../domain/evaluation/decision.js";
import type { ResourceSummary } from "./question.js";

/** What the cache keeps of an answer. Instants are milliseconds since the epoch. */
export interface CachedAnswer {
  readonly decisions: readonly Verdict[];
  readonly resource: ResourceSummary;
  readonly evaluatedAt: number;
  /** The answer holds at every instant t with `validFrom <= t < validUntil`; null: no bound. */
  readonly validFrom: number | null;
  readonly validUntil: number | null;
}

const FORMAT = 1;
const MAC_BYTES = 32;
const OUTCOMES: ReadonlySet<unknown> = new Set(["ALLOW", "EXPLICIT_DENY", "IMPLICIT_DENY", "CONDITIONAL"]);

/** Turns an answer into bytes that only a gateway of this environment can have made, and only for this key. */
export function sealAnswer(macKey: Buffer, key: string, answer: CachedAnswer): Buffer {
  const payload = Buffer.from(JSON.stringify({ format: FORMAT, ...answer }));
  return Buffer.concat([macOf(macKey, key, payload), payload]);
}

/** Null for whatever was not sealed under this very key, or has another shape. */
export function openAnswer(macKey: Buffer, key: string, sealed: Buffer): CachedAnswer | null {
  if (sealed.length <= MAC_BYTES) return null;
  const payload = sealed.subarray(MAC_BYTES);
  if (!timingSafeEqual(sealed.subarray(0, MAC_BYTES), macOf(macKey, key, payload))) return null;
  try {
    const answer: unknown = JSON.parse(payload.toString("utf8"));
    return isCachedAnswer(answer) ? answer : null;
  } catch {
    return null;
  }
}

function macOf(macKey: Buffer, key: string, payload: Buffer): Buffer {
  return createHmac("sha256", macKey).update(key).update("\0").update(payload).digest();
}

function isCachedAnswer(value: unknown): value is CachedAnswer {
  return (
    isRecord(value) &&
    value["format"] === FORMAT &&
    Array.isArray(value["decisions"]) &&
    value["decisions"].every(isVerdict) &&
    isResource(value["resource"]) &&
    typeof value["evaluatedAt"] === "number" &&
    isInstant(value["validFrom"]) &&
    isInstant(value["validUntil"])
  );
}

const VERDICT_TEXTS = ["principal", "action", "resource", "certainty", "decidedBy"];
const REASON_LISTS = ["matchedStatements", "missingContextKeys", "residualConditions", "diagnostics"];

function isVerdict(value: unknown): value is Verdict {
  return (
    isRecord(value) &&
    OUTCOMES.has(value["outcome"]) &&
    VERDICT_TEXTS.every((name) => typeof value[name] === "string") &&
    isInstant(value["validFrom"]) &&
    isInstant(value["validUntil"]) &&
    (!("reason" in value) || hasReasons(value))
  );
}

function hasReasons(value: Record<string, unknown>): boolean {
  return (
    typeof value["reason"] === "string" &&
    REASON_LISTS.every((name) => Array.isArray(value[name])) &&
    (value["nearMisses"] === null || Array.isArray(value["nearMisses"]))
  );
}

function isResource(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value["arn"] === "string" &&
    typeof value["registered"] === "boolean" &&
    ["keyState", "encryptionKeyArn", "aliasTargetArn"].every((name) => isText(value[name]) || value[name] === null)
  );
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isInstant(value: unknown): boolean {
  return value === null || typeof value === "number";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
