/**
 * Keeps sealed answers that gateways share. It is never trusted and never waited for long: an entry that is lost, late or broken is a
 * miss, and no method ever rejects.
 */
export interface DecisionCache {
  /** Values in the order of `keys`; null: not there. */
  getMany(keys: readonly string[]): Promise<readonly (Buffer | null)[]>;
  /** Keeps `value` for at most `ttlMs`. Does not wait for it to be stored. */
  set(key: string, value: Buffer, ttlMs: number): void;
  /** Removes an entry that is broken. Does not wait for it. */
  delete(key: string): void;
  close(): Promise<void>;
}

/** Told about changes of state, once each; never about single failures. */
export type CacheLog = (message: string) => void;
