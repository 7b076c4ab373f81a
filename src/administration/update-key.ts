import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { resourceName } from "./look-up.js";
import { needs } from "./permissions.js";
import { resourceChange } from "./resource-change.js";
import { updateResource } from "./update-resource.js";
import { refuseIfAny } from "./user-error.js";
import { checkText } from "./validation.js";

export interface UpdateKeyInput {
  /** ARN of the key. */
  readonly key: string;
  /** Null or left out: as it was. */
  readonly state?: "ENABLED" | "DISABLED" | "PENDING_DELETION" | "PENDING_IMPORT" | null | undefined;
  /** Null: not known; left out: as it was. */
  readonly spec?: string | null | undefined;
  /** Null: not known; left out: as it was. */
  readonly usage?: string | null | undefined;
  /** Null: not known; left out: as it was. */
  readonly origin?: string | null | undefined;
}

/** Changes what the gateway knows of a key. It follows KMS, so any state may follow any other. */
export function updateKey(
  administration: Administration,
  input: UpdateKeyInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ resourceId: string }>> {
  const { spec: keySpec, usage: keyUsage, origin } = input;
  return changeAccount(administration, request, () => {
    refuseIfAny([
      ...checkText(keySpec, 64, "spec"),
      ...checkText(keyUsage, 64, "usage"),
      ...checkText(origin, 64, "origin"),
    ]);
    const key = resourceName(input.key, ["KEY"], "key");
    return resourceChange({
      action: "updateKey",
      resource: key,
      requires: permissionsFor(input, key.arn),
      input,
      run: (tx) => updateResource(tx, key, "key", { keyState: input.state ?? undefined, keySpec, keyUsage, origin }),
    });
  });
}

/** What KMS would ask for. */
function permissionsFor({ state, spec, usage, origin }: UpdateKeyInput, arn: string) {
  const described = [spec, usage, origin].some((value) => value !== undefined) || !state;
  const when = (wanted: UpdateKeyInput["state"]) => (state === wanted ? [arn] : []);
  return needs("updateKey", {
    "kms:UpdateKeyDescription": described ? [arn] : [],
    "kms:EnableKey": when("ENABLED"),
    "kms:DisableKey": when("DISABLED"),
    "kms:ScheduleKeyDeletion": when("PENDING_DELETION"),
    "kms:DeleteKeyMaterial": when("PENDING_IMPORT"),
  });
}
