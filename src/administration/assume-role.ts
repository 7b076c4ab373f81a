import { excerpt } from "../domain/arn.js";
import { type Caller, callerName } from "../domain/caller.js";
import { HARD_LIMITS, NAME_RULES, RAM_LIMITS } from "../domain/limits.js";
import { type PrincipalName, parsePrincipalArn } from "../domain/principal.js";
import type { Transaction } from "../store/prisma-client.js";
import { readClock } from "../store/revisions.js";
import { newSessionToken } from "../store/session-tokens.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount, type Effect } from "./change-account.js";
import { sessionFacts } from "./facts.js";
import { type EntityName, entityName, findEntity, type StoredEntity } from "./look-up.js";
import { requireMayAssume } from "./may-assume.js";
import { newId } from "./new-id.js";
import { policyText } from "./policy-text.js";
import { refuse, refuseIfAny, type UserError, userError } from "./user-error.js";

export interface AssumeRoleInput {
  /** ARN of the role. */
  readonly role: string;
  /** 2 to 64 letters, digits and `.@_-`; case counts. */
  readonly sessionName: string;
  /** Seconds, 900 to the role's maximum; 3,600 unless given, or the role's maximum where that is less. */
  readonly durationSeconds?: number | null | undefined;
  /** Withholds what it does not allow: a policy document as JSON value or text, at most 2,048 characters. */
  readonly sessionPolicy?: unknown;
  /** Operators only: ARN of the principal that assumes the role. */
  readonly onBehalfOf?: string | null | undefined;
}

export interface AssumedRole {
  readonly sessionId: string;
  /** Shown once: null where an earlier answer is repeated. */
  readonly token: string | null;
}

interface NewSession {
  readonly role: EntityName;
  readonly name: string;
  readonly arn: string;
  readonly policy: string | null;
  readonly durationSeconds: number | null;
  /** Who assumes the role; null: an operator, who needs no permission. */
  readonly assumer: PrincipalName | null;
  /** Input field that names it; none when it is the caller. */
  readonly assumerField: readonly string[];
  readonly issuedTo: string;
}

/**
 * Opens a session of a role. Whoever asks needs an Allow of its identity policies and of the role's trust policy (C22);
 * an operator without `onBehalfOf` needs neither, since it could change both. Only the digest of the token is kept.
 */
export async function assumeRole(
  administration: Administration,
  input: AssumeRoleInput,
  request: ChangeRequest,
): Promise<ChangeResult<AssumedRole>> {
  const issued = new Map<string, string>();
  const plan = () => {
    const session = readSession(input, request.caller);
    return {
      action: "assumeRole",
      requires: "USE_CASE" as const, // RAM asks the trust policy, too
      account: session.role.account,
      lock: "shared" as const,
      targets: targetsOf(session),
      scopes: [`prin:${session.arn}`],
      input,
      run: (tx: Transaction) => openSession(tx, session, issued),
    };
  };
  return withToken(await changeAccount(administration, request, plan), issued);
}

/** Whoever assumes the role is among them, whether it asked itself or an operator did on its behalf. */
function targetsOf({ role, arn, assumer }: NewSession): string[] {
  return [role.arn, arn, ...(assumer === null ? [] : [assumer.arn])];
}

/** A token is in no record, so that a repeated answer cannot have it. */
function withToken(
  { value, ...result }: ChangeResult<Omit<AssumedRole, "token">>,
  issued: ReadonlyMap<string, string>,
): ChangeResult<AssumedRole> {
  return { ...result, value: value && { ...value, token: issued.get(value.sessionId) ?? null } };
}

function readSession(input: AssumeRoleInput, caller: Caller): NewSession {
  const { sessionName: name, durationSeconds = null, sessionPolicy = null } = input;
  const role = entityName(input.role, ["ROLE"], "role");
  refuseIfAny(checkSessionName(name));
  const longest = RAM_LIMITS.sessionPolicyCharacters;
  const policy = sessionPolicy === null ? null : policyText(sessionPolicy, "identity", longest, "sessionPolicy");
  const assumer = assumerOf(input, caller);
  const { arn } = parsePrincipalArn(`${role.arn}/${name}`);
  const assumerField = caller.kind === "OPERATOR" ? ["onBehalfOf"] : [];
  const issuedTo = assumer?.arn ?? callerName(caller);
  return { role, name, arn, policy, durationSeconds, assumer, assumerField, issuedTo };
}

function checkSessionName(name: string): UserError[] {
  if (NAME_RULES.session.test(name)) return [];
  const { sessionNameMinLength: least, sessionNameMaxLength: most } = RAM_LIMITS;
  const message = `a session name needs ${least} to ${most} letters, digits and \`.@_-\``;
  return [userError("INVALID_PARAMETER_ROLE_SESSION_NAME", message, "sessionName")];
}

function assumerOf({ onBehalfOf }: AssumeRoleInput, caller: Caller): PrincipalName | null {
  const named = onBehalfOf === null || onBehalfOf === undefined ? null : parsePrincipalArn(onBehalfOf);
  if (caller.kind === "PRINCIPAL") {
    if (named !== null) refuse("NO_PERMISSION", "only operators may assume a role on behalf of others", "onBehalfOf");
    return parsePrincipalArn(caller.principalArn);
  }
  if (named?.kind !== "GROUP") return named;
  refuse("INVALID_PARAMETER_PRINCIPAL_TYPE", `\`${named.arn}\` is a group, which assumes no roles`, "onBehalfOf");
}

async function openSession(
  tx: Transaction,
  session: NewSession,
  issued: Map<string, string>,
): Promise<Effect<Omit<AssumedRole, "token">>> {
  const { role, arn } = session;
  const [field] = session.assumerField;
  if (session.assumer !== null && field === undefined) await requireMayAssume(tx, session.assumer, role); // first: it must not learn what there is
  const stored = await findEntity(tx, role, "role");
  refuseServiceLinked(stored);
  if (session.assumer !== null && field !== undefined) await requireMayAssume(tx, session.assumer, role, field);
  const seconds = await durationOf(tx, session, stored.id);
  const now = await readClock(tx);
  await makeRoom(tx, arn, now);
  const sessionId = await insertSession(tx, session, stored.id, { now, seconds, issued });
  return { value: { sessionId }, changed: true, created: true, after: await sessionFacts(tx, sessionId) };
}

/** Only their service assumes them (D27). */
function refuseServiceLinked({ roleKind, name, service }: StoredEntity): void {
  if (roleKind !== "SERVICE_LINKED") return;
  const owner = service === null ? "its service" : `the service \`${excerpt(service)}\``;
  refuse("NO_PERMISSION", `\`${name}\` is a service-linked role: only ${owner} assumes it`, "role");
}

/** Seconds; RAM limits a role that assumes another one (role chaining) to an hour. */
async function durationOf(tx: Transaction, { durationSeconds, assumer }: NewSession, roleId: string): Promise<number> {
  const { sessionDurationMinSeconds: least, sessionDurationDefaultSeconds, chainedSessionMaxSeconds } = RAM_LIMITS;
  const { maxSessionDuration } = await tx.principal.findUniqueOrThrow({
    where: { id: roleId },
    select: { maxSessionDuration: true },
  });
  const chained = assumer?.kind === "ROLE" || assumer?.kind === "ROLE_SESSION";
  const roleMost = maxSessionDuration ?? RAM_LIMITS.roleMaxSessionMinSeconds;
  const most = chained ? Math.min(roleMost, chainedSessionMaxSeconds) : roleMost;
  const seconds = durationSeconds ?? Math.min(most, sessionDurationDefaultSeconds);
  if (Number.isInteger(seconds) && seconds >= least && seconds <= most) return seconds;
  const whose = chained ? "a session that a role opens" : "a session of this role";
  refuse("INVALID_PARAMETER_DURATION_SECONDS", `${whose} lasts ${least} to ${most} seconds`, "durationSeconds");
}

/** Keeps what a decision about this name has to read within bounds; the audit trail keeps what is forgotten here. */
async function makeRoom(tx: Transaction, arn: string, now: Date): Promise<void> {
  const most = HARD_LIMITS.activeSessions;
  const active = await tx.roleSession.count({ where: { arn, revokedAt: null, expiresAt: { gt: now } } });
  if (active >= most) {
    const message = `${most} sessions of this name are active, the most there may be: use another name`;
    refuse("LIMIT_EXCEEDED_ROLE_SESSION", message, "sessionName");
  }
  await tx.$executeRaw`
    DELETE FROM role_session WHERE id IN (
      SELECT id FROM role_session WHERE arn = ${arn} AND (expires_at <= ${now} OR revoked_at IS NOT NULL)
      ORDER BY id DESC OFFSET ${HARD_LIMITS.endedSessions})`;
}

interface Issue {
  readonly now: Date;
  readonly seconds: number;
  /** Receives the token of the session. */
  readonly issued: Map<string, string>;
}

async function insertSession(
  tx: Transaction,
  { role, name, arn, policy, issuedTo }: NewSession,
  roleId: string,
  { now, seconds, issued }: Issue,
): Promise<string> {
  const id = newId();
  const token = newSessionToken(id);
  await tx.roleSession.create({
    data: {
      id,
      accountId: role.account,
      roleId,
      arn,
      sessionName: name,
      tokenDigest: new Uint8Array(token.digest),
      sessionPolicy: policy,
      issuedTo,
      issuedAt: now,
      expiresAt: new Date(now.getTime() + seconds * 1_000),
    },
    select: { id: true },
  });
  issued.set(id, token.text);
  return id;
}
