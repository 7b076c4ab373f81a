import pg from "pg";

type Query = (...args: unknown[]) => unknown;

/** Adds the SQL statements that `work` took. Prisma, the revision reader and the loader of decisions all send their SQL through `pg.Client`. */
export async function recordStatements<T extends object>(
  work: () => Promise<T>,
): Promise<T & { statements: string[] }> {
  const statements: string[] = [];
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const { query } = prototype;
  prototype.query = function (this: unknown, ...args: unknown[]) {
    const [sent] = args;
    statements.push(typeof sent === "string" ? sent : String((sent as { text?: unknown }).text));
    return query.apply(this, args);
  };
  try {
    return { ...(await work()), statements };
  } finally {
    prototype.query = query;
  }
}
