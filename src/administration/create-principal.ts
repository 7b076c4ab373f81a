import { excerpt } from "../domain/arn.js";
import { foldCase } from "../domain/wildcard.js";
import type { Transaction } from "../store/prisma-client.js";
import type { Effect } from "./change-account.js";
import type { EntityKind } from "./look-up.js";
import { tagsByKey } from "./tag-change.js";
import { refuse } from "./user-error.js";

/** What the three kinds of principals have in common. */
export interface NewPrincipal {
  readonly accountId: string;
  readonly kind: EntityKind;
  readonly name: string;
}

interface PrincipalDetails {
  readonly displayName?: string | null | undefined;
  readonly comments?: string | null | undefined;
  readonly roleKind?: "REGULAR" | "SERVICE";
  readonly service?: string | null | undefined;
  readonly trustPolicy?: string;
  readonly maxSessionDuration?: number;
  readonly tags?: readonly { key: string; value: string }[];
}

/** The ARN of a user, group or role; RAM writes role names in ARNs in lower case (D6). */
export function principalArn({ accountId, kind, name }: NewPrincipal): string {
  return `acs:ram::${accountId}:${kind.toLowerCase()}/${kind === "ROLE" ? foldCase(name) : name}`;
}

/** Scopes that a new user, group or role moves. */
export function principalScopes(principal: NewPrincipal): string[] {
  const arnKey = foldCase(principalArn(principal));
  if (principal.kind === "GROUP") return [`grp:${arnKey}`];
  const own = `prin:${arnKey}`;
  return principal.kind === "ROLE" ? [`acct:${principal.accountId}`, own] : [own];
}

/**
 * Writes a user, group or role.
 * @throws Refusal when the name is taken, or the account holds `most` of that kind
 */
export async function insertPrincipal(
  tx: Transaction,
  principal: NewPrincipal,
  details: PrincipalDetails,
  most: number,
): Promise<Effect<{ principalId: string }>> {
  const { accountId, kind, name } = principal;
  const arn = principalArn(principal);
  const arnKey = foldCase(arn);
  const noun = kind.toLowerCase();
  if ((await tx.principal.findUnique({ where: { arnKey }, select: { id: true } })) !== null) {
    refuse(`ENTITY_ALREADY_EXISTS_${kind}`, `the ${noun} \`${excerpt(name)}\` already exists`, "name");
  }
  if ((await tx.principal.count({ where: { accountId, kind } })) >= most) {
    refuse(`LIMIT_EXCEEDED_${kind}`, `the account \`${accountId}\` already has ${most} ${noun}s, the most it may have`);
  }
  const { tags = [], ...columns } = details;
  const data = { accountId, kind, name, arn, arnKey, ...definedOf(columns) };
  const { id } = await tx.principal.create({ data, select: { id: true } });
  if (tags.length > 0) {
    await tx.principalTag.createMany({ data: tags.map(({ key, value }) => ({ principalId: id, key, value })) });
  }
  const trust = columns.trustPolicy === undefined ? {} : { trustPolicy: JSON.parse(columns.trustPolicy) as unknown };
  const after = { arn, kind, name, ...columns, ...trust, tags: tagsByKey(tags) };
  return { value: { principalId: id }, changed: true, created: true, after };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function definedOf<T extends object>(columns: T): Defined<T> {
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined)) as Defined<T>;
}
