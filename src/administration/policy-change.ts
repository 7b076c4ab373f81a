import { foldCase } from "../domain/wildcard.js";
import type { Transaction } from "../store/prisma-client.js";
import type { Change, Effect } from "./change-account.js";
import { type CustomPolicyName, policyArn } from "./look-up.js";

interface PolicyChange<T> extends Pick<Change<T>, "requires" | "gift"> {
  readonly action: string;
  readonly name: CustomPolicyName;
  readonly input: object;
  run(tx: Transaction): Promise<Effect<T>>;
}

/** A change of a custom policy that is there already. */
export function policyChange<T>({ name, ...rest }: PolicyChange<T>): Change<T> {
  const { account, arn } = name;
  return { ...rest, account, lock: "shared", targets: [arn], scopes: policyScopes(name) };
}

/** Scopes that guard the changes of a custom policy: its own, which each of them moves. */
export function policyScopes({ account, name }: Pick<CustomPolicyName, "account" | "name">): string[] {
  return [`pol:${foldCase(policyArn("CUSTOM", account, name))}`];
}
