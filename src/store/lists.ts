import { Prisma } from "./generated/prisma/client.js";
import type { Listing } from "./listing.js";

type Sql = Prisma.Sql;
const { sql } = Prisma;

const BY_ID = { id: sql`r.id`, order: [{ sql: sql`r.id`, type: "uuid" }] } satisfies Partial<Listing>;
const BY_NAME = { id: sql`r.id`, order: [{ sql: sql`r.arn_key`, type: "text" }] } satisfies Partial<Listing>;
const BY_ARN = { id: sql`r.id`, order: [{ sql: sql`r.arn`, type: "text" }] } satisfies Partial<Listing>;

/** Accounts, by number. @param only the one to list; null: all */
export function accountsOf(only: string | null): Listing {
  return {
    id: sql`r.id`,
    from: sql`account r`,
    where: only === null ? [] : [sql`r.id = ${only}`],
    order: [{ sql: sql`r.id`, type: "text" }],
  };
}

export interface PrincipalFilter {
  readonly account: string;
  readonly kinds: readonly ("USER" | "GROUP" | "ROLE" | "ACCOUNT_OWNER")[];
  readonly nameContains?: string | null | undefined;
}

/** Principals of an account, by ARN. */
export function principalsOf({ account, kinds, nameContains }: PrincipalFilter): Listing {
  const where = [
    sql`r.account_id = ${account}`,
    sql`r.kind = ANY(${[...kinds]}::"PrincipalKind"[])`,
    ...nameFilter(nameContains),
  ];
  return { ...BY_NAME, from: sql`principal r`, where };
}

/** The ARNs that sessions of an account were issued under, each once; `nameContains` is about the name of the role. */
export function sessionNamesOf({ account, nameContains }: Omit<PrincipalFilter, "kinds">): Listing {
  const sessions = sql`(SELECT DISTINCT s.arn, o.name FROM role_session s JOIN principal o ON o.id = s.role_id
    WHERE s.account_id = ${account}) r`;
  return {
    id: sql`r.arn`,
    from: sessions,
    where: nameFilter(nameContains),
    order: [{ sql: sql`r.arn`, type: "text" }],
  };
}

export interface PolicyFilter {
  readonly account: string;
  readonly type?: "SYSTEM" | "CUSTOM" | null | undefined;
  readonly nameContains?: string | null | undefined;
}

/** What can be attached in an account, by name: its own policies, and the built-in ones it does not override. */
export function policiesOf({ account, type, nameContains }: PolicyFilter): Listing {
  const overridden = sql`EXISTS (SELECT 1 FROM policy o
    WHERE o.account_id = ${account} AND o.type = r.type AND o.name_key = r.name_key)`;
  return {
    id: sql`r.id`,
    from: sql`policy r`,
    where: [
      sql`(r.account_id = ${account} OR (r.account_id IS NULL AND NOT ${overridden}))`,
      ...(type ? [sql`r.type = ${type}::"PolicyType"`] : []),
      ...nameFilter(nameContains),
    ],
    order: [
      { sql: sql`r.name_key`, type: "text" },
      { sql: sql`r.id`, type: "uuid" },
    ],
  };
}

export interface ResourceFilter {
  readonly account: string;
  readonly type?: "KEY" | "SECRET" | "ALIAS" | null | undefined;
  readonly tag?: { readonly key: string; readonly value?: string | null | undefined } | null | undefined;
  readonly resourceGroup?: string | null | undefined;
}

/** Keys, secrets and aliases of an account, by ARN. */
export function resourcesOf({ account, type, tag, resourceGroup }: ResourceFilter): Listing {
  const where = [
    sql`r.account_id = ${account}`,
    ...(type ? [sql`r.type = ${type}::"ResourceType"`] : []),
    ...(tag ? [tagFilter(tag)] : []),
    ...(typeof resourceGroup === "string" ? [sql`r.resource_group_id = ${resourceGroup}`] : []),
  ];
  return { ...BY_ARN, from: sql`kms_resource r`, where };
}

function tagFilter({ key, value }: NonNullable<ResourceFilter["tag"]>): Sql {
  const valued = typeof value === "string" ? sql`AND t.value = ${value}` : Prisma.empty;
  return sql`EXISTS (SELECT 1 FROM resource_tag t WHERE t.resource_id = r.id AND t.key = ${key} ${valued})`;
}

export interface EventFilter {
  readonly account: string;
  /** Keys of what the events are about, all of them. */
  readonly targets: readonly string[];
}

/** Audit events of an account, oldest first; named by their sequence, which counts within the account. */
export function eventsOf({ account, targets }: EventFilter): Listing {
  const about = targets.length === 0 ? [] : [sql`r.target_keys @> ${[...targets]}::text[]`];
  return {
    id: sql`r.sequence`,
    from: sql`audit_event r`,
    where: [sql`r.account_id = ${account}`, ...about],
    order: [{ sql: sql`r.sequence`, type: "int" }],
  };
}

/** Decisions about principals of an account that were not ALLOW, oldest first. */
export function decisionsLogged(account: string): Listing {
  return {
    id: sql`r.id`,
    from: sql`decision_log r`,
    where: [sql`r.account_id = ${account}`],
    order: [{ sql: sql`r.id`, type: "bigint" }],
  };
}

/** `LIKE` takes `%`, `_` and `\` for patterns; names are meant literally, without regard to case. */
function nameFilter(text: string | null | undefined): Sql[] {
  if (text === null || text === undefined) return [];
  return [sql`r.name ILIKE ${`%${text.replace(/[\\%_]/g, "\\$&")}%`}`];
}

/** Resource groups of the account `p`, by id; named by account and id. */
export const resourceGroupsOfAccount: Listing = {
  id: sql`r.account_id || '/' || r.id`,
  from: sql`resource_group r`,
  where: [sql`r.account_id = p.id`],
  order: [{ sql: sql`r.id`, type: "text" }],
};

/** Attachments of the principal `p`, oldest first. */
export const attachmentsOfPrincipal: Listing = {
  ...BY_ID,
  from: sql`attachment r`,
  where: [sql`r.principal_id = p.id::uuid`],
};

/** Attachments of the policy `p`, oldest first. @param account in which to look; null: in all */
export function attachmentsOfPolicy(account: string | null): Listing {
  const within = account === null ? [] : [sql`r.account_id = ${account}`];
  return { ...BY_ID, from: sql`attachment r`, where: [sql`r.policy_id = p.id::uuid`, ...within] };
}

/** Attachments that count for the principal `p` now: its own, then those of its groups, each by name of the policy. */
export const attachmentsInForce: Listing = {
  id: sql`r.id`,
  from: sql`(
    SELECT p.id::uuid AS id, '' AS arn_key UNION ALL
    SELECT g.id, g.arn_key FROM group_membership m JOIN principal g ON g.id = m.group_id WHERE m.user_id = p.id::uuid
  ) h JOIN attachment r ON r.principal_id = h.id JOIN policy b ON b.id = r.policy_id`,
  where: [sql`(r.not_before IS NULL OR r.not_before <= now())`, sql`(r.expires_at IS NULL OR r.expires_at > now())`],
  order: [
    { sql: sql`h.arn_key`, type: "text" },
    { sql: sql`b.name_key`, type: "text" },
    { sql: sql`r.id`, type: "uuid" },
  ],
};

/** Groups of the user `p`, by ARN. */
export const groupsOfUser: Listing = {
  ...BY_NAME,
  from: sql`group_membership m JOIN principal r ON r.id = m.group_id`,
  where: [sql`m.user_id = p.id::uuid`],
};

/** Members of the group `p`, by ARN. */
export const membersOfGroup: Listing = {
  ...BY_NAME,
  from: sql`group_membership m JOIN principal r ON r.id = m.user_id`,
  where: [sql`m.group_id = p.id::uuid`],
};

/** Sessions that were issued of the role `p`, newest first; `active`: only those that are active now, or are not. */
export function sessionsOfRole(active: boolean | null | undefined): Listing {
  const acts = sql`(r.expires_at > now() AND (r.revoked_at IS NULL OR r.revoked_at > now()))`;
  const filter = typeof active === "boolean" ? [active ? acts : sql`NOT ${acts}`] : [];
  return {
    id: sql`r.id`,
    from: sql`role_session r`,
    where: [sql`r.role_id = p.id::uuid`, ...filter],
    order: [
      { sql: sql`(-(extract(epoch FROM r.issued_at) * 1000)::bigint)`, type: "bigint" },
      { sql: sql`r.id`, type: "uuid" },
    ],
  };
}

export interface ApiKeyFilter {
  readonly account?: string | null | undefined;
  /** `arn_key` of whom they sign in. */
  readonly principal?: string | null | undefined;
}

/** API keys, newest first; those of operators are of no account. */
export function apiKeysOf({ account, principal }: ApiKeyFilter): Listing {
  return {
    id: sql`r.id`,
    from: sql`credential r LEFT JOIN principal o ON o.id = r.principal_id`,
    where: [
      ...(typeof account === "string" ? [sql`o.account_id = ${account}`] : []),
      ...(typeof principal === "string" ? [sql`o.arn_key = ${principal}`] : []),
    ],
    order: [
      { sql: sql`(-(extract(epoch FROM r.created_at) * 1000)::bigint)`, type: "bigint" },
      { sql: sql`r.id`, type: "text" },
    ],
  };
}

/** Versions of the policy `p`, newest first. */
export const versionsOfPolicy: Listing = {
  id: sql`r.id`,
  from: sql`policy_version r`,
  where: [sql`r.policy_id = p.id::uuid`],
  order: [{ sql: sql`(-r.number)`, type: "int" }],
};

/** What the key `p` is used by: the aliases that point to it, or the secrets that it encrypts; by ARN. */
export function usersOfKey(type: "ALIAS" | "SECRET"): Listing {
  const where = [sql`r.key_id = p.id::uuid`, sql`r.type = ${type}::"ResourceType"`];
  return { ...BY_ARN, from: sql`kms_resource r`, where };
}
