import DataLoader from "dataloader";
import { excerpt } from "../domain/arn.js";
import { NotFoundError } from "../domain/errors.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { isApiKeyId } from "../store/credentials.js";
import type { Database } from "../store/prisma-client.js";

type Row<
  Model extends
    | "account"
    | "attachment"
    | "auditEvent"
    | "decisionLogEntry"
    | "kmsResource"
    | "policy"
    | "policyVersion"
    | "principal"
    | "resourceGroup"
    | "roleSession",
> = NonNullable<Awaited<ReturnType<Database[Model]["findFirst"]>>>;

/** An issued session; nobody may read the digest of its token. */
export type RoleSessionRow = Omit<Row<"roleSession">, "tokenDigest">;
/**
 * A user, group, role or owner. A session is the row of its role with the ARN of the session, and for one that was
 * asked for by itself with the record of its issue.
 */
export type PrincipalRow = Row<"principal"> & { readonly sessionArn?: string; readonly issued?: RoleSessionRow };
/** What may be known of an API key: no digest of a secret, but whom it signs in, and when it did so last. */
export const API_KEY_COLUMNS = {
  ...{ id: true, kind: true, principalId: true, description: true, createdAt: true, expiresAt: true },
  ...{ rotatedAt: true, previousUntil: true, revokedAt: true },
  principal: { select: { arnKey: true } },
  use: { select: { lastUsedAt: true } },
} as const;
export type ApiKeyRow = Awaited<ReturnType<typeof findApiKeys>>[number];
export type PolicyRow = Row<"policy">;
export type AttachmentRow = Row<"attachment">;
export type AuditEventRow = Row<"auditEvent">;
export type DecisionLogRow = Row<"decisionLogEntry">;
export type KmsResourceRow = Row<"kmsResource">;

/** Where to read what is only shown. What a permission or a change rests on is read from `db`. */
export function recordsOf({ db, records = db }: { readonly db: Database; readonly records?: Database }): Database {
  return records;
}

type ByKey<Value> = Pick<DataLoader<string, Value | null>, "load" | "loadMany" | "clearAll">;

/** Records by key for one request. All keys asked in one tick are read by one statement; unknown ones are null. */
export interface Records {
  readonly accounts: ByKey<Row<"account">>;
  readonly principals: ByKey<PrincipalRow>;
  /** By ARN in any spelling; a malformed one is an InvalidInputError. */
  readonly principalsByArn: ByKey<PrincipalRow>;
  readonly policies: ByKey<PolicyRow>;
  readonly policyVersions: ByKey<Row<"policyVersion">>;
  readonly attachments: ByKey<AttachmentRow>;
  readonly resources: ByKey<KmsResourceRow>;
  /** By id: one issued session. */
  readonly issuedSessions: ByKey<RoleSessionRow>;
  /** By canonical ARN: of the sessions issued under it the one that ends last, active ones first. */
  readonly sessionsByArn: ByKey<RoleSessionRow>;
  /** By ARN: sessions that went with an earlier role of the name. */
  readonly endedSessions: ByKey<{ readonly arn: string }>;
  /** By {@link resourceGroupKey}. */
  readonly resourceGroups: ByKey<Row<"resourceGroup">>;
  /** By `<id>` of `rg_<id>_<secret>`, whoever asks. */
  readonly apiKeys: ByKey<ApiKeyRow>;
  /** Pages of the lists below records, and their counts, by the place in the document that asks for them. */
  readonly lists: Map<string, DataLoader<string, unknown>>;
  /** By {@link auditEventKey}. */
  readonly auditEvents: ByKey<AuditEventRow>;
  clear(): void;
}

export function createRecords(db: Database): Records {
  const principals = byKey<PrincipalRow>((ids) => db.principal.findMany({ where: { id: { in: ids.filter(isUuid) } } }));
  const records = {
    accounts: byKey((ids) => db.account.findMany({ where: { id: { in: ids } } })),
    principals,
    principalsByArn: new DataLoader((arns: readonly string[]) => principalsByArn(db, arns)),
    policies: byKey((ids) => db.policy.findMany({ where: { id: { in: ids.filter(isUuid) } } })),
    policyVersions: byKey((ids) => db.policyVersion.findMany({ where: { id: { in: ids.filter(isUuid) } } })),
    attachments: byKey((ids) => db.attachment.findMany({ where: { id: { in: ids.filter(isUuid) } } })),
    resources: byKey((ids) => db.kmsResource.findMany({ where: { id: { in: ids.filter(isUuid) } } })),
    issuedSessions: byKey<RoleSessionRow>((ids) => findSessions(db, { id: { in: ids.filter(isUuid) } })),
    sessionsByArn: new DataLoader((arns: readonly string[]) => sessionsByArn(db, arns)),
    endedSessions: new DataLoader((arns: readonly string[]) => endedSessions(db, arns)),
    resourceGroups: new DataLoader((keys: readonly string[]) => resourceGroups(db, keys)),
    apiKeys: byKey((ids) => findApiKeys(db, ids.filter(isApiKeyId))),
    auditEvents: new DataLoader((keys: readonly string[]) => auditEvents(db, keys)),
  };
  const lists = new Map<string, DataLoader<string, unknown>>();
  return {
    ...records,
    lists,
    clear() {
      for (const loader of Object.values(records)) loader.clearAll();
      lists.clear();
    },
  };
}

/** The record, or a NotFoundError that names what is missing. */
export async function found<T>(record: Promise<T | null>, name: string): Promise<T> {
  const row = await record;
  if (row === null) throw new NotFoundError(`\`${excerpt(name)}\` does not exist`);
  return row;
}

/** Ids of resource groups are unique within their account only. */
export function resourceGroupKey({ accountId, id }: { readonly accountId: string; readonly id: string }): string {
  return `${accountId}/${id}`;
}

/** What a {@link resourceGroupKey} names. */
export function readResourceGroupKey(key: string): { accountId: string; id: string } {
  const slash = key.indexOf("/");
  return { accountId: key.slice(0, slash), id: key.slice(slash + 1) };
}

async function resourceGroups(db: Database, keys: readonly string[]): Promise<(Row<"resourceGroup"> | null)[]> {
  const rows = await db.resourceGroup.findMany({ where: { OR: keys.map(readResourceGroupKey) } });
  const byName = new Map(rows.map((row) => [resourceGroupKey(row), row]));
  return keys.map((key) => byName.get(key) ?? null);
}

/** Events are counted within their account. */
export function auditEventKey({
  accountId,
  sequence,
}: {
  readonly accountId: string;
  readonly sequence: number;
}): string {
  return `${accountId}/${sequence}`;
}

async function auditEvents(db: Database, keys: readonly string[]): Promise<(AuditEventRow | null)[]> {
  const names = keys.flatMap((key) => {
    const [, accountId, sequence] = /^(\d{1,32}|gateway)\/([1-9]\d{0,8})$/.exec(key) ?? [];
    return accountId === undefined ? [] : [{ accountId, sequence: Number(sequence) }];
  });
  const rows = names.length === 0 ? [] : await db.auditEvent.findMany({ where: { OR: names } });
  const byName = new Map(rows.map((row) => [auditEventKey(row), row]));
  return keys.map((key) => byName.get(key) ?? null);
}

function byKey<T extends { readonly id: string }>(read: (ids: string[]) => Promise<T[]>): DataLoader<string, T | null> {
  return new DataLoader(async (ids: readonly string[]) => {
    const rows = new Map((await read([...ids])).map((row) => [row.id, row]));
    return ids.map((id) => rows.get(id) ?? null);
  });
}

function findSessions(db: Database, where: object): Promise<RoleSessionRow[]> {
  return db.roleSession.findMany({ where, omit: { tokenDigest: true } });
}

/** The keys with these ids, in any order. */
export function findApiKeys(db: Database, ids: readonly string[]) {
  return db.credential.findMany({ where: { id: { in: [...ids] } }, select: API_KEY_COLUMNS });
}

async function sessionsByArn(db: Database, arns: readonly string[]): Promise<(RoleSessionRow | null)[]> {
  const now = new Date();
  const rows = await findSessions(db, { arn: { in: [...arns] } });
  const rank = (row: RoleSessionRow): number => (isActive(row, now) ? 1e15 : 0) + row.expiresAt.getTime();
  const best = new Map(rows.sort((a, b) => rank(a) - rank(b)).map((row) => [row.arn, row]));
  return arns.map((arn) => best.get(arn) ?? null);
}

async function endedSessions(db: Database, arns: readonly string[]): Promise<({ readonly arn: string } | null)[]> {
  const rows = await db.endedSession.findMany({ where: { arn: { in: [...arns] } } });
  const byArn = new Map(rows.map((row) => [row.arn, row]));
  return arns.map((arn) => byArn.get(arn) ?? null);
}

/** Whether a session acts at an instant; the same rule that decisions follow (D32). */
export function isActive({ issuedAt, expiresAt, revokedAt }: RoleSessionRow, now: Date): boolean {
  return issuedAt <= now && now < expiresAt && (revokedAt === null || now < revokedAt);
}

export function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
}

async function principalsByArn(db: Database, arns: readonly string[]): Promise<(PrincipalRow | Error | null)[]> {
  const names = arns.map((arn) => attempt(() => parsePrincipalArn(arn)));
  const keys = names.flatMap((name) => (name instanceof Error ? [] : [name.roleArnKey ?? name.arnKey]));
  const rows = keys.length === 0 ? [] : await db.principal.findMany({ where: { arnKey: { in: keys } } });
  const byArn = new Map(rows.map((row) => [row.arnKey, row]));
  return names.map((name) => {
    if (name instanceof Error) return name;
    const row = byArn.get(name.roleArnKey ?? name.arnKey);
    if (!row) return null;
    return name.kind === "ROLE_SESSION" ? { ...row, sessionArn: name.arn } : row;
  });
}

function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error as Error;
  }
}
