import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "./prisma-client.js";

/** A decision that was not ALLOW, or a question that failed. */
export interface Denial {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Of the principal. */
  readonly account: string;
  readonly principal: string;
  readonly action: string | null;
  readonly resource: string;
  /** Null: the question failed, with `error`. */
  readonly outcome: string | null;
  readonly decidedBy: string | null;
  readonly error: string | null;
  readonly caller: string;
  readonly requestId: string;
}

/** Keeps the newest denials in the database, beside the requests. */
export interface Denials {
  /** Returns at once. What there is no room for, or cannot be written, is dropped and counted. */
  add(denial: Denial): void;
  /** Numbers since the start. */
  counts(): { readonly kept: number; readonly lost: number };
  /** Resolves when all that was added is written, or dropped. */
  settled(): Promise<void>;
}

const GATHER_MS = 500;
const MOST_WAITING = 2_000;

export interface DenialsOptions {
  /** How many of the newest are kept when more come, of all gateways and accounts together. */
  readonly rows: number;
  /** Told why some could not be written. */
  readonly onFailure: (error: unknown) => void;
}

export function createDenials(db: Pick<Database, "$executeRaw">, { rows, onFailure }: DenialsOptions): Denials {
  const total = { kept: 0, lost: 0 };
  let waiting: Denial[] = [];
  let writing: Promise<void> | null = null;

  async function writeAll(): Promise<void> {
    await sleep(GATHER_MS);
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        await write(db, batch, rows);
        total.kept += batch.length;
      } catch (error) {
        total.lost += batch.length;
        onFailure(error);
      }
    }
    writing = null;
  }

  return {
    add(denial) {
      if (waiting.length < MOST_WAITING) waiting.push(denial);
      else total.lost += 1;
      writing ??= writeAll();
    },
    counts: () => ({ ...total }),
    settled: async () => writing ?? undefined,
  };
}

/** In one statement, together with the end of those that are too many now. Numbers may have gaps: then fewer are kept. */
async function write(db: Pick<Database, "$executeRaw">, batch: readonly Denial[], rows: number): Promise<void> {
  const json = JSON.stringify(batch, (_name, value) => (typeof value === "string" ? storable(value) : value));
  await db.$executeRaw`
    WITH written AS (
      INSERT INTO decision_log (at, account_id, principal, action, resource, outcome, decided_by, error, caller, request_id)
      SELECT to_timestamp(at / 1000), account, principal, action, resource, outcome, "decidedBy", error, caller, "requestId"
      FROM jsonb_to_recordset(${json}::jsonb) AS t(at float8, account text, principal text, action text, resource text,
        outcome text, "decidedBy" text, error text, caller text, "requestId" text)
      RETURNING id)
    DELETE FROM decision_log WHERE id <= (SELECT max(id) FROM written) - ${rows}::int`;
}

/** PostgreSQL has no NUL in texts, and half of a character is none. */
function storable(text: string): string {
  return text.replace(/[\0\p{Surrogate}]/gu, "\ufffd");
}
