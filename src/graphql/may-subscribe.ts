import { excerpt } from "../domain/arn.js";
import { ForbiddenError } from "../domain/errors.js";
import type { GraphQLContext } from "./context.js";

/**
 * Whether the caller may follow the changes of an account.
 *
 * @throws ForbiddenError otherwise, in the same words whether there is such an account or not
 */
export async function requireMaySubscribe({ caller }: GraphQLContext, account: string): Promise<void> {
  if (caller?.kind === "OPERATOR") return;
  throw new ForbiddenError(`only operators may follow the changes of account \`${excerpt(account)}\``);
}

/**
 * Whether the caller may read what was decided about principals of an account.
 *
 * @throws ForbiddenError otherwise, likewise
 */
export async function requireMayReadDecisionLog({ caller }: GraphQLContext, account: string): Promise<void> {
  if (caller?.kind === "OPERATOR") return;
  throw new ForbiddenError(`only operators may read the decision log of account \`${excerpt(account)}\``);
}
