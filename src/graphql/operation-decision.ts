import { canPerform } from "../decisions/can-perform.js";
import type { OperationDecision as OperationDecisionShape } from "../domain/evaluation/operation-decision.js";
import { type OperationTargets, targetArns } from "../domain/kms/operations.js";
import { builder } from "./builder.js";
import { Decision, Outcome } from "./decision.js";
import { KeyState } from "./key.js";
import { showOperations } from "./operation-view.js";
import {
  CONSISTENCY_DESCRIPTION,
  CONTEXT_DESCRIPTION,
  ConsistencyInput,
  circumstances,
  RequestContextInput,
  SESSION_POLICY_DESCRIPTION,
} from "./request-context.js";
import { detailOf } from "./selection.js";

export const OperationDecision = builder.objectRef<OperationDecisionShape>("OperationDecision").implement({
  description:
    "Whether a principal may perform a whole KMS operation. An operation may need several permissions: its legs.",
  fields: (t) => ({
    operation: t.exposeString("operation", { description: "KMS operation, e.g. `GetSecretValue`." }),
    outcome: t.field({
      type: Outcome,
      description: "The worst outcome of the legs; ALLOW when there are none.",
      resolve: ({ outcome }) => outcome,
    }),
    allowed: t.exposeBoolean("allowed", { description: "True for ALLOW only." }),
    legs: t.field({
      type: [Decision],
      description: "One decision for each permission that the operation needs.",
      resolve: ({ legs }) => [...legs],
    }),
    usableNow: t.exposeBoolean("usableNow", {
      nullable: true,
      description:
        "Whether the states of the keys let the operation work now; no part of the permission. Null: not known, no key matters, or a leg is `redacted`.",
    }),
    blockedByKeyState: t.field({
      type: KeyState,
      nullable: true,
      description: "The key state that blocks the operation; null when none does, or a leg is `redacted`.",
      resolve: ({ blockedByKeyState }) => blockedByKeyState,
    }),
  }),
});

const OperationTargetsInput = builder.inputType("OperationTargetsInput", {
  description:
    "What an operation is to be performed on. Each operation takes certain targets; one that is missing or superfluous is BAD_USER_INPUT.",
  fields: (t) => ({
    key: t.field({ type: "Arn", description: "The key; of UpdateAlias, the one the alias is to point to." }),
    oldKey: t.field({
      type: "Arn",
      description: "UpdateAlias: the key it points to now. Default: what the gateway knows.",
    }),
    secret: t.field({ type: "Arn", description: "The secret." }),
    secrets: t.field({ type: ["Arn"], description: "The secrets of an operation on several." }),
    alias: t.field({ type: "Arn", description: "The alias." }),
    sourceKey: t.field({ type: "Arn", description: "ReEncrypt: the key to decrypt with." }),
    destinationKey: t.field({ type: "Arn", description: "ReEncrypt: the key to encrypt with." }),
    region: t.string({ description: "Region of operations on all keys or secrets, e.g. `cn-hangzhou`." }),
    account: t.string({ description: "Account of such operations. Default: the principal's." }),
  }),
});

builder.queryField("canPerform", (t) =>
  t.field({
    type: OperationDecision,
    description:
      "May this principal perform this KMS operation on these targets? Unknown principal: NOT_FOUND. Unknown operation or malformed target: BAD_USER_INPUT.",
    args: {
      principal: t.arg({
        type: "Arn",
        required: true,
        description: "ARN of the user, role, role session or account owner; a group makes no requests: BAD_USER_INPUT.",
      }),
      operation: t.arg.string({ required: true, description: "KMS operation, e.g. `ReEncrypt`, without `kms:`." }),
      targets: t.arg({ type: OperationTargetsInput, required: true, description: "What it is to be performed on." }),
      context: t.arg({ type: RequestContextInput, description: CONTEXT_DESCRIPTION }),
      sessionPolicy: t.arg({ type: "PolicyDocument", description: SESSION_POLICY_DESCRIPTION }),
      consistency: t.arg({ type: ConsistencyInput, description: CONSISTENCY_DESCRIPTION }),
    },
    resolve: async (_root, { principal, operation, consistency, ...rest }, context, info) => {
      const { permissions, ask } = context;
      const targets = rest.targets as OperationTargets;
      if (permissions !== null) await permissions.requireEvaluation(principal, targetArns(targets));
      const question = { principal, operation, targets, ...circumstances(rest, consistency, detailOf(info)) };
      const decision = await canPerform(ask, question);
      const asked = { principal, named: targetArns(targets), sessionPolicy: rest.sessionPolicy };
      const [shown = decision] = await showOperations([decision], asked, context);
      return shown;
    },
  }),
);
