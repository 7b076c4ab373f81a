import { randomBytes, randomUUID } from "node:crypto";
import type { Database } from "./prisma-client.js";

/** What all gateways on one database share. */
export interface GatewaySecrets {
  /** Names this database's history; part of every cache key and token. */
  readonly environment: string;
  /** MAC key of cached decisions. */
  readonly cacheKey: Buffer;
  /** MAC key of revision tokens. */
  readonly tokenKey: Buffer;
  /** MAC key of the heads of the audit trails. */
  readonly auditKey: Buffer;
}

const NEW_VALUES: Readonly<Record<string, () => Buffer>> = {
  environment: () => Buffer.from(randomUUID()),
  cache_key: () => randomBytes(32),
  token_key: () => randomBytes(32),
  audit_key: () => randomBytes(32),
};

/** Reads the shared secrets. The first gateway on a database makes them; of several that start at once, one wins. */
export async function loadGatewaySecrets(db: Database): Promise<GatewaySecrets> {
  const names = Object.keys(NEW_VALUES);
  const known = await readSecrets(db);
  if (names.every((name) => known.has(name))) return toSecrets(known);
  const data = Object.entries(NEW_VALUES).map(([name, make]) => ({ name, value: new Uint8Array(make()) }));
  await db.gatewaySecret.createMany({ data, skipDuplicates: true });
  return toSecrets(await readSecrets(db));
}

async function readSecrets(db: Database): Promise<Map<string, Buffer>> {
  const rows = await db.gatewaySecret.findMany();
  return new Map(rows.map(({ name, value }) => [name, Buffer.from(value)]));
}

function toSecrets(values: ReadonlyMap<string, Buffer>): GatewaySecrets {
  const get = (name: string): Buffer => {
    const value = values.get(name);
    if (value === undefined || value.length < 32) throw new Error(`gateway secret \`${name}\` is missing or too short`);
    return value;
  };
  const keys = { cacheKey: get("cache_key"), tokenKey: get("token_key"), auditKey: get("audit_key") };
  return { environment: get("environment").toString("utf8"), ...keys };
}
