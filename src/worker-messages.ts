import type { StopSignal } from "./process-events.js";
import type { CountedMetric } from "./server/summed-metrics.js";
import type { MovedScope } from "./store/revisions.js";

/** What the supervisor tells a worker. */
export type Order =
  /** The database is ready: serve. */
  | { readonly kind: "open"; readonly databaseUrl: string }
  /** Answer what is under way, and end. */
  | { readonly kind: "stop"; readonly signal: StopSignal }
  | { readonly kind: "count"; readonly scrape: number }
  | MovedMessage;

/** What a worker tells the supervisor. */
export type Report =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "ready" }
  /** It cannot start, and ends. */
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "counted"; readonly scrape: number; readonly metrics: readonly CountedMetric[] }
  | MovedMessage;

/** A change through one worker has moved scopes; the others are told. */
export interface MovedMessage {
  readonly kind: "moved";
  readonly moved: readonly MovedScope[];
}
