import { LRUCache } from "lru-cache";
import type { FollowedScopes, ModelState, MovedScope, Revision } from "./revision-vector.js";

/** Two clocks of this machine, in milliseconds. */
export interface Clocks {
  /** Never set. */
  readonly monotonic: () => number;
  /** Set now and then, but goes on while the machine is suspended. */
  readonly wall: () => number;
}

export const SYSTEM_CLOCKS: Clocks = { monotonic: () => performance.now(), wall: () => Date.now() };

const MOST_SCOPES = 50_000;
const NOTHING_FOLLOWED: FollowedScopes = new Map();
/** A machine that was suspended lost time that the monotonic clock does not count. */
const MOST_DRIFT_MS = 100;

/** What one statement has read. */
export interface RevisionRead extends ModelState {
  /** Names the server that was asked, from its start to its end. */
  readonly server: string;
}

/** Revisions that were read a short while ago, for answers that may rest on an older state. */
export class KnownRevisions {
  private readonly known = new LRUCache<string, { readonly revision: Revision | null; readonly readAt: number }>({
    max: MOST_SCOPES,
  });
  private readonly clocks: Clocks;
  /** That all known revisions are from. */
  private server = "";
  /** Database clock minus monotonic clock. */
  private databaseTime = 0;
  /** Wall clock minus monotonic clock. */
  private wallTime: number;

  constructor(clocks: Clocks) {
    this.clocks = clocks;
    this.wallTime = this.readWallTime();
  }

  /** @param readAt when the statement was sent, since it may have seen no later state; by the monotonic clock */
  remember({ vector, now, server }: RevisionRead, readAt: number): void {
    if (this.forgetIfSuspended()) return; // the statement may be from before, too
    this.forgetOther(server);
    this.databaseTime = now - readAt;
    this.wallTime = this.readWallTime();
    for (const [scope, revision] of vector) this.known.set(scope, { revision, readAt });
  }

  /** Null unless all scopes have been read within the last `maxAge` milliseconds. */
  recall(scopes: readonly string[], maxAge: number): ModelState | null {
    const clock = this.clocks.monotonic();
    this.forgetIfSuspended();
    const vector = new Map<string, Revision | null>();
    for (const scope of scopes) {
      const entry = this.known.get(scope);
      if (entry === undefined || !isWithin(clock - entry.readAt, maxAge)) return null;
      vector.set(scope, entry.revision);
    }
    const now = Math.floor(this.databaseTime + clock);
    return { vector, followed: NOTHING_FOLLOWED, now, ofOneMoment: false };
  }

  /** Looked at before every use of either clock: what was read before must not pass for younger than it is. */
  private forgetIfSuspended(): boolean {
    const wallTime = this.readWallTime();
    if (isWithin(Math.abs(wallTime - this.wallTime), MOST_DRIFT_MS)) return false;
    this.known.clear();
    this.wallTime = wallTime;
    return true;
  }

  /** Another server may not have all that the one before had: what both say together, perhaps nobody ever had. */
  private forgetOther(server: string): void {
    if (server !== this.server) this.known.clear();
    this.server = server;
  }

  private readWallTime(): number {
    return this.clocks.wall() - this.clocks.monotonic();
  }

  /** Forgets what is older than the revisions that scopes have moved to. */
  forget(moved: readonly MovedScope[]): void {
    for (const { scope, rev } of moved) {
      const entry = this.known.peek(scope);
      if (entry !== undefined && (entry.revision?.rev ?? 0) < rev) this.known.delete(scope);
    }
  }
}

/** A clock that has gone back, or tells no time, proves no age. */
function isWithin(age: number, most: number): boolean {
  return age >= 0 && age <= most;
}
