/**
 * Actions of the gateway itself, granted by RAM policies like any other. Actions on one record are asked on its ARN,
 * those on all records of an account on `acs:ram::<account>:*` or `acs:kms:*:<account>:*`.
 */
export const GATEWAY_ACTIONS = {
  "ramgate:EvaluateAccess": "Ask what a principal may do; on the principal or on the resource that is asked about.",
  "ramgate:ReadPrincipal": "Read a user, group, role or session with its attachments, groups and tags.",
  "ramgate:ReadPolicy": "Read a policy with its versions and attachments.",
  "ramgate:ReadResource": "Read a key, secret or alias with its tags.",
  "ramgate:ReadResourceGroup": "Read a resource group with its resources and attachments.",
  "ramgate:ReadAccount": "Read an account; on `acs:ram::<account>:*`.",
  "ramgate:ReadAuditTrail": "Read the changes and the denials of an account; on `acs:ram::<account>:*`.",
  "ramgate:ExportAccount": "Export an account; on `acs:ram::<account>:*`.",
  "ramgate:ImportAccount": "Import a snapshot over an account; on `acs:ram::<account>:*`.",
  "ramgate:UpdateAccount": "Change what the gateway knows of an account; on `acs:ram::<account>:*`.",
  "ramgate:RevokeRoleSessions": "End the sessions of a role; on the role.",
  "ramgate:GrantBeyondSelf":
    "Give a principal more than one has oneself; on the principal, or on the policy that is published.",
} as const;

export type GatewayAction = keyof typeof GATEWAY_ACTIONS;
