/** The database side of schema-engine.mjs: @prisma/adapter-pg with what the schema engine needs beyond it. */
import { PrismaPg } from "@prisma/adapter-pg";
import { ColumnTypeEnum } from "@prisma/driver-adapter-utils";
import pg from "pg";

const OID_CHAR = 18; // "char", a one-byte type that only the system catalog uses
const OID_TEXT = 25;

/**
 * @param url the database to migrate
 * @param shadowUrl where migrations are tried out; without it a database is made for that and dropped afterwards.
 *   Never leave this to PrismaPg: given a connection string, its shadow database is the main one.
 */
export function createAdapterFactory(url, shadowUrl) {
  const { provider, adapterName } = new PrismaPg(poolConfig(url));
  return {
    provider,
    adapterName,
    connect: () => connect(url),
    connectToShadowDb: () => (shadowUrl ? connect(shadowUrl) : connectToOwnShadow(url)),
  };
}

export const canConnect = (url) => withClient(url, async () => {});

export async function createDatabase(url) {
  await withClient(inDatabase(url, "postgres"), (client) => client.query(`create database ${quotedName(url)}`));
  return { databaseName: databaseName(url) };
}

export async function dropDatabase(url) {
  const drop = `drop database if exists ${quotedName(url)} with (force)`;
  await withClient(inDatabase(url, "postgres"), (client) => client.query(drop));
}

async function connect(url) {
  const pool = new pg.Pool(poolConfig(url));
  const adapter = await new PrismaPg(pool).connect();
  runScriptsWhole(adapter, pool);
  mapChar(adapter);
  return onDispose(adapter, () => pool.end());
}

async function connectToOwnShadow(url) {
  const shadow = inDatabase(url, `prisma_migrate_shadow_db_${crypto.randomUUID()}`);
  await createDatabase(shadow);
  return onDispose(await connect(shadow), () => dropDatabase(shadow));
}

/** The adapter's own way cuts a script at every `;`, also inside functions and strings. */
function runScriptsWhole(adapter, pool) {
  adapter.executeScript = async (script) => {
    if (!script.trim()) return;
    await pool.query(script).catch((error) => adapter.onError(error));
  };
}

/** The adapter knows no "char"; the engine's catalog queries return it and expect a character. */
function mapChar(adapter) {
  const { performIO, queryRaw } = adapter;
  const charColumns = new WeakMap();
  adapter.performIO = async (query) => {
    const result = await performIO.call(adapter, query);
    const chars = (result.fields ?? []).filter((field) => field.dataTypeID === OID_CHAR);
    charColumns.set(
      query,
      chars.map((field) => result.fields.indexOf(field)),
    );
    for (const field of chars) field.dataTypeID = OID_TEXT;
    return result;
  };
  adapter.queryRaw = async (query) => {
    const result = await queryRaw.call(adapter, query);
    for (const column of charColumns.get(query) ?? []) result.columnTypes[column] = ColumnTypeEnum.Character;
    return result;
  };
}

function onDispose(adapter, after) {
  const dispose = adapter.dispose.bind(adapter);
  adapter.dispose = async () => {
    await dispose();
    await after();
  };
  return adapter;
}

/** Prisma's own URL parameters mean nothing to pg. */
function poolConfig(url) {
  const connection = new URL(url);
  for (const name of ["schema", "connection_limit", "pool_timeout", "pgbouncer", "connect_timeout", "socket_timeout"]) {
    connection.searchParams.delete(name);
  }
  return { connectionString: connection.toString(), max: 1, options: "-c TimeZone=UTC" };
}

function inDatabase(url, name) {
  const other = new URL(url);
  other.pathname = `/${encodeURIComponent(name)}`;
  return other.toString();
}

const databaseName = (url) => decodeURIComponent(new URL(url).pathname.slice(1));
const quotedName = (url) => pg.escapeIdentifier(databaseName(url));

async function withClient(url, work) {
  const client = new pg.Client(poolConfig(url));
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
