import { foldCase } from "../domain/wildcard.js";
import type { Transaction } from "../store/prisma-client.js";
import type { Change, Effect } from "./change-account.js";
import { type CustomPolicyName, policyArn } from "./look-up.js";

interface PolicyChange<T> {
  readonly action: string;
  readonly name: CustomPolicyName;
  readonly input: object;
  run(tx: Transaction): Promise<Effect<T>>;
}

/** A change of a custom policy that is there already. */
export function policyChange<T>({ action, name, input, run }: PolicyChange<T>): Change<T> {
  const { account, arn } = name;
  return { action, account, lock: "shared", targets: [arn], scopes: policyScopes(name), input, run };
}

/** Scopes that guard the changes of a custom policy: its own, which each of them moves. */
export function policyScopes({ account, name }: Pick<CustomPolicyName, "account" | "name">): string[] {
  return [`pol:${foldCase(policyArn("CUSTOM", account, name))}`];
}
