import { setTimeout as sleep } from "node:timers/promises";
import { excerpt } from "../domain/arn.js";
import { callerName } from "../domain/caller.js";
import type { Transaction } from "../store/prisma-client.js";
import {
  type MovedScope,
  movedScopes,
  type RevisionRow,
  type RevisionVector,
  readRevisions,
  toVector,
  trailScope,
} from "../store/revisions.js";
import {
  asStoreError,
  isReferenceViolation,
  isRetryable,
  isUniqueViolation,
  UnavailableError,
} from "../store/store-errors.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { recordAuditEvent } from "./audit-trail.js";
import { type Authorisation, authoriseChange, type Grantor, refuseForeign } from "./authorise-change.js";
import { withoutOptions } from "./change-input.js";
import { beyondSelf, type Gift, watchGift } from "./escalation.js";
import { holdCaller } from "./hold-caller.js";
import { claimIdempotencyKey, fingerprintOf, storeResponse } from "./idempotency.js";
import { Refusal, refuse, refuseIfAny } from "./user-error.js";
import { checkText, isAccountNumber } from "./validation.js";

/**
 * How a change keeps others out of its account while it runs. `shared`: only imports wait; `counted`: also other
 * changes that count towards a quota of the account; `exclusive`: every other change waits.
 */
export type AccountLock = "shared" | "counted" | "exclusive";

/** What a use case did, inside the transaction. */
export interface Effect<T> {
  readonly value: T;
  readonly changed: boolean;
  /** True when `value` names something that is gone after a dry run. */
  readonly created?: boolean;
  /** What the audit trail keeps in place of the input. */
  readonly audit?: object;
  /**
   * For the audit trail: the changed thing as it was, in plain JSON (dates become RFC 3339), as far as the change is
   * about it. Null or left out where there was nothing; then the change has made it. Never a secret.
   */
  readonly before?: object | null;
  /** The same as it is now; null or left out where there is nothing any more. */
  readonly after?: object | null;
}

/** One change of one account, ready to be made. */
export interface Change<T> extends Authorisation {
  /** Name of the mutation; what the audit trail calls the change. */
  readonly action: string;
  /** Account number that the change belongs to; null: to no account but to the gateway, which has a trail of its own. */
  readonly account: string | null;
  /** Whose rights it touches; none: nobody's. */
  readonly gift?: Gift | undefined;
  readonly lock: AccountLock;
  /** ARNs the change is about. */
  readonly targets: readonly string[];
  /** Scopes of the revision vector that guard the change: it moves at least one of them whenever it changes anything. */
  readonly scopes: readonly string[];
  /** True where every other change of the account has to do with it. Its `lock` is `exclusive`. */
  readonly guardedByAll?: boolean;
  /** As the caller sent it; its fingerprint guards the idempotency key. */
  readonly input: object;
  /** True for changes that may make the account. */
  readonly createsAccount?: boolean;
  /** Longest time the transaction may take, in ms. */
  readonly timeout?: number;
  /** Checks and writes; throws {@link Refusal} to change nothing. */
  run(tx: Transaction): Promise<Effect<T>>;
}

/** Carries the result of a dry run out of the transaction that it rolls back. */
class DryRunDone<T> extends Error {
  readonly result: ChangeResult<T>;

  constructor(result: ChangeResult<T>) {
    super("dry run");
    this.result = result;
  }
}

/** What an attempt came to, and the scopes it moved. */
interface Done<T> {
  readonly result: ChangeResult<T>;
  readonly moved: readonly MovedScope[];
}

const ATTEMPTS = 6;
const TIMEOUT_MS = 30_000;
const MAX_WAIT_MS = 10_000;
const LOCK_TIMEOUT_MS = "2000";

/**
 * The one way to write: one transaction that takes the idempotency key, checks the expected revision, runs the use
 * case, and leaves an audit event and a revision token. A refused change and a dry run leave nothing behind.
 *
 * @param plan makes the change from its input; may refuse
 * @throws ForbiddenError for what the caller may not change, InvalidInputError for a malformed revision token, UnavailableError when the database does not answer, or other
 *   transactions keep getting in the way; then the same change may be asked for again, best under an idempotency key
 */
export async function changeAccount<T>(
  administration: Administration,
  request: ChangeRequest,
  plan: () => Change<T>,
): Promise<ChangeResult<T>> {
  try {
    checkRequest(request);
    const change = plan();
    checkAccount(change.account);
    refuseForeign(request.caller, change);
    const { result, moved } = await withRetries(() => attempt(administration, request, change));
    administration.onMoved?.(moved);
    return result;
  } catch (error) {
    if (error instanceof Refusal) return { value: null, userErrors: error.errors, changed: false, revision: null };
    throw asStoreError(error);
  }
}

function checkRequest({ reason, idempotencyKey }: ChangeRequest): void {
  refuseIfAny([...checkText(reason, 1_024, "reason"), ...checkText(idempotencyKey, 255, "idempotencyKey")]);
  if (idempotencyKey === "") refuse("INVALID_PARAMETER_TEXT", "`idempotencyKey` is empty", "idempotencyKey"); // a caller that forgot to fill it in would repeat its first change for ever
}

function checkAccount(account: string | null): void {
  if (account === null || isAccountNumber(account)) return;
  refuse(
    "INVALID_PARAMETER_ACCOUNT",
    `\`${excerpt(account)}\` is not an account number: it needs 1 to 32 digits`,
    "account",
  );
}

/**
 * Runs the transaction again after serialization failures and deadlocks. A unique or reference violation here means
 * that another transaction was faster than our check: the next attempt sees its row and refuses with the right code.
 * A lock that is not to be had in time is no reason: waiting again would only keep a connection from others for longer.
 *
 * @throws UnavailableError when the last attempt fails for such a reason too
 */
async function withRetries<T>(run: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await run();
    } catch (error) {
      const raced = isRetryable(error) || isUniqueViolation(error) || isReferenceViolation(error);
      if (!raced) throw error;
      if (attempts === ATTEMPTS) throw new UnavailableError("other changes keep getting in the way", { cause: error });
      await sleep(Math.random() * 10 * 2 ** attempts);
    }
  }
}

async function attempt<T>(administration: Administration, request: ChangeRequest, change: Change<T>): Promise<Done<T>> {
  try {
    return await administration.db.$transaction((tx) => changeOnce(tx, administration, request, change), {
      isolationLevel: "ReadCommitted",
      maxWait: MAX_WAIT_MS,
      timeout: change.timeout ?? TIMEOUT_MS,
    });
  } catch (error) {
    if (error instanceof DryRunDone) return { result: error.result as ChangeResult<T>, moved: [] };
    throw error;
  }
}

async function changeOnce<T>(
  tx: Transaction,
  administration: Administration,
  request: ChangeRequest,
  change: Change<T>,
): Promise<Done<T>> {
  const now = await beginChange(tx);
  const wanted = { ...change, asks: change.gift && beyondSelf(change.gift) };
  const authorise = (hold?: "held") => authoriseChange(tx, administration, request.caller, wanted, hold);
  const claim = await claimKey<T>(tx, request, change);
  if (claim?.replay !== undefined) {
    await authorise(); // an answer is repeated to those only who could ask for it now
    return { result: claim.replay, moved: [] };
  }
  const expected = expectedRevisions(administration, request, now);
  await authorise(); // first without: whoever may not change anything keeps nobody out
  const found = await lockAccount(tx, change, expected);
  const before = await lockScopes(tx, change.scopes);
  const grantor = await authorise("held");
  if (!found) refuseUnknownAccount(change);
  const guards = await withTrail(tx, change, before);
  if (expected !== null) await checkExpected(tx, administration, change, { expected, guards, now });
  const effect = await runWatched(tx, administration, change, grantor);
  if (request.dryRun) throw new DryRunDone(resultOf(effect, administration.tokens.issue(guards, now), true));
  const after = effect.changed ? await readRevisions(tx, change.scopes) : before;
  if (effect.changed && !change.scopes.includes(`cred:${request.caller.credentialId}`)) {
    await holdCaller(tx, request.caller, change.targets); // who changes its own key holds its scope already
  }
  const trail = effect.changed
    ? [await recordAuditEvent(tx, administration, request, change, effect, { before, after })]
    : [];
  const result = resultOf(effect, administration.tokens.issue(await withTrail(tx, change, after), now), false);
  if (claim !== null) await storeResponse(tx, claim, result);
  return { result, moved: [...movedScopes(before, after), ...trail] };
}

async function runWatched<T>(
  tx: Transaction,
  administration: Administration,
  { gift, run }: Change<T>,
  grantor: Grantor | null,
): Promise<Effect<T>> {
  const refuseEscalation = grantor && gift ? await watchGift(tx, gift, grantor) : null;
  const effect = await run(tx);
  if (effect.changed) await refuseEscalation?.(administration);
  return effect;
}

/** Sets what the transaction needs and gives the database's clock, in ms since the epoch. */
async function beginChange(tx: Transaction): Promise<number> {
  const rows = await tx.$queryRaw<{ now: number }[]>`
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
      set_config('lock_timeout', ${LOCK_TIMEOUT_MS}, true), set_config('synchronous_commit', 'on', true)`;
  return rows[0]?.now ?? 0;
}

function isGiven<V>(value: V | null | undefined): value is V {
  return value !== null && value !== undefined;
}

function resultOf<T>(effect: Effect<T>, revision: string, dryRun: boolean): ChangeResult<T> {
  const gone = dryRun && effect.created === true;
  return { value: gone ? null : effect.value, userErrors: [], changed: effect.changed, revision };
}

/** A dry run leaves no idempotency record, so it takes none either. */
async function claimKey<T>(tx: Transaction, request: ChangeRequest, change: Change<T>) {
  const key = request.idempotencyKey;
  if (!isGiven(key) || request.dryRun) return null;
  const input = withoutOptions(change.input);
  const fingerprint = fingerprintOf([change.action, input, request.reason ?? null, request.expectedRevision ?? null]);
  return claimIdempotencyKey<ChangeResult<T>>(tx, { caller: callerName(request.caller), key, fingerprint });
}

/** Of several changes that expect the same of the whole account one wins, so each keeps all others out. */
async function lockAccount(tx: Transaction, change: Change<unknown>, expected: Expected | null): Promise<boolean> {
  const { account } = change;
  if (account === null) return true;
  const rows = await lockRow(tx, account, expected?.has(trailScope(account)) ? "exclusive" : change.lock);
  return rows.length > 0;
}

function refuseUnknownAccount({ account, createsAccount }: Change<unknown>): void {
  if (createsAccount === true) return;
  refuse("ENTITY_NOT_EXIST_ACCOUNT", `the account \`${account}\` does not exist`);
}

function lockRow(tx: Transaction, account: string, lock: AccountLock): Promise<unknown[]> {
  if (lock === "exclusive") return tx.$queryRaw`SELECT id FROM account WHERE id = ${account} FOR UPDATE`;
  if (lock === "counted") return tx.$queryRaw`SELECT id FROM account WHERE id = ${account} FOR NO KEY UPDATE`;
  return tx.$queryRaw`SELECT id FROM account WHERE id = ${account} FOR KEY SHARE`;
}

/**
 * Locks the scopes that guard the change, in the order of the triggers, so that changes of one scope follow one
 * another: quotas hold, and of several changes that expect one revision one wins.
 */
async function lockScopes(tx: Transaction, scopes: readonly string[]): Promise<RevisionVector> {
  let rows = await lockRows(tx, scopes);
  if (rows.length < scopes.length) {
    await claimRows(tx, scopes);
    rows = await lockRows(tx, scopes);
  }
  return toVector(scopes, rows);
}

async function lockRows(tx: Transaction, scopes: readonly string[]): Promise<RevisionRow[]> {
  const rows = await tx.$queryRaw<{ scope: string; rev: bigint; tag: string }[]>`
    SELECT scope, rev, tag::text AS tag FROM scope_revision WHERE scope = ANY(${[...scopes]}::text[])
    ORDER BY scope FOR UPDATE`;
  return rows.map(({ scope, rev, tag }) => [scope, Number(rev), tag]);
}

/**
 * A row that is not there cannot be locked, and may come to be before the change looks for what it stands for: this waits
 * for whoever is making it, else others wait for this. Number 0 is that of scopes without a row.
 */
async function claimRows(tx: Transaction, scopes: readonly string[]): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO scope_revision (scope, rev) SELECT scope, 0 FROM unnest(${[...scopes]}::text[]) scope ORDER BY scope
    ON CONFLICT (scope) DO NOTHING`;
}

/** Adds how many changes of the account its trail holds, so that each of them is noticed. */
async function withTrail(tx: Transaction, change: Change<unknown>, vector: RevisionVector): Promise<RevisionVector> {
  const { account, guardedByAll } = change;
  return guardedByAll && account !== null ? new Map([...vector, ...(await readTrail(tx, account))]) : vector;
}

async function readTrail(tx: Transaction, account: string): Promise<RevisionVector> {
  const head = await tx.auditHead.findUnique({ where: { accountId: account }, select: { sequence: true } });
  const rev = head?.sequence ?? 0;
  return new Map([[trailScope(account), { rev, tag: String(rev) }]]);
}

/** @throws InvalidTokenError */
function expectedRevisions({ tokens }: Administration, request: ChangeRequest, now: number): Expected | null {
  return isGiven(request.expectedRevision) ? tokens.read(request.expectedRevision, now).revisions : null;
}

type Expected = ReadonlyMap<string, number>;

interface Expectation {
  readonly expected: Expected;
  /** What the change is guarded by, as it is now. */
  readonly guards: RevisionVector;
  /** Milliseconds since the epoch, database clock. */
  readonly now: number;
}

/** @throws Refusal CONFLICT with the token of what is current */
async function checkExpected(
  tx: Transaction,
  { tokens }: Administration,
  change: Change<unknown>,
  { expected, guards, now }: Expectation,
): Promise<void> {
  const current = new Map([...(await sharedBesides(tx, change, expected)), ...guards]);
  const moved = [...current].some(([scope, revision]) => {
    const rev = expected.get(scope);
    return rev !== undefined && rev !== (revision?.rev ?? 0);
  });
  if (!moved) return;
  const message = "something that this change is about has changed since the expected revision";
  const currentRevision = tokens.issue(guards, now);
  throw new Refusal([{ code: "CONFLICT", message, field: ["expectedRevision"], currentRevision }]);
}

/**
 * What the change has to do with besides its guards, of what a token names: a change of the whole account with all that
 * is in it, and any other with the whole account, where the token is of that.
 */
async function sharedBesides(
  tx: Transaction,
  { account, guardedByAll }: Change<unknown>,
  named: Expected,
): Promise<RevisionVector> {
  if (account === null) return new Map();
  if (guardedByAll) return readRevisions(tx, [...named.keys()].filter(isOf(account)));
  return named.has(trailScope(account)) ? readTrail(tx, account) : new Map();
}

/** Of `acct:1`, and of `prin:acs:ram::1:user/ann`. */
function isOf(account: string): (scope: string) => boolean {
  return (scope) => {
    const [, first, , , owner] = scope.split(":", 5);
    return (first === "acs" ? owner : first) === account;
  };
}
