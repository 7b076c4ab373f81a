import type { Database } from "../store/prisma-client.js";
import type { PrincipalRow } from "./records.js";

/** The ARNs of a page as principals: several sessions of one name are one. Each is the row of its role, like any session. */
export async function readSessionNames(db: Database, arns: string[], query: object): Promise<PrincipalRow[]> {
  const sessions = await db.roleSession.findMany({
    where: { arn: { in: arns } },
    distinct: ["arn"],
    select: { arn: true, roleId: true },
  });
  const ids = sessions.map(({ roleId }) => roleId);
  const roles = await db.principal.findMany({ ...query, where: { id: { in: ids } } });
  const byId = new Map(roles.map((role) => [role.id, role]));
  return sessions.flatMap(({ arn, roleId }) => {
    const role = byId.get(roleId);
    return role === undefined ? [] : [{ ...role, arnKey: arn, sessionArn: arn }];
  });
}
