import type { Database } from "../store/prisma-client.js";
import { nameFilter } from "./page.js";
import type { PrincipalRow } from "./records.js";

interface Listed {
  readonly account: string;
  readonly nameContains?: string | null | undefined;
}

/** What a page of principals by `arnKey` asks of Prisma; `take` is negative for a page counted from the end. */
interface PageQuery {
  readonly cursor?: { readonly arnKey?: string | undefined } | undefined;
  readonly skip?: number | undefined;
  readonly take?: number | undefined;
}

/** How many ARNs of an account sessions were issued under. */
export async function countSessionNames(db: Database, listed: Listed): Promise<number> {
  return (await db.roleSession.groupBy({ by: ["arn"], where: whereOf(listed) })).length;
}

/** The ARNs as principals: several sessions of one name are one. Each is the row of its role, like any session. */
export async function listSessionNames(db: Database, query: PageQuery, listed: Listed): Promise<PrincipalRow[]> {
  const { cursor, skip, take = 0, ...selection } = query;
  const backwards = take < 0;
  const beyond = cursor?.arnKey === undefined ? {} : { arn: { [backwards ? "lt" : "gt"]: cursor.arnKey } };
  const names = await db.roleSession.groupBy({
    by: ["arn", "roleId"],
    where: { ...whereOf(listed), ...beyond },
    orderBy: { arn: backwards ? "desc" : "asc" },
    take: Math.abs(take),
  });
  const ids = names.map(({ roleId }) => roleId);
  const roles = await db.principal.findMany({ ...selection, where: { id: { in: ids } } });
  const byId = new Map(roles.map((role) => [role.id, role]));
  const rows = names.flatMap(({ arn, roleId }) => {
    const role = byId.get(roleId);
    return role === undefined ? [] : [{ ...role, arnKey: arn, sessionArn: arn }];
  });
  return backwards ? rows.reverse() : rows;
}

function whereOf({ account, nameContains }: Listed) {
  return { accountId: account, role: nameFilter(nameContains) };
}
