import { excerpt } from "../domain/arn.js";
import type { Transaction } from "../store/prisma-client.js";
import type { EntityKind } from "./look-up.js";
import { type UserError, type UserErrorCode, userError } from "./user-error.js";

/** How many obstacles a message names. */
export const NAMED_OBSTACLES = 10;

/** What stands in the way of a deletion. */
export interface Obstacles {
  /** The first few, at most {@link NAMED_OBSTACLES} of them. */
  readonly names: readonly string[];
  /** How many there are in all. */
  readonly count: number;
}

/**
 * The reason not to delete something while others depend on it, as RAM's `DeleteConflict.…`; none when nothing does.
 *
 * @param what the sentence that the names complete: "the user `ann` still has policies"
 */
export function checkObstacles(code: UserErrorCode, what: string, obstacles: Obstacles, field: string): UserError[] {
  if (obstacles.count === 0) return [];
  return [userError(code, `${what}: ${listOf(obstacles)}`, field)];
}

interface Held {
  readonly policyId?: string;
  readonly resourceGroupId?: string;
  readonly accountId?: string;
  readonly principal?: { readonly kind: EntityKind };
}

/** The principals behind some attachments, oldest attachment first. */
export async function findHolders(tx: Transaction, where: Held): Promise<Obstacles> {
  const attachments = await tx.attachment.findMany({
    where,
    select: { principal: { select: { arn: true } } },
    orderBy: { id: "asc" },
    take: NAMED_OBSTACLES,
  });
  const names = attachments.map(({ principal }) => principal.arn);
  return { names, count: await tx.attachment.count({ where }) };
}

function listOf({ names, count }: Obstacles): string {
  const shown = names.slice(0, NAMED_OBSTACLES).map((name) => `\`${excerpt(name)}\``);
  const rest = count - shown.length;
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}
