import type { Caller } from "../domain/caller.js";
import type { ScopePrecedence } from "../domain/evaluation/access-request.js";
import { RAM_LIMITS } from "../domain/limits.js";
import type { Database } from "../store/prisma-client.js";
import type { Tokens } from "../store/revision-token.js";
import type { MovedScope } from "../store/revisions.js";
import type { UserError } from "./user-error.js";

/** Quotas of writes through the API (D30). */
export interface Limits {
  readonly customPolicyCharacters: number;
  readonly versionsPerPolicy: number;
  readonly customPoliciesPerAccount: number;
  readonly usersPerAccount: number;
  readonly groupsPerAccount: number;
  readonly rolesPerAccount: number;
  readonly groupsPerUser: number;
  readonly systemPoliciesPerIdentity: number;
  readonly customPoliciesPerIdentity: number;
  readonly tagsPerResource: number;
  /** Days that the API key of a principal lives at most, and unless its maker says otherwise. Not a quota of RAM. */
  readonly apiKeyDays: number;
}

/** RAM's own quotas. */
export const DEFAULT_LIMITS: Limits = { ...RAM_LIMITS, apiKeyDays: 90 };

/** What every change needs. */
export interface Administration {
  readonly db: Database;
  readonly tokens: Tokens;
  readonly limits: Limits;
  /** MAC key of the heads of the audit trails. */
  readonly auditKey: Uint8Array;
  /** How the rights of callers are evaluated; `staged` unless given. */
  readonly scopePrecedence?: ScopePrecedence;
  /** Told, after a change was committed, which scopes it moved, that of the trail too. Nothing depends on its being heard. */
  readonly onMoved?: (moved: readonly MovedScope[]) => void;
}

/** Who asks for a change, and how it is to be made. */
export interface ChangeRequest {
  readonly caller: Caller;
  readonly requestId: string;
  /** Run every check and the write, then take it back. */
  readonly dryRun?: boolean | null | undefined;
  /** For the audit trail. */
  readonly reason?: string | null | undefined;
  /** Revision token; the change is refused when a scope that both share has moved since. */
  readonly expectedRevision?: string | null | undefined;
  /** The same key with the same input has one effect and one answer. */
  readonly idempotencyKey?: string | null | undefined;
}

/** What a change did. */
export interface ChangeResult<T> {
  /** Null when the change was refused, and for things that a dry run would have made. */
  readonly value: T | null;
  /** Why it was refused; nothing has changed then. */
  readonly userErrors: readonly UserError[];
  /** False when everything already was so. */
  readonly changed: boolean;
  /** Token of the scopes that the change touches; null when it was refused. */
  readonly revision: string | null;
}

/** A tag of a principal, key or secret. */
export interface Tag {
  readonly key: string;
  readonly value: string;
}
