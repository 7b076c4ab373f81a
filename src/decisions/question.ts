import type { KeyState } from "../domain/evaluation/access-request.js";
import type { RequestContextInput } from "../domain/evaluation/context-keys.js";
import type { Detail, Verdict } from "../domain/evaluation/decision.js";
import type { RevisionVector } from "../store/revisions.js";
import type { Consistency } from "./consistency.js";

/** What may one principal do with one resource? */
export interface Question {
  /** ARN of a user, role, role session or account owner, in any spelling. */
  readonly principal: string;
  /** ARN, or `*`. */
  readonly resource: string;
  /** Null: every action that the type of the resource has. */
  readonly actions: readonly string[] | null;
  readonly context?: RequestContextInput | null | undefined;
  /** JSON value or JSON text; undefined or null: none. Roles and sessions only. */
  readonly sessionPolicy?: unknown;
  /** Default: full. */
  readonly consistency?: Consistency | null | undefined;
  /** Default: `REASONS`. */
  readonly detail?: Detail | undefined;
  /**
   * The answer must not show what is known of the resource: it is decided as if nobody had registered it. Default: false.
   */
  readonly asStranger?: boolean | undefined;
}

/** What operations need to know of the resource that was asked about. */
export interface ResourceSummary {
  readonly arn: string;
  readonly registered: boolean;
  readonly keyState: KeyState | null;
  readonly encryptionKeyArn: string | null;
  readonly aliasTargetArn: string | null;
}

/** `HIT`: nothing was evaluated; `BYPASS`: the cache is off or the answer may not be kept; else `MISS`. */
export type CacheStatus = "HIT" | "MISS" | "BYPASS";

export interface Answer {
  /** One for each action, in the order of the question; with reasons as far as the question wants them. */
  readonly decisions: readonly Verdict[];
  readonly resource: ResourceSummary;
  readonly cache: CacheStatus;
  /** Revisions of the state that was evaluated. */
  readonly vector: RevisionVector;
  /** Issues the token of `vector`. */
  readonly revision: () => string;
  /** When it was evaluated: milliseconds since the epoch, database clock. */
  readonly evaluatedAt: number;
}

/** Asks one question; many calls in one turn of the event loop may share their work. */
export type Ask = (question: Question) => Promise<Answer>;

/** The parts that questions derived from one request have in common. */
export type Circumstances = Pick<Question, "context" | "sessionPolicy" | "consistency" | "detail">;

/** Picks the circumstances out of a larger input. */
export function circumstancesOf({ context, sessionPolicy, consistency, detail }: Circumstances): Circumstances {
  return { context, sessionPolicy, consistency, detail };
}
