import { attachPolicies } from "../administration/attach-policies.js";
import { attachPolicy } from "../administration/attach-policy.js";
import type { Detachment } from "../administration/detach-policies.js";
import { detachPolicies } from "../administration/detach-policies.js";
import { detachPolicy } from "../administration/detach-policy.js";
import { attachmentsInForce, attachmentsOfPolicy, attachmentsOfPrincipal } from "../store/lists.js";
import type { Database } from "../store/prisma-client.js";
import { builder } from "./builder.js";
import { change, type InputBuilder, type Made } from "./change.js";
import { node } from "./node.js";
import { connectionOf, pageOf } from "./page.js";
import { Policy } from "./policy.js";
import { Principal } from "./principal.js";
import { type AttachmentRow, resourceGroupKey } from "./records.js";
import { ResourceGroup } from "./resource-group.js";

const ScopeKind = builder.enumType("AttachmentScopeKind", {
  description: "How far an attachment reaches.",
  values: {
    ACCOUNT: { description: "All resources of the account." },
    RESOURCE_GROUP: { description: "The resources that are in one resource group at the moment of the decision." },
  } as const,
});

interface Scope {
  readonly account: string;
  /** `rg-…` id; null: the scope is the account. */
  readonly resourceGroup: string | null;
}

export const AttachmentScope = builder.objectRef<Scope>("AttachmentScope").implement({
  description: "Which resources an attached policy counts for.",
  fields: (t) => ({
    kind: t.field({
      type: ScopeKind,
      description: "How far it reaches.",
      resolve: ({ resourceGroup }) => (resourceGroup === null ? "ACCOUNT" : "RESOURCE_GROUP"),
    }),
    resourceGroup: t.field({
      type: ResourceGroup,
      nullable: true,
      description: "The resource group; null when the scope is the account.",
      resolve: ({ account: accountId, resourceGroup: id }, _args, { records }) =>
        id === null ? null : records.resourceGroups.load(resourceGroupKey({ accountId, id })),
    }),
  }),
});

function scopeOf({ accountId, resourceGroupId }: AttachmentRow): Scope {
  return { account: accountId, resourceGroup: resourceGroupId };
}

export const Attachment = builder.prismaObject("Attachment", {
  description: "A policy given to a principal, within a scope and possibly for a time.",
  fields: (t) => ({
    policy: t.relation("policy", { description: "The policy." }),
    principal: t.relation("principal", { type: Principal, description: "The user, group or role that holds it." }),
    scope: t.field({ type: AttachmentScope, description: "Which resources it counts for.", resolve: scopeOf }),
    resourceGroup: t.relation("resourceGroup", {
      type: ResourceGroup,
      nullable: true,
      description: "The resource group it counts for; null when the scope is the account.",
    }),
    notBefore: t.expose("notBefore", {
      type: "DateTime",
      nullable: true,
      description: "First instant at which it counts; null: it always has.",
    }),
    expiresAt: t.expose("expiresAt", {
      type: "DateTime",
      nullable: true,
      description: "First instant at which it counts no more; null: never.",
    }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the gateway learned of the attachment." }),
  }),
});

node(
  Attachment,
  ({ id }) => id,
  (ids, { attachments }) => attachments.loadMany(ids),
);

export const Attachments = connectionOf(Attachment, "Attachment", "attachments");

const EffectivePolicy = builder.prismaObject("Attachment", {
  variant: "EffectivePolicy",
  description: "A policy that counts for a principal now, and how it came to.",
  fields: (t) => ({
    policy: t.relation("policy", { description: "The policy." }),
    attachedTo: t.relation("principal", {
      type: Principal,
      description: "Who holds the attachment: the principal itself, one of its groups, or the role of a session.",
    }),
    scope: t.field({ type: AttachmentScope, description: "Which resources it counts for.", resolve: scopeOf }),
    expiresAt: t.expose("expiresAt", {
      type: "DateTime",
      nullable: true,
      description: "First instant at which it counts no more; null: never.",
    }),
    attachment: t.variant(Attachment, { description: "The attachment itself." }),
  }),
});

const EffectivePolicies = connectionOf(EffectivePolicy, "EffectivePolicy", "policies in force");

builder.prismaInterfaceFields(Principal, (t) => ({
  attachments: t.connection(
    {
      type: Attachment,
      description:
        "Policies attached to the principal itself, in or out of their time, in stable order; a session shows its role's.",
      resolve: ({ id }, args, context, info) =>
        pageOf({ listing: attachmentsOfPrincipal, parent: id, read: readAttachments }, args, context, info),
    },
    Attachments,
  ),
  effectivePolicies: t.connection(
    {
      type: EffectivePolicy,
      description:
        "Policies that count for the principal now: its own, then those of its groups, each within its time, by name.",
      resolve: ({ id }, args, context, info) =>
        pageOf({ listing: attachmentsInForce, parent: id, read: readAttachments }, args, context, info),
    },
    EffectivePolicies,
  ),
}));

builder.prismaObjectFields(Policy, (t) => ({
  attachments: t.connection(
    {
      type: Attachment,
      description:
        "Who holds the policy, in stable order; of a built-in policy, in all accounts, and to principals in their own.",
      resolve: ({ id }, args, context, info) =>
        pageOf(
          { listing: attachmentsOfPolicy(context.permissions?.account ?? null), parent: id, read: readAttachments },
          args,
          context,
          info,
        ),
    },
    Attachments,
  ),
  attachmentCount: t.relationCount("attachments", {
    description: "How many attachments the policy has; to principals, in their own account.",
    where: (_args, { permissions }) => (permissions === null ? {} : { accountId: permissions.account }),
  }),
}));

function readAttachments(db: Database, ids: string[], query: object): Promise<AttachmentRow[]> {
  return db.attachment.findMany({ ...query, where: { id: { in: ids } } });
}

change("attachPolicy", {
  description:
    "Gives a policy to a user, group or role. Attaching it again with the same scope sets the window anew; `changed` is false when that was the same too. Service-linked roles: SERVICE_LINKED_ROLE_IMMUTABLE.",
  input: attachmentFields,
}).by(attachPolicy, (t) => ({
  attachment: t.field({
    type: Attachment,
    nullable: true,
    description: "The attachment; null when it was refused, or on a dry run of a new one.",
    resolve: ({ value }, _args, { records }) => value && records.attachments.load(value.attachmentId),
  }),
}));

change("detachPolicy", {
  description:
    "Takes a policy away from a user, group or role, in one scope. `changed` is false when it was not attached. Service-linked roles: SERVICE_LINKED_ROLE_IMMUTABLE.",
  input: detachmentFields,
}).by(detachPolicy, (t) => ({
  policy: t.field({
    type: Policy,
    nullable: true,
    description: "The policy; null when the change was refused.",
    resolve: ({ value }, _args, { records }) => value && records.policies.load(value.policyId),
  }),
  principal: t.field({
    type: Principal,
    nullable: true,
    description: "Who held it; null when the change was refused.",
    resolve: ({ value }, _args, { records }) => value && records.principals.load(value.principalId),
  }),
}));

const ATTACHMENTS =
  "From 1 to 1,000 attachments, all of one account: that of the first. What lies outside it is INVALID_PARAMETER_ACCOUNT.";

const AttachmentInput = builder.inputType("AttachmentInput", {
  description: "One policy to give to one principal, as `attachPolicy` takes it.",
  fields: attachmentFields,
});

change("attachPolicies", {
  description:
    'Gives many policies at once: all, or none when anything is wrong with any. The errors of each item name it in `field`: `["attachments", "3", "policy"]`. What the list repeats is one attachment; with another window it is INVALID_PARAMETER_WINDOW. Quotas count what the list adds. The token in `revision` covers a few of the principals only.',
  input: (t) => ({ attachments: t.field({ type: [AttachmentInput], required: true, description: ATTACHMENTS }) }),
}).by(attachPolicies, (t) => ({
  attachments: t.field({
    type: [Attachment],
    nullable: { list: true, items: true },
    description:
      "The attachment of each item, in their order: null for one that a dry run would make, or that is gone by now. The list is null when the change was refused.",
    resolve: ({ value }, _args, { records }) => value?.attachmentIds.map((id) => records.attachments.load(id)) ?? null,
  }),
  changedCount: t.int({
    description:
      "How many attachments are new or have another window, or would on a dry run; 0 when the change was refused.",
    resolve: ({ value }) => value?.changedCount ?? 0,
  }),
}));

const DetachmentInput = builder.inputType("DetachmentInput", {
  description: "One policy to take away from one principal, as `detachPolicy` takes it.",
  fields: detachmentFields,
});

const PolicyDetachment = builder.objectRef<Detachment & Pick<Made<unknown>, "made">>("PolicyDetachment").implement({
  description: "What became of one item of `detachPolicies`.",
  fields: (t) => ({
    policy: t.field({
      type: Policy,
      nullable: true,
      description: "The policy; null when it is gone by now.",
      resolve: ({ policyId }, _args, { records }) => records.policies.load(policyId),
    }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description: "Who held it; null when it is gone by now.",
      resolve: ({ principalId }, _args, { records }) => records.principals.load(principalId),
    }),
    scope: t.field({
      type: AttachmentScope,
      description: "Which resources it counted for.",
      resolve: ({ accountId, resourceGroup }) => ({ account: accountId, resourceGroup }),
    }),
    changed: t.exposeBoolean("changed", { description: "False when it was not attached." }),
  }),
});

change("detachPolicies", {
  description:
    'Takes many policies away at once: all, or none when anything is wrong with any. The errors of each item name it in `field`: `["attachments", "3", "policy"]`. The token in `revision` covers a few of the principals only.',
  input: (t) => ({ attachments: t.field({ type: [DetachmentInput], required: true, description: ATTACHMENTS }) }),
}).by(detachPolicies, (t) => ({
  detachments: t.field({
    type: [PolicyDetachment],
    nullable: true,
    description: "What became of each item, in their order; null when the change was refused.",
    resolve: ({ value, made }) => value?.detachments.map((each) => ({ ...each, made: made && each.changed })) ?? null,
  }),
  changedCount: t.int({
    description: "How many attachments are gone, or would be on a dry run; 0 when the change was refused.",
    resolve: ({ value }) => value?.changedCount ?? 0,
  }),
}));

function attachmentFields(t: InputBuilder) {
  return {
    policy: t.field({
      type: "Arn",
      required: true,
      description: "ARN of the policy; of a system policy, the one the account overrides it with, if any.",
    }),
    principal: t.field({ type: "Arn", required: true, description: "ARN of a user, group or role." }),
    resourceGroup: t.string({
      description: "`rg-…` id of the resource group it is to count for. Default: the whole account.",
    }),
    notBefore: t.field({ type: "DateTime", description: "First instant at which it counts. Default: at once." }),
    expiresAt: t.field({ type: "DateTime", description: "First instant at which it counts no more. Default: never." }),
  };
}

function detachmentFields(t: InputBuilder) {
  return {
    policy: t.field({ type: "Arn", required: true, description: "ARN of the policy." }),
    principal: t.field({ type: "Arn", required: true, description: "ARN of a user, group or role." }),
    resourceGroup: t.string({ description: "`rg-…` id of the scope to detach from. Default: the whole account." }),
  };
}
