import type { KeyState } from "../evaluation/access-request.js";

const NOT_ENABLED: readonly KeyState[] = ["DISABLED", "PENDING_DELETION", "PENDING_IMPORT"];
const PENDING: readonly KeyState[] = ["PENDING_DELETION", "PENDING_IMPORT"];

/**
 * Which states of a key make an action on it fail although it is permitted (D28).
 * Actions that are not listed work in every state.
 */
const BLOCKING_STATES: ReadonlyMap<string, readonly KeyState[]> = new Map<string, readonly KeyState[]>([
  ["kms:Encrypt", NOT_ENABLED],
  ["kms:Decrypt", NOT_ENABLED],
  ["kms:ReEncryptFrom", NOT_ENABLED],
  ["kms:ReEncryptTo", NOT_ENABLED],
  ["kms:GenerateDataKey", NOT_ENABLED],
  ["kms:GenerateDataKeyWithoutPlaintext", NOT_ENABLED],
  ["kms:ExportDataKey", NOT_ENABLED],
  ["kms:GenerateAndExportDataKey", NOT_ENABLED],
  ["kms:AsymmetricSign", NOT_ENABLED],
  ["kms:AsymmetricVerify", NOT_ENABLED],
  ["kms:AsymmetricEncrypt", NOT_ENABLED],
  ["kms:AsymmetricDecrypt", NOT_ENABLED],
  ["kms:GetPublicKey", NOT_ENABLED],
  ["kms:GenerateMac", NOT_ENABLED],
  ["kms:VerifyMac", NOT_ENABLED],
  ["kms:GetManagedDataKey", NOT_ENABLED],
  ["kms:EnableKey", PENDING],
  ["kms:DisableKey", PENDING],
  ["kms:ScheduleKeyDeletion", ["PENDING_DELETION"]],
  ["kms:CancelKeyDeletion", ["ENABLED", "DISABLED", "PENDING_IMPORT"]],
  ["kms:CreateAlias", ["PENDING_DELETION"]],
  ["kms:UpdateAlias", ["PENDING_DELETION"]],
]);

/** True when a key in `state` refuses `action` (canonical spelling) whoever asks. */
export function stateBlocks(action: string, state: KeyState): boolean {
  return BLOCKING_STATES.get(action)?.includes(state) ?? false;
}
