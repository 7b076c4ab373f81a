import { Pool } from "pg";

/** How long a pool waits for what; milliseconds. */
export interface PoolLimits {
  /** Most connections at a time. */
  readonly max: number;
  readonly connect: number;
  /** PostgreSQL ends a statement that takes longer. */
  readonly statement: number;
  /** A connection that has gone silent for so long in the middle of a query is closed. */
  readonly answer: number;
}

/** An old primary that was fenced off must not be asked for ever. */
const CONNECTION_LIFETIME_S = 300;

/** Opens connections for the prepared statements of the hot path, in UTC; none of them runs so long that it were worth compiling. */
export function openPool(connectionString: string, { max, connect, statement, answer }: PoolLimits): Pool {
  const pool = new Pool({
    connectionString,
    max,
    application_name: "ramgate",
    options: "-c TimeZone=UTC -c jit=off",
    statement_timeout: statement,
    query_timeout: answer,
    connectionTimeoutMillis: connect,
    maxLifetimeSeconds: CONNECTION_LIFETIME_S,
  });
  pool.on("error", () => {}); // an idle connection that breaks is replaced by the next query
  pool.on("connect", (client) => client.on("error", () => {})); // and one that breaks while the pool ends is nobody's
  return pool;
}
