import { LRUCache } from "lru-cache";
import type { Verdict } from "../domain/evaluation/decision.js";
import type { DecisionCache } from "./decision-cache.js";
import { type CachedAnswer, openAnswer, sealAnswer } from "./sealed-answer.js";

/** Answers under keys that hold all they depend on: an entry can be lost, but never be wrong. */
export interface AnswerCache {
  /** What this process knows, in the order of `keys`; null: it does not. */
  recall(keys: readonly string[]): readonly (CachedAnswer | null)[];
  /** What gateways share, in the order of `keys`; null: not known. Kept in this process from then on. Never rejects. */
  find(keys: readonly string[]): Promise<readonly (CachedAnswer | null)[]>;
  /** Keeps an answer in this process. */
  keep(key: string, answer: CachedAnswer): void;
  /** Keeps an answer for all, for at most `ttlMs`. */
  share(key: string, answer: CachedAnswer, ttlMs: number): void;
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

/** Answers of this process, opened and checked already, and those that gateways share. */
export function createAnswerCache(options: AnswerCacheOptions): AnswerCache {
  const { shared, macKey, entries } = options;
  const local =
    entries === 0
      ? null
      : new LRUCache<string, CachedAnswer>({ max: entries, maxSize: MAX_BYTES, sizeCalculation: sizeOf });
  const findShared = sharedFinder(options);
  return {
    recall: (keys) => keys.map((key) => local?.get(key) ?? null),
    async find(keys) {
      const opened = await findShared(keys);
      for (const [place, answer] of opened.entries()) if (answer !== null) local?.set(keys[place] ?? "", answer);
      return opened;
    },
    keep(key, answer) {
      local?.set(key, answer);
    },
    share(key, answer, ttlMs) {
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
