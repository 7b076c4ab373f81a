import { type EffectivePermissionsResult, effectivePermissions } from "../decisions/effective-permissions.js";
import type { CacheStatus as CacheStatusValue } from "../decisions/question.js";
import { parseArn } from "../domain/arn.js";
import { builder } from "./builder.js";
import { Decision } from "./decision.js";
import { viewOf } from "./explanation-view.js";
import { OperationDecision } from "./operation-decision.js";
import { showOperations } from "./operation-view.js";
import { Principal } from "./principal.js";
import { found } from "./records.js";
import {
  CONSISTENCY_DESCRIPTION,
  CONTEXT_DESCRIPTION,
  ConsistencyInput,
  circumstances,
  RequestContextInput,
  SESSION_POLICY_DESCRIPTION,
} from "./request-context.js";
import { detailOf, selects } from "./selection.js";

const CacheStatus = builder.enumType("CacheStatus", {
  description: "How an answer came about. It is the same answer in each case.",
  values: {
    HIT: { description: "Kept from before: nothing was evaluated." },
    MISS: { description: "Evaluated now, and kept." },
    BYPASS: { description: "Evaluated now; the cache is off, or the answer cannot be kept." },
  } satisfies Record<CacheStatusValue, { description: string }>,
});

interface EffectivePermissionsShape extends EffectivePermissionsResult {
  readonly principal: string;
  readonly resource: string;
  readonly sessionPolicy: unknown;
}

const EffectivePermissions = builder.objectRef<EffectivePermissionsShape>("EffectivePermissions").implement({
  description: "All that a principal may do with a resource.",
  fields: (t) => ({
    principal: t.field({
      type: Principal,
      description: "Who was asked about.",
      resolve: ({ principal }, _args, { records }) => found(records.principalsByArn.load(principal), principal),
    }),
    resource: t.field({ type: "Arn", description: "What was asked about.", resolve: ({ resource }) => resource }),
    permissions: t.field({
      type: [Decision],
      description:
        "One decision for each action that this type of resource has, or for those of them that are in `actions`.",
      resolve: ({ permissions }) => [...permissions],
    }),
    operations: t.field({
      type: [OperationDecision],
      description:
        "One decision for each operation whose targets this resource determines; for others ask `canPerform`. FORBIDDEN for principals with a Deny of `ramgate:EvaluateAccess` on the key that a secret or an alias leads to.",
      resolve: ({ operations, ...asked }, _args, context) =>
        showOperations(operations, { ...asked, named: [asked.resource] }, context),
    }),
    revision: t.field({
      type: "RevisionToken",
      description: "The revision the permissions rest on.",
      resolve: ({ revision }) => revision(),
    }),
    evaluatedAt: t.field({
      type: "DateTime",
      description: "When the permissions were evaluated, by the clock of the database; on a HIT, in the past.",
      resolve: ({ evaluatedAt }) => evaluatedAt,
    }),
    cache: t.field({ type: CacheStatus, description: "How the answer came about.", resolve: ({ cache }) => cache }),
  }),
});

builder.queryField("effectivePermissions", (t) =>
  t.field({
    type: EffectivePermissions,
    description:
      "What may this principal do with this resource, and why? Unknown principal: NOT_FOUND. A resource that is well formed but not registered is evaluated without tags and resource group.",
    args: {
      principal: t.arg({
        type: "Arn",
        required: true,
        description: "ARN of the user, role, role session or account owner; a group makes no requests: BAD_USER_INPUT.",
      }),
      resource: t.arg({
        type: "Arn",
        required: true,
        description: "ARN of the key, secret, alias or container; `*` in it is plain text.",
      }),
      actions: t.arg.stringList({
        description:
          "Only the rows of these actions, e.g. `kms:Decrypt`. One that this type of resource does not have gives no row; what is no action of KMS is BAD_USER_INPUT. Default: all.",
      }),
      context: t.arg({ type: RequestContextInput, description: CONTEXT_DESCRIPTION }),
      sessionPolicy: t.arg({ type: "PolicyDocument", description: SESSION_POLICY_DESCRIPTION }),
      consistency: t.arg({ type: ConsistencyInput, description: CONSISTENCY_DESCRIPTION }),
    },
    resolve: async (_root, { principal, resource, actions, consistency, ...rest }, context, info) => {
      const { permissions, ask } = context;
      if (permissions !== null) await permissions.requireEvaluation(principal, [resource]);
      const withOperations = selects(info, "operations");
      const question = {
        principal,
        resource,
        actions,
        withOperations,
        ...circumstances(rest, consistency, detailOf(info)),
      };
      const result = await effectivePermissions(ask, question);
      const shown = (await viewOf(principal, context)?.(result.permissions)) ?? result.permissions;
      const asked = { principal, resource: parseArn(resource).text, sessionPolicy: rest.sessionPolicy };
      return { ...result, permissions: shown, ...asked };
    },
  }),
);
