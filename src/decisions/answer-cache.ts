import { LRUCache } from "lru-cache";
import type { Verdict } from "../domain/evaluation/decision.js";
import type { DecisionCache } from "./decision-cache.js";
import { type CachedAnswer, openAnswer, sealAnswer } from "./sealed-answer.js";

/** Answers under keys that hold all they depend on: an entry can be lost, but never be wrong. */
export interface AnswerCache {
  /** In the order of `keys`; null: not known. Never rejects. */
  find(keys: readonly string[]): Promise<readonly (CachedAnswer | null)[]>;
  /** Keeps an answer, in what gateways share for at most `ttlMs`. */
  keep(key: string, answer: CachedAnswer, ttlMs: number): void;
  /** In this process and, as far as it can be told, for everybody. */
  forget(key: string): void;
}

export interface AnswerCacheOptions {
  /** What gateways share; null: nothing. */
  readonly shared: DecisionCache | null;
  /** MAC key of what is shared. */
  readonly macKey: Buffer;
  /** Told of every shared entry that was not sealed by a gateway for its key. */
  readonly onForged?: (key: string) => void;
  /** Answers that this process keeps; 0: none. */
  readonly entries: number;
}

const MAX_BYTES = 64 * 1024 * 1024;

/** Answers of this process first, opened and checked already; then those that gateways share. */
export function createAnswerCache(options: AnswerCacheOptions): AnswerCache {
  const { shared, macKey, entries } = options;
  const local =
    entries === 0
      ? null
      : new LRUCache<string, CachedAnswer>({ max: entries, maxSize: MAX_BYTES, sizeCalculation: sizeOf });
  const findShared = sharedFinder(options);
  return {
    async find(keys) {
      const found = keys.map((key) => local?.get(key) ?? null);
      const missing = keys.filter((_key, place) => found[place] === null);
      if (missing.length === 0) return found;
      const opened = await findShared(missing);
      for (const [place, answer] of opened.entries()) if (answer !== null) local?.set(missing[place] ?? "", answer);
      const rest = opened.values();
      return found.map((answer) => answer ?? rest.next().value ?? null);
    },
    keep(key, answer, ttlMs) {
      local?.set(key, answer);
      if (shared !== null && ttlMs >= 1) shared.set(key, sealAnswer(macKey, key, answer), ttlMs);
    },
    forget(key) {
      local?.delete(key);
      shared?.delete(key);
    },
  };
}

/** Opens what gateways share; what none of them has sealed is told of, removed, and not there. */
function sharedFinder({ shared, macKey, onForged }: AnswerCacheOptions) {
  const open = (key: string, sealed: Buffer | null): CachedAnswer | null => {
    if (sealed === null) return null;
    const answer = openAnswer(macKey, key, sealed);
    if (answer === null) {
      onForged?.(key);
      shared?.delete(key);
    }
    return answer;
  };
  return async (keys: readonly string[]): Promise<readonly (CachedAnswer | null)[]> => {
    const sealed = (await shared?.getMany(keys)) ?? [];
    return keys.map((key, place) => open(key, sealed[place] ?? null));
  };
}

/** About what an answer takes in memory, in bytes. */
function sizeOf({ decisions }: CachedAnswer, key: string): number {
  return 512 + key.length + decisions.reduce((sum, verdict) => sum + sizeOfVerdict(verdict), 0);
}

function sizeOfVerdict(verdict: Verdict): number {
  const { matchedStatements = [], residualConditions = [], diagnostics = [] } = verdict as Partial<WithLists>;
  return 256 + 400 * (matchedStatements.length + residualConditions.length + diagnostics.length);
}

type WithLists = Record<"matchedStatements" | "residualConditions" | "diagnostics", readonly unknown[]>;
