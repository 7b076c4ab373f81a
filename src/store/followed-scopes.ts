import { LRUCache } from "lru-cache";
import type { ModelState } from "./revision-vector.js";

/** A scope that a remembered list rests on, and its tag at that time; null: it did not exist. */
export type Foundation = readonly [arnKey: string, scope: string, tag: string | null];

/** Lists that are looked up at a time. Whoever else wants one goes without: such a question misses, and is loaded. */
export const MOST_LISTS = 200;

/** Of the lists that rest on $3 (`arn_key`), $4 (scope), $5 (tag), those that rest on what is over. */
export const OUTDATED_LISTS = `
  SELECT DISTINCT arn_key FROM unnest($3::text[], $4::text[], $5::text[]) AS remembered (arn_key, scope, tag)
  WHERE tag IS DISTINCT FROM (SELECT r.tag::text FROM scope_revision r WHERE r.scope = remembered.scope) LIMIT ${MOST_LISTS}`;

/**
 * What follows from the principals that `condition` names: `asked`, `membership`, `followed (arn_key, scope)`. Memberships
 * and attachments of a principal move its own scope and attachments of a group that group's, so none of it changes without
 * one of these.
 */
export const followedScopes = (condition: string): string => `
asked AS MATERIALIZED (
  SELECT id, account_id, kind, arn, arn_key FROM principal WHERE ${condition}
), membership AS MATERIALIZED (
  SELECT m.user_id, m.group_id, g.arn, g.arn_key FROM group_membership m
  JOIN asked ON asked.id = m.user_id JOIN principal g ON g.id = m.group_id
), followed AS MATERIALIZED (
  SELECT asked.arn_key, 'grp:' || m.arn_key AS scope FROM asked JOIN membership m ON m.user_id = asked.id
  UNION
  SELECT asked.arn_key, 'pol:acs:ram::' || p.account_id || ':policy/' || p.name_key
  FROM asked
  JOIN (SELECT id AS user_id, id AS holder_id FROM asked UNION ALL SELECT user_id, group_id FROM membership) h ON h.user_id = asked.id
  JOIN attachment a ON a.principal_id = h.holder_id
  JOIN policy p ON p.id = a.policy_id AND p.account_id IS NOT NULL
)`;

/** The revisions of the scopes in $1 and of all that are followed. */
export const REVISIONS_OF_ALL = `
  coalesce((SELECT json_agg(json_build_array(scope, rev, tag)) FROM scope_revision
    WHERE scope = ANY($1::text[] || ARRAY(SELECT scope FROM followed))), '[]') AS revisions,
  coalesce((SELECT json_agg(json_build_array(arn_key, coalesce(scopes, '[]'))) FROM asked LEFT JOIN (
    SELECT arn_key, json_agg(scope ORDER BY scope COLLATE "C") AS scopes FROM followed GROUP BY arn_key) l USING (arn_key)), '[]') AS followed`;

const MOST_SCOPES = 400_000;

interface Remembered {
  readonly scopes: readonly string[];
  readonly foundations: readonly Foundation[];
}

/**
 * What principals followed when they were last looked at. Where it is out of date, it does no harm: it only says which
 * revisions to read, and their names are in the key of an answer as well as their tags. So a wrong list is a key that
 * nothing is kept under.
 */
export class RememberedScopes {
  private readonly lists = new LRUCache<string, Remembered>({
    maxSize: MOST_SCOPES,
    sizeCalculation: ({ scopes }) => 1 + scopes.length,
  });

  /** What was looked up in a state. */
  remember({ followed, vector }: Pick<ModelState, "followed" | "vector">): void {
    for (const [arnKey, scopes] of followed) {
      const groups = scopes.filter((scope) => scope.startsWith("grp:"));
      const foundations = [`prin:${arnKey}`, ...groups].map(
        (scope): Foundation => [arnKey, scope, vector.get(scope)?.tag ?? null],
      );
      this.lists.set(arnKey, { scopes, foundations });
    }
  }

  /** What is remembered of these principals, and what it rests on. */
  recall(principals: Iterable<string>): Recalled {
    const recalled: Recalled = { followed: new Map(), foundations: [], unknown: [] };
    for (const arnKey of principals) {
      const remembered = this.lists.get(arnKey);
      if (remembered === undefined) {
        recalled.unknown.push(arnKey);
        continue;
      }
      recalled.followed.set(arnKey, remembered.scopes);
      recalled.foundations.push(...remembered.foundations);
    }
    return recalled;
  }
}

interface Recalled {
  readonly followed: Map<string, readonly string[]>;
  readonly foundations: Foundation[];
  /** Of whom nothing is remembered. */
  readonly unknown: string[];
}
