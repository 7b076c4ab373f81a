import type { AuditEventRow, AuditFeed, FollowedTrail, TrailPage } from "../store/audit-feed.js";
import { asStoreError, UnavailableError } from "../store/store-errors.js";

export interface GrantChangesRequest {
  readonly account: string;
  /** Sequence of the event to go on behind; null: from now on. */
  readonly after: number | null;
  /** Key of a target that the events are to be about; null: about anything. */
  readonly target: string | null;
  /** Aborts when nobody listens any more. */
  readonly signal: AbortSignal;
  /** Throws when the listener may hear no more; asked before anything is handed on, and once a second. */
  assertMayListen(): Promise<void>;
}

/** They change who can sign in, not what he may do then. What is not named here may change grants, future changes too. */
const NO_GRANT_CHANGES: ReadonlySet<string> = new Set(["createApiKey", "rotateApiKey", "revokeApiKey"]);

/**
 * The changes of an account that may change who may do what, in the order in which they were committed: first those
 * behind `after`, then each as it comes, none twice and none left out. It ends when the gateway stops, and throws what
 * `assertMayListen` throws; while the database is away it waits.
 *
 * @throws UnavailableError when the gateway stops, or the database does not answer
 */
export async function followGrantChanges(
  feed: AuditFeed,
  request: GrantChangesRequest,
): Promise<AsyncGenerator<AuditEventRow, void>> {
  if (feed.isClosed) throw new UnavailableError("the gateway is stopping");
  const trail = await feed.follow(request.account, request.signal);
  return changesBehind(request.after ?? trail.head, feed, trail, request);
}

async function* changesBehind(
  start: number,
  feed: AuditFeed,
  trail: FollowedTrail,
  request: GrantChangesRequest,
): AsyncGenerator<AuditEventRow, void> {
  const isOver = () => request.signal.aborted || feed.isClosed;
  let position = start;
  for (let isStuck = false; !isOver(); ) {
    if (isStuck || position >= trail.head) await trail.turn(request.signal);
    if (isOver()) return;
    const page = await readOn(position, feed, trail, request);
    isStuck = page === null;
    for (const event of page?.events ?? []) if (isWanted(event, request)) yield event;
    position = page?.through ?? position;
  }
}

/**
 * The right to listen is looked at after the events were read: none is handed on that was committed when the right was gone.
 * Null: the database is away.
 */
async function readOn(
  after: number,
  feed: AuditFeed,
  { head: through }: FollowedTrail,
  { account, target, assertMayListen }: GrantChangesRequest,
): Promise<TrailPage | null> {
  const range = { account, after, through: Math.max(after, through) };
  try {
    const narrow = feed.isFarBehind(range) ? target : null;
    const page = through > after ? await feed.read({ ...range, target: narrow }) : { events: [], through: after };
    await assertMayListen();
    return page;
  } catch (error) {
    if (asStoreError(error) instanceof UnavailableError) return null;
    throw error;
  }
}

function isWanted({ action, targetKeys }: AuditEventRow, { target }: GrantChangesRequest): boolean {
  return !NO_GRANT_CHANGES.has(action) && (target === null || targetKeys.includes(target));
}
