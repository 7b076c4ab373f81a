import type { Pool } from "pg";
import { z } from "zod";
import { openPool } from "./pool.js";
import { type Database, openDatabase } from "./prisma-client.js";
import { withDeadline } from "./revisions.js";
import { asStoreError, UnavailableError } from "./store-errors.js";

/** Connections for records on the replica. */
const CONNECTIONS = 8;
/** Milliseconds that a replica may take to catch up with what was committed before a read, and to say how far it is. */
const CATCH_UP_MS = 20;
const LOOK_AGAIN_MS = 2;
const POSITION_MS = 50;
/** Milliseconds that a read may take there; the request has to have time left for the primary. */
const READ_MS = 2_000;
/** Milliseconds that a replica which has failed or is behind is left alone. */
const REST_MS = 1_000;
/** Milliseconds in which somebody is told of one problem at most once: a replica may be behind again and again. */
const TELL_AGAIN_MS = 60_000;

/** Where records were read. */
export interface RecordReads {
  readonly replica: number;
  /** Though there is a replica. */
  readonly primary: number;
}

export interface Replica {
  /** Reads records there as long as it is good for it; everything else, and whatever fails there, is the primary's. */
  readonly records: Database;
  readonly pool: Pool;
  counts(): RecordReads;
  close(): Promise<void>;
}

export interface ReplicaOptions {
  readonly db: Database;
  /** Connections to the primary, to ask how far it is. */
  readonly primary: Pool;
  /** Of one server: several behind one name could be asked by turns, and none be what another said of itself. */
  readonly url: string;
  /** Hears why the replica is left alone, of each problem once a minute at most, and null when it is read again. */
  readonly onChange: (problem: unknown) => void;
}

/** Nothing that writes, and nothing inside a transaction, whose client has no such hook. */
const READS = new Set([
  ...["findUnique", "findUniqueOrThrow", "findFirst", "findFirstOrThrow", "findMany", "count", "$queryRaw"],
]);

type Delegates = Readonly<Record<string, Readonly<Record<string, (args: unknown) => Promise<unknown>>>>>;

/**
 * Opens a streaming replica for reads of records, which see at least all that was committed on the primary when they
 * began: each asks the primary how far its log is, and the replica how far it has replayed it. One that does not get
 * there in time, is of another history, or fails is left alone for a while; the primary answers then.
 */
export function openReplica({ db, primary, url, onChange }: ReplicaOptions): Replica {
  const pool = openPool(url, { max: CONNECTIONS, connect: 1_000, statement: READ_MS, answer: READ_MS });
  const replica = openDatabase(url, CONNECTIONS, pool);
  const use = new ReplicaUse(new Positions(primary, pool), onChange);
  const client = replica as unknown as Delegates & Record<string, (args: unknown) => Promise<unknown>>;
  const records = db.$extends({
    query: {
      $allOperations: ({ model, operation, args, query }) => {
        if (!READS.has(operation)) return query(args);
        const there = model === undefined ? client : client[model.charAt(0).toLowerCase() + model.slice(1)];
        return use.read(
          () => (there as Delegates[string])[operation]?.(args) ?? query(args),
          () => query(args),
        );
      },
    },
  }) as unknown as Database;
  return { records, pool, counts: () => use.counts, close: () => close(replica, pool) };
}

/** A client that was never asked anything leaves its pool open. */
async function close(replica: Database, pool: Pool): Promise<void> {
  await replica.$disconnect();
  if (!pool.ending) await pool.end();
}

type Read = () => Promise<unknown>;

/** Decides, read by read, who answers. */
class ReplicaUse {
  readonly counts = { replica: 0, primary: 0 };
  readonly #positions: Positions;
  readonly #onChange: ReplicaOptions["onChange"];
  #restsUntil = Number.NEGATIVE_INFINITY;
  /** What somebody has been told of within a minute: a first problem must not hide the next one. */
  readonly #told = new Set<string>();
  #toldSince = Number.NEGATIVE_INFINITY;
  /** Somebody has been told that the replica is left alone. */
  #isTold = false;

  constructor(positions: Positions, onChange: ReplicaOptions["onChange"]) {
    this.#positions = positions;
    this.#onChange = onChange;
  }

  async read(there: Read, here: Read): Promise<unknown> {
    if (performance.now() >= this.#restsUntil && (await this.#isGood())) {
      try {
        return await this.#readThere(there);
      } catch (error) {
        // what is wrong with the statement itself is no fault of the replica: its caller must not keep it out of use
        if (asStoreError(error) instanceof UnavailableError) this.#rest(error);
      }
    }
    this.counts.primary += 1;
    return here();
  }

  async #isGood(): Promise<boolean> {
    try {
      await this.#positions.untilCaughtUp();
      return true;
    } catch (error) {
      this.#rest(error);
      return false;
    }
  }

  async #readThere(there: Read): Promise<unknown> {
    const found = await withDeadline(there(), READ_MS);
    this.counts.replica += 1;
    if (this.#isTold) this.#onChange(null);
    this.#isTold = false;
    return found;
  }

  #rest(problem: unknown): void {
    const now = performance.now();
    this.#restsUntil = now + REST_MS;
    if (now - this.#toldSince >= TELL_AGAIN_MS) {
      this.#told.clear();
      this.#toldSince = now;
    }
    if (this.#told.has(String(problem))) return;
    this.#told.add(String(problem));
    this.#isTold = true;
    this.#onChange(problem);
  }
}

const POSITION = z.object({
  position: z.string().transform(BigInt),
  timeline: z.number(),
  system: z.string(),
  database: z.string(),
});
type Position = z.infer<typeof POSITION>;

/** A server has one log for all its databases, so what has been replayed says nothing of which of them this is. */
const DATABASE = `(SELECT oid FROM pg_database WHERE datname = current_database()) || '.' || current_schema() AS database`;
/** `system` and `timeline` name the history: after a failover the same place in the log may hold something else. */
const PRIMARY_POSITION = {
  name: "ramgate-primary-position",
  text: `SELECT pg_wal_lsn_diff(at, '0/0')::text AS position,
      ('x' || left(pg_walfile_name(at), 8))::bit(32)::int AS timeline, s.system_identifier::text AS system,
      ${DATABASE}
    FROM pg_current_wal_flush_lsn() at, pg_control_system() s`,
};
const REPLICA_POSITION = {
  name: "ramgate-replica-position",
  text: `SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::text AS position,
      c.timeline_id AS timeline, s.system_identifier::text AS system,
      ${DATABASE}
    FROM pg_control_checkpoint() c, pg_control_system() s WHERE pg_is_in_recovery()`,
};

/** Compares primary and replica, for all who ask in one turn of the event loop together. */
class Positions {
  readonly #primary: Pool;
  readonly #replica: Pool;
  #gathering: Promise<void> | null = null;
  #underWay: Promise<unknown> = Promise.resolve();

  constructor(primary: Pool, replica: Pool) {
    this.#primary = primary;
    this.#replica = replica;
  }

  /**
   * Resolves when the replica has all that was committed before the call. Who comes when the question has been sent
   * waits for the next: what he wants to see may have been committed in between.
   *
   * @throws when it does not get there in time, or is of another history
   */
  untilCaughtUp(): Promise<void> {
    this.#gathering ??= this.#sendNext();
    return this.#gathering;
  }

  async #sendNext(): Promise<void> {
    await this.#underWay;
    await new Promise(setImmediate);
    this.#gathering = null;
    const compared = this.#compare();
    this.#underWay = compared.catch(() => {});
    return compared;
  }

  async #compare(): Promise<void> {
    const [goal, first] = await Promise.all([
      ask(this.#primary, PRIMARY_POSITION),
      ask(this.#replica, REPLICA_POSITION),
    ]);
    const deadline = performance.now() + CATCH_UP_MS;
    for (let place = first; ; place = await ask(this.#replica, REPLICA_POSITION)) {
      if (place.system !== goal.system) throw new Error("the replica is of another server than the primary");
      if (place.database !== goal.database) throw new Error("the replica is of another database or schema");
      if (place.timeline !== goal.timeline) throw new Error("the replica is not on the timeline of the primary yet");
      if (place.position >= goal.position) return;
      if (performance.now() > deadline) throw new Error("the replica is behind the primary");
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }
}

async function ask(pool: Pool, statement: { readonly name: string; readonly text: string }): Promise<Position> {
  const { rows } = await withDeadline(pool.query(statement), POSITION_MS);
  if (rows.length === 0) throw new Error("the replica is none: it takes changes itself");
  return POSITION.parse(rows[0]);
}
