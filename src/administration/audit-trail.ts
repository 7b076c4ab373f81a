import { callerName } from "../domain/caller.js";
import type { Transaction } from "../store/prisma-client.js";
import type { ChangeRequest } from "./administration.js";
import { withoutOptions } from "./change-input.js";
import { storableJson } from "./json.js";

interface Audited {
  readonly action: string;
  readonly account: string;
  readonly targets: readonly string[];
  readonly input: object;
}

/** Writes down who changed what, in the transaction of the change; `input` unless the change says otherwise. */
export async function recordAuditEvent(
  tx: Transaction,
  request: ChangeRequest,
  change: Audited,
  input = withoutOptions(change.input),
): Promise<void> {
  await tx.auditEvent.create({
    data: {
      accountId: change.account,
      actor: callerName(request.caller),
      action: change.action,
      targets: [...change.targets],
      reason: request.reason ?? null,
      requestId: request.requestId,
      input: storableJson(input),
    },
    select: { id: true },
  });
}
