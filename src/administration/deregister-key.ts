import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { checkObstacles, NAMED_OBSTACLES } from "./delete-conflict.js";
import type { Deleted } from "./delete-principal.js";
import { deregisterChange } from "./deregister-resource.js";
import type { UserError } from "./user-error.js";

export interface DeregisterKeyInput {
  /** ARN of the key. */
  readonly key: string;
}

/** Makes the gateway forget a key, once no secret and no alias refers to it. */
export function deregisterKey(
  administration: Administration,
  input: DeregisterKeyInput,
  request: ChangeRequest,
): Promise<ChangeResult<Deleted>> {
  return changeAccount(administration, request, () =>
    deregisterChange({
      action: "deregisterKey",
      type: "KEY",
      arn: input.key,
      field: "key",
      input,
      obstacles: async (tx, keyId) => [
        ...(await checkUsers(tx, keyId, "SECRET", "the key still encrypts secrets")),
        ...(await checkUsers(tx, keyId, "ALIAS", "aliases still point to the key")),
      ],
    }),
  );
}

async function checkUsers(
  tx: Transaction,
  keyId: string,
  type: "SECRET" | "ALIAS",
  what: string,
): Promise<UserError[]> {
  const where = { keyId, type };
  const users = await tx.kmsResource.findMany({
    where,
    select: { arn: true },
    orderBy: { arn: "asc" },
    take: NAMED_OBSTACLES,
  });
  const obstacles = { names: users.map(({ arn }) => arn), count: await tx.kmsResource.count({ where }) };
  return checkObstacles(`DELETE_CONFLICT_KEY_${type}`, what, obstacles, "key");
}
