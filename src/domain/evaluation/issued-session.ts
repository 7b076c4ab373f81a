import type { IssuedSession, PrincipalFacts } from "./access-request.js";
import type { Diagnostic } from "./decision.js";
import { type PolicyClass, sessionClass } from "./policy-class.js";
import type { Weighing } from "./weigh-stages.js";

/** What the issued sessions of a principal come to at an instant (D32). */
export interface SessionsInForce {
  /** Sessions were issued under this ARN, and none of them is active. */
  readonly ended: boolean;
  /** One class for each policy that an active session carries: the ARN alone does not tell which session asks. */
  readonly gates: readonly PolicyClass[];
  /** For each of them that cannot be read. */
  readonly incomplete: readonly Diagnostic[];
}

const NO_GATES: readonly PolicyClass[] = [];
const NEVER_ISSUED: SessionsInForce = { ended: false, gates: NO_GATES, incomplete: [] };

/** A session that has expired or was revoked decides nothing. */
export const SESSION_ENDED: Weighing = {
  outcome: "IMPLICIT_DENY",
  decidedBy: "SESSION_POLICY",
  reads: new Set(),
  shadowed: false,
};

export const SESSION_INACTIVE: Diagnostic = {
  code: "SESSION_INACTIVE",
  message: "no session that was issued under this name is active: each has expired or was revoked",
};

const UNREADABLE: Diagnostic = {
  code: "INCOMPLETE_POLICY_SET",
  message: "the document of a stored session policy is not known: it may allow or deny anything",
};

export function sessionsInForce({ issued }: Pick<PrincipalFacts, "issued">, now: number): SessionsInForce {
  if (issued.length === 0) return NEVER_ISSUED;
  const active = issued.filter((session) => isActiveSession(session, now));
  const documents = new Set(active.flatMap(({ policy }) => (policy === null ? [] : [policy.compiled])));
  return {
    ended: active.length === 0,
    gates: [...documents].map(sessionClass),
    incomplete: documents.has(null) ? [UNREADABLE] : [],
  };
}

/** True when `issuedAt ≤ now < expiresAt`, and `now < revokedAt`. */
function isActiveSession({ issuedAt, expiresAt, revokedAt }: IssuedSession, now: number): boolean {
  return issuedAt <= now && now < expiresAt && (revokedAt === null || now < revokedAt);
}

/** The instants at which a session begins or ends, milliseconds since the epoch. */
export function boundsOfSession({ issuedAt, expiresAt, revokedAt }: IssuedSession): number[] {
  return revokedAt === null ? [issuedAt, expiresAt] : [issuedAt, expiresAt, revokedAt];
}
