import type { Transaction } from "../store/prisma-client.js";
import type { Change, Effect } from "./change-account.js";
import type { ResourceName } from "./look-up.js";

interface ResourceChange<T> extends Pick<Change<T>, "requires"> {
  readonly action: string;
  readonly resource: ResourceName;
  readonly input: object;
  run(tx: Transaction): Promise<Effect<T>>;
}

/** A change of a key, secret or alias. */
export function resourceChange<T>({ resource, ...rest }: ResourceChange<T>): Change<T> {
  const { account, arn } = resource;
  return { ...rest, account, lock: "shared", targets: [arn], scopes: [`res:${arn}`] };
}
