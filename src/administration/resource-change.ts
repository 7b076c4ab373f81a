import type { Transaction } from "../store/prisma-client.js";
import type { Change, Effect } from "./change-account.js";
import type { ResourceName } from "./look-up.js";

interface ResourceChange<T> {
  readonly action: string;
  readonly resource: ResourceName;
  readonly input: object;
  run(tx: Transaction): Promise<Effect<T>>;
}

/** A change of a key, secret or alias. */
export function resourceChange<T>({ action, resource, input, run }: ResourceChange<T>): Change<T> {
  const { account, arn } = resource;
  return { action, account, lock: "shared", targets: [arn], scopes: [`res:${arn}`], input, run };
}
