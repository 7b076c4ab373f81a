import pg from "pg";

const SERVER = process.env.BENCH_DATABASE_URL ?? "postgresql://postgres@127.0.0.1:5432/postgres";

/** Runs `work(url, client, name)` with an empty database of its own; `client` is connected to the server beside it. */
export async function withDatabase(work) {
  const name = `ramgate_bench_${Date.now()}`;
  const client = new pg.Client(SERVER);
  await client.connect();
  await client.query(`create database ${name}`);
  const url = new URL(SERVER);
  url.pathname = `/${name}`;
  try {
    return await work(url.toString(), client, name);
  } finally {
    await client.query(`drop database ${name} with (force)`);
    await client.end();
  }
}
