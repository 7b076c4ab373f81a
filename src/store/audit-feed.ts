import { setTimeout as sleep } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import type { Database } from "./prisma-client.js";
import { type MovedScope, trailScope } from "./revision-vector.js";
import { withDeadline } from "./revisions.js";

export type AuditEventRow = NonNullable<Awaited<ReturnType<Database["auditEvent"]["findFirst"]>>>;

/** A piece of a trail. */
export interface TrailPage {
  readonly events: readonly AuditEventRow[];
  /** Up to this sequence nothing of what was asked for is missing. */
  readonly through: number;
}

/** Where to read on in a trail. */
export interface TrailRange {
  readonly account: string;
  /** Sequence of the last event that is known already. */
  readonly after: number;
  /** No further than to this event. */
  readonly through: number;
  /** Only events about this, where the rest would be much; readers of short pieces share them whole. */
  readonly target: string | null;
}

/** How long nobody waits in vain for what no hint has told, and followers are left without a turn; milliseconds. */
const POLL_MS = 1_000;
/** Changes that follow one another so fast are looked for together. */
const GATHER_MS = 10;
const DEADLINE_MS = 2_000;
const PAGE_EVENTS = 50;
const KEPT_PAGES = { max: 16, ttl: 5_000 };

/** A trail that somebody follows, for all in this process who do. */
export class FollowedTrail {
  /** Sequence of the last event, as far as it is known. */
  head = 0;
  followers = 0;
  readonly #waiting = new Set<() => void>();

  /** Resolves when the trail has grown, and once a second at least; also when `signal` aborts. */
  turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#waiting.delete(end);
        signal.removeEventListener("abort", end);
        resolve();
      };
      if (signal.aborted) return resolve();
      signal.addEventListener("abort", end, { once: true });
      this.#waiting.add(end);
    });
  }

  endTurn(): void {
    for (const end of [...this.#waiting]) end();
  }
}

/**
 * Follows the trails that somebody wants to hear of. One statement looks for the ends of all of them, once a second and
 * when a hint says that one has moved. The events are read in their order: a sequence is given under the lock of its
 * trail's head, so whoever sees one event sees all before it.
 */
export class AuditFeed {
  readonly #db: Database;
  readonly #trails = new Map<string, FollowedTrail>();
  readonly #pages = new LRUCache<string, Promise<TrailPage>>(KEPT_PAGES);
  #isWatching = false;
  #isHinted = false;
  #endPause: () => void = () => {};
  #lastRound = Number.NEGATIVE_INFINITY;
  isClosed = false;

  constructor(db: Database) {
    this.#db = db;
  }

  get followers(): number {
    return [...this.#trails.values()].reduce((sum, { followers }) => sum + followers, 0);
  }

  /**
   * Knows the end of the trail as it is now, and from now on as it grows.
   *
   * @param signal ends it
   */
  async follow(account: string, signal: AbortSignal): Promise<FollowedTrail> {
    const head = (await this.#heads([account])).get(account) ?? 0;
    const trail = this.#trails.get(account) ?? new FollowedTrail();
    trail.head = Math.max(trail.head, head);
    if (signal.aborted) return trail;
    trail.followers += 1;
    this.#trails.set(account, trail);
    signal.addEventListener("abort", () => this.#leave(account, trail), { once: true });
    if (!this.#isWatching) void this.#watch();
    return trail;
  }

  /** The next events of a trail, in their order. Who asks for the same at about the same time shares the answer. */
  read(range: TrailRange): Promise<TrailPage> {
    const key = JSON.stringify([range.account, range.after, range.through, range.target]);
    const known = this.#pages.get(key);
    if (known !== undefined) return known;
    const page = withDeadline(this.#find(range), DEADLINE_MS);
    page.catch(() => this.#pages.delete(key));
    this.#pages.set(key, page);
    return page;
  }

  /** Whether so much is missing that it is not read whole for one target. */
  isFarBehind({ after, through }: Pick<TrailRange, "after" | "through">): boolean {
    return through - after > PAGE_EVENTS;
  }

  /** Told that scopes have moved; what is said is only taken for a reason to look. */
  wake(moved: readonly MovedScope[]): void {
    const revs = new Map(moved.map(({ scope, rev }) => [scope, rev]));
    const isNews = [...this.#trails].some(([account, { head }]) => (revs.get(trailScope(account)) ?? 0) > head);
    if (!isNews) return;
    this.#isHinted = true;
    this.#endPause();
  }

  /** Ends whatever follows. */
  close(): void {
    this.isClosed = true;
    this.#endPause();
    for (const trail of this.#trails.values()) trail.endTurn();
  }

  #leave(account: string, trail: FollowedTrail): void {
    trail.followers -= 1;
    if (trail.followers === 0) this.#trails.delete(account);
    if (this.#trails.size === 0) this.#endPause();
  }

  async #watch(): Promise<void> {
    this.#isWatching = true;
    for (;;) {
      const isHinted = await this.#pause();
      if (this.#trails.size === 0 || this.isClosed) break;
      await this.#round(isHinted).catch(() => {}); // the database is away: the next round asks again
    }
    this.#isWatching = false;
  }

  /** Whether a hint has ended it. */
  async #pause(): Promise<boolean> {
    if (!this.#isHinted) await this.#sleepUntilHinted();
    const isHinted = this.#isHinted;
    if (isHinted) await sleep(GATHER_MS);
    this.#isHinted = false;
    return isHinted;
  }

  #sleepUntilHinted(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Who waits for a trail that has not grown gets a turn as well, but hints do not make it more often. */
  async #round(isHinted: boolean): Promise<void> {
    const isDue = !isHinted || performance.now() - this.#lastRound >= POLL_MS;
    if (isDue) this.#lastRound = performance.now();
    try {
      const heads = await this.#heads([...this.#trails.keys()]);
      for (const [account, sequence] of heads) this.#advance(account, sequence);
    } finally {
      if (isDue) for (const trail of this.#trails.values()) trail.endTurn();
    }
  }

  #advance(account: string, sequence: number): void {
    const trail = this.#trails.get(account);
    if (trail === undefined || sequence <= trail.head) return;
    trail.head = sequence;
    trail.endTurn();
  }

  async #heads(accounts: readonly string[]): Promise<Map<string, number>> {
    const where = { accountId: { in: [...accounts] } };
    const found = this.#db.auditHead.findMany({ where, select: { accountId: true, sequence: true } });
    const heads = await withDeadline(found, DEADLINE_MS);
    return new Map(heads.map(({ accountId, sequence }) => [accountId, sequence]));
  }

  async #find({ account: accountId, after, through, target }: TrailRange): Promise<TrailPage> {
    const events = await this.#db.auditEvent.findMany({
      where: {
        ...{ accountId, sequence: { gt: after, lte: through } },
        ...(target === null ? {} : { targetKeys: { has: target } }),
      },
      orderBy: { sequence: "asc" },
      take: PAGE_EVENTS,
    });
    const isFull = events.length === PAGE_EVENTS;
    return { events, through: isFull ? (events.at(-1)?.sequence ?? through) : through };
  }
}
