import { foldCase } from "../domain/wildcard.js";
import type { Database } from "./prisma-client.js";

/** What a principal holds: whoever it is, it may see this. */
export interface OwnRecords {
  /** `arn_key` of its groups. */
  readonly groups: ReadonlySet<string>;
  /** Ids of the policies attached to it or its groups, in or out of their time; none that another account has written. */
  readonly policies: ReadonlySet<string>;
  /** `rg-…` ids of the resource groups that these are attached for. */
  readonly resourceGroups: ReadonlySet<string>;
  /** ARNs of the policies, in lower case. */
  readonly policyArns: ReadonlySet<string>;
}

interface Row {
  readonly groups: readonly string[];
  readonly policies: readonly string[];
  readonly arns: readonly string[];
  readonly resourceGroups: readonly string[];
}

/** One statement. @param arnKey of a user, group, role or account owner; nothing is found for one that does not exist */
export async function findOwnRecords(db: Database, arnKey: string): Promise<OwnRecords> {
  const [row] = await db.$queryRaw<Row[]>`
    WITH me AS (SELECT id, account_id FROM principal WHERE arn_key = ${arnKey}),
      mine AS (SELECT g.id, g.arn_key FROM me JOIN group_membership m ON m.user_id = me.id JOIN principal g ON g.id = m.group_id),
      held AS (SELECT p.id, p.arn, a.resource_group_id FROM me
        JOIN attachment a ON a.account_id = me.account_id AND a.principal_id IN (SELECT id FROM me UNION ALL SELECT id FROM mine)
        JOIN policy p ON p.id = a.policy_id AND (p.account_id IS NULL OR p.account_id = me.account_id))
    SELECT ARRAY(SELECT arn_key FROM mine) AS groups,
      ARRAY(SELECT DISTINCT id::text FROM held) AS policies,
      ARRAY(SELECT DISTINCT arn FROM held) AS arns,
      ARRAY(SELECT DISTINCT resource_group_id FROM held WHERE resource_group_id IS NOT NULL) AS "resourceGroups"`;
  return {
    groups: new Set(row?.groups),
    policies: new Set(row?.policies),
    policyArns: new Set(row?.arns.map(foldCase)),
    resourceGroups: new Set(row?.resourceGroups),
  };
}
