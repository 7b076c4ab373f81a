import type { Transaction } from "../store/prisma-client.js";
import type { Change, Effect } from "./change-account.js";
import type { CustomPolicyName } from "./look-up.js";

interface PolicyChange<T> {
  readonly action: string;
  readonly name: CustomPolicyName;
  readonly input: object;
  run(tx: Transaction): Promise<Effect<T>>;
}

/** A change of a custom policy that is there already. */
export function policyChange<T>({ action, name, input, run }: PolicyChange<T>): Change<T> {
  const { account, arn } = name;
  return { action, account, lock: "shared", targets: [arn], scopes: [`acct:${account}`], input, run };
}
