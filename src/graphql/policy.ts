import { createPolicy } from "../administration/create-policy.js";
import { createPolicyVersion } from "../administration/create-policy-version.js";
import { deletePolicy } from "../administration/delete-policy.js";
import { deletePolicyVersion } from "../administration/delete-policy-version.js";
import { setDefaultPolicyVersion } from "../administration/set-default-policy-version.js";
import { updatePolicy } from "../administration/update-policy.js";
import { parseArn } from "../domain/arn.js";
import { foldCase } from "../domain/wildcard.js";
import { policiesOf, versionsOfPolicy } from "../store/lists.js";
import type { Database } from "../store/prisma-client.js";
import { requireAccount } from "./account.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import { deleted } from "./deleted.js";
import { node } from "./node.js";
import { connectionOf, pageOf } from "./page.js";
import { recordsOf } from "./records.js";

export const PolicyType = builder.enumType("PolicyType", {
  description: "Who a policy belongs to.",
  values: {
    SYSTEM: {
      description:
        "Alibaba Cloud: built into the gateway, or brought by an import, which then counts for that account.",
    },
    CUSTOM: { description: "The account that made it." },
  } as const,
});

export const PolicyVersion = builder.prismaObject("PolicyVersion", {
  description: "One version of a policy. Versions never change; numbers are never used again.",
  fields: (t) => ({
    version: t.string({ description: "`v1`, `v2`, …", resolve: ({ number }) => `v${number}` }),
    document: t.expose("document", { type: "PolicyDocument", description: "The document, as it was stored." }),
    isDefault: t.exposeBoolean("isDefault", { description: "Whether this is the version in force." }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the gateway learned of the version." }),
  }),
});

node(
  PolicyVersion,
  ({ id }) => id,
  (ids, { policyVersions }) => policyVersions.loadMany(ids),
);

const PolicyVersions = connectionOf(PolicyVersion, "PolicyVersion", "policy versions");

const inForce = { versions: { where: { isDefault: true } } } as const;

export const Policy = builder.prismaObject("Policy", {
  description: "A policy: statements under a name, in versions of which one is in force.",
  fields: (t) => ({
    arn: t.expose("arn", {
      type: "Arn",
      description:
        "`acs:ram::<account>:policy/<name>`; of system policies `acs:ram::system:policy/<name>`, in every account.",
    }),
    name: t.exposeString("name", { description: "Name; compares without regard to case." }),
    type: t.expose("type", { type: PolicyType, description: "Who the policy belongs to." }),
    description: t.exposeString("description", {
      nullable: true,
      description: "What the policy is for; null when not given.",
    }),
    account: t.relation("account", {
      nullable: true,
      description: "The account that the policy belongs to or that overrides it; null for what is built in.",
    }),
    document: t.field({
      type: "PolicyDocument",
      nullable: true,
      description:
        "Document of the default version. Null when it is not known: decisions that rest on it are CONSERVATIVE.",
      select: inForce,
      resolve: ({ versions }) => versions[0]?.document ?? null,
    }),
    defaultVersion: t.field({
      type: PolicyVersion,
      nullable: true,
      description: "The version in force; null when no document of the policy is known.",
      select: inForce,
      resolve: ({ versions }) => versions[0] ?? null,
    }),
    versions: t.connection(
      {
        type: PolicyVersion,
        description:
          "All versions that are kept, newest first; at most 5 through this API unless configured otherwise.",
        resolve: ({ id }, args, context, info) =>
          pageOf({ listing: versionsOfPolicy, parent: id, read: readVersions }, args, context, info),
      },
      PolicyVersions,
    ),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the gateway learned of the policy." }),
  }),
});

function readVersions(db: Database, ids: string[], query: object) {
  return db.policyVersion.findMany({ ...query, where: { id: { in: ids } } });
}

node(
  Policy,
  ({ id }) => id,
  (ids, { policies }) => policies.loadMany(ids),
);

export const Policies = connectionOf(Policy, "Policy", "policies");

builder.queryField("policy", (t) =>
  t.prismaField({
    type: Policy,
    nullable: true,
    description:
      "The policy with this ARN; null when there is none. The ARN of a system policy gives the built-in one; `policies` shows what an account overrides. Malformed: BAD_USER_INPUT.",
    args: {
      arn: t.arg({ type: "Arn", required: true, description: "ARN of the policy; the name without regard to case." }),
    },
    resolve: (query, _root, { arn }, { services }) => {
      const where = policyKey(arn);
      return where && recordsOf(services).policy.findFirst({ ...query, where });
    },
  }),
);

/** Null for ARNs that name no policy. */
function policyKey(text: string) {
  const { service, account, relativeId } = parseArn(text);
  if (service !== "ram" || !relativeId.startsWith("policy/")) return null;
  const system = account === "system";
  const type = system ? ("SYSTEM" as const) : ("CUSTOM" as const);
  return { accountId: system ? null : account, type, nameKey: foldCase(relativeId.slice("policy/".length)) };
}

builder.queryField("policies", (t) =>
  t.connection(
    {
      type: Policy,
      description:
        "The policies that can be attached in an account, by name: its own, the system policies it overrides, and the built-in ones it does not. Unknown account: NOT_FOUND.",
      args: {
        account: t.arg.string({ required: true, description: "Account number." }),
        type: t.arg({ type: PolicyType, description: "Only policies of this type." }),
        nameContains: t.arg.string({
          description: "Only policies whose name contains this text, without regard to case.",
        }),
      },
      resolve: async (_root, args, context, info) => {
        await requireAccount(args.account, context);
        return pageOf({ listing: policiesOf(args), read: readPolicies }, args, context, info);
      },
    },
    Policies,
  ),
);

function readPolicies(db: Database, ids: string[], query: object) {
  return db.policy.findMany({ ...query, where: { id: { in: ids } } });
}

const RotateStrategy = builder.enumType("RotateStrategy", {
  description: "What to do when a policy has as many versions as it may.",
  values: {
    NONE: { description: "Refuse with LIMIT_EXCEEDED_POLICY_VERSION." },
    DELETE_OLDEST_NON_DEFAULT_VERSION_WHEN_LIMIT_EXCEEDED: {
      description: "Delete the oldest version that is not in force.",
    },
  } as const,
});

const DOCUMENT =
  "The policy document, up to 6,144 characters unless configured otherwise. Each of its problems is a MALFORMED_POLICY_DOCUMENT.";

change("createPolicy", {
  description:
    "Creates a custom policy; its document becomes `v1` and the default. It has no effect until it is attached.",
  input: (t) => ({
    account: t.string({ required: true, description: "Account number." }),
    name: t.string({
      required: true,
      description: "Name, 1 to 128 letters, digits and hyphens; unique without regard to case.",
    }),
    document: t.field({ type: "PolicyDocument", required: true, description: DOCUMENT }),
    description: t.string({ description: "What the policy is for, up to 1,024 characters." }),
  }),
}).by(createPolicy, (t) => ({
  policy: t.field({
    type: Policy,
    nullable: true,
    description: "The new policy; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && records.policies.load(value.policyId),
  }),
}));

change("createPolicyVersion", {
  description: "Adds a version to a custom policy. System policies: SYSTEM_POLICY_IMMUTABLE.",
  input: (t) => ({
    policy: t.field({ type: "Arn", required: true, description: "ARN of the policy." }),
    document: t.field({ type: "PolicyDocument", required: true, description: DOCUMENT }),
    setAsDefault: t.boolean({ description: "Put the new version in force at once. Default false." }),
    rotateStrategy: t.field({
      type: RotateStrategy,
      description: "What to do at the limit of versions. Default NONE.",
    }),
  }),
}).by(createPolicyVersion, (t) => ({
  policyVersion: t.field({
    type: PolicyVersion,
    nullable: true,
    description: "The new version; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && records.policyVersions.load(value.policyVersionId),
  }),
  policy: t.field({
    type: Policy,
    nullable: true,
    description: "The policy; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && records.policies.load(value.policyId),
  }),
}));

change("setDefaultPolicyVersion", {
  description: "Puts another version of a custom policy in force, wherever the policy is attached.",
  input: (t) => ({
    policy: t.field({ type: "Arn", required: true, description: "ARN of the policy." }),
    version: t.string({ required: true, description: "`v1`, `v2`, …: a version the policy has." }),
  }),
}).by(setDefaultPolicyVersion, (t) => ({
  policy: t.field({
    type: Policy,
    nullable: true,
    description: "The policy; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.policies.load(value.policyId),
  }),
}));

change("updatePolicy", {
  description:
    "Changes the description of a custom policy. Its statements change by `createPolicyVersion`, its name never. System policies: SYSTEM_POLICY_IMMUTABLE.",
  input: (t) => ({
    policy: t.field({ type: "Arn", required: true, description: "ARN of the policy." }),
    description: t.string({
      description: "What the policy is for, up to 1,024 characters. Null: none; left out: as it was.",
    }),
  }),
}).by(updatePolicy, (t) => ({
  policy: t.field({
    type: Policy,
    nullable: true,
    description: "The policy; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.policies.load(value.policyId),
  }),
}));

change("deletePolicyVersion", {
  description:
    "Deletes a version of a custom policy; its number is never used again. The default version: DELETE_CONFLICT_POLICY_VERSION_DEFAULT. System policies: SYSTEM_POLICY_IMMUTABLE.",
  input: (t) => ({
    policy: t.field({ type: "Arn", required: true, description: "ARN of the policy." }),
    version: t.string({ required: true, description: "`v1`, `v2`, …: a version that is not the default." }),
  }),
}).by(deletePolicyVersion, (t) => ({
  policy: t.field({
    type: Policy,
    nullable: true,
    description: "The policy without the version; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.policies.load(value.policyId),
  }),
}));

change("deletePolicy", {
  description:
    "Deletes a custom policy with its default version. Refused with DELETE_CONFLICT_POLICY_USER, …_GROUP and …_ROLE while it is attached to such, and with DELETE_CONFLICT_POLICY_VERSION while it has other versions. System policies: SYSTEM_POLICY_IMMUTABLE.",
  input: (t) => ({ policy: t.field({ type: "Arn", required: true, description: "ARN of the policy." }) }),
}).by(deletePolicy, deleted);
