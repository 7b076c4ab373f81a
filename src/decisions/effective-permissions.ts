import { InvalidInputError } from "../domain/errors.js";
import type { Verdict } from "../domain/evaluation/decision.js";
import { permissionActions } from "../domain/evaluation/effective-permissions.js";
import type { OperationDecision } from "../domain/evaluation/operation-decision.js";
import { KMS_ACTIONS, parseAction } from "../domain/kms/actions.js";
import { operationsOf } from "../domain/kms/operations.js";
import { didYouMean } from "../domain/suggest.js";
import { combinedStatus, decideOperations, factsOf } from "./decide-operations.js";
import { type Ask, type CacheStatus, type Circumstances, circumstancesOf } from "./question.js";

export interface EffectivePermissionsInput extends Circumstances {
  readonly principal: string;
  readonly resource: string;
  /** Actions of KMS; those that the type of the resource does not have give no row. Default: all that it has. */
  readonly actions?: readonly string[] | null | undefined;
  /** False leaves `operations` empty and saves the questions about their legs. Default: true. */
  readonly withOperations?: boolean | undefined;
}

export interface EffectivePermissionsResult {
  readonly permissions: readonly Verdict[];
  /** The operations whose targets the resource determines, `actions` or not. */
  readonly operations: readonly OperationDecision[];
  /** Issues the revision token. */
  readonly revision: () => string;
  /** Milliseconds since the epoch, database clock. */
  readonly evaluatedAt: number;
  readonly cache: CacheStatus;
}

/** What may `principal` do with `resource`? Rejects with the errors of `decideMany`. */
export async function effectivePermissions(
  ask: Ask,
  input: EffectivePermissionsInput,
): Promise<EffectivePermissionsResult> {
  const { principal, resource, actions = null, withOperations = true } = input;
  const circumstances = circumstancesOf(input);
  const rows = actions === null ? null : rowsAmong(resource, actions);
  const answer = await ask({ principal, resource, actions: rows, ...circumstances });
  const plans = withOperations ? operationsOf(factsOf(answer.resource)) : [];
  const { operations, answers } = await decideOperations(ask, principal, circumstances, plans, [answer]);
  const { decisions: permissions, evaluatedAt } = answer;
  const revision = () => answer.revision();
  return { permissions, operations, revision, evaluatedAt, cache: combinedStatus(answers) };
}

/**
 * The asked actions that this resource has a row for: one page may ask the same list of keys and secrets alike (C27).
 *
 * @throws InvalidInputError for what is no action of KMS at all, so that a typo is never just a missing row
 */
function rowsAmong(resource: string, actions: readonly string[]): string[] {
  const rows = new Set(permissionActions(resource));
  const asked = new Set(actions.map(parseAction));
  for (const action of asked) {
    if (!KMS_ACTIONS.has(action)) {
      throw new InvalidInputError(
        `\`${action}\` is not an action of KMS${didYouMean(action, [...KMS_ACTIONS.keys()])}`,
      );
    }
  }
  return [...asked].filter((action) => rows.has(action));
}
