import type { PLANNED_KINDS, PlannedCount } from "../administration/import/plan-import.js";
import type { PlannedChange as PlannedChangeShape } from "../administration/import/planned-changes.js";
import type { ImportWarning as ImportWarningShape } from "../administration/import/warnings.js";
import { type ImportPlan as ImportPlanShape, importAccount } from "../administration/import-account.js";
import { USER_ERROR_CODES } from "../administration/user-error.js";
import { Account } from "./account.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import { describeUserErrorCode } from "./user-error.js";

const ImportMode = builder.enumType("ImportMode", {
  description: "What an import does with what the snapshot does not hold.",
  values: {
    MERGE: { description: "Leave it: add and update by name only." },
    REPLACE: {
      description: "Remove it: leave exactly the snapshot. System catalogue, credentials and audit trail stay.",
    },
  } as const,
});

const PlannedKindEnum = builder.enumType("ImportedKind", {
  description: "What an import counts.",
  values: {
    RESOURCE_GROUP: { description: "Resource groups." },
    PRINCIPAL: { description: "Users, groups and roles." },
    GROUP_MEMBERSHIP: { description: "Memberships of users in groups." },
    PRINCIPAL_TAG: { description: "Tags of users and roles." },
    POLICY: { description: "Policies." },
    POLICY_VERSION: { description: "Versions of policies." },
    ATTACHMENT: { description: "Attachments of policies." },
    RESOURCE: { description: "Keys, secrets and aliases." },
    RESOURCE_TAG: { description: "Tags of keys and secrets." },
  } satisfies Record<(typeof PLANNED_KINDS)[number], { description: string }>,
});

const ImportCount = builder.objectRef<PlannedCount>("ImportCount").implement({
  description: "How much of one kind an import changes.",
  fields: (t) => ({
    kind: t.field({ type: PlannedKindEnum, description: "What is counted.", resolve: ({ kind }) => kind }),
    created: t.exposeInt("created", { description: "How many are new." }),
    updated: t.exposeInt("updated", { description: "How many change." }),
    deleted: t.exposeInt("deleted", { description: "How many go." }),
  }),
});

const AccountStep = builder.enumType("ImportedAccountStep", {
  description: "What an import does with the account itself.",
  values: {
    CREATE: { description: "It did not exist and is made." },
    UPDATE: { description: "Its alias changes." },
    KEEP: { description: "Nothing." },
  } satisfies Record<ImportPlanShape["account"], { description: string }>,
});

const ImportAction = builder.enumType("ImportAction", {
  description: "What an import does with one thing.",
  values: {
    CREATE: { description: "It is new." },
    UPDATE: { description: "It changes." },
    DELETE: { description: "It goes." },
  } satisfies Record<PlannedChangeShape["action"], { description: string }>,
});

const ImportChange = builder.objectRef<PlannedChangeShape>("ImportChange").implement({
  description: "One thing that an import makes, changes or removes.",
  fields: (t) => ({
    action: t.field({ type: ImportAction, description: "What happens to it.", resolve: ({ action }) => action }),
    kind: t.field({ type: PlannedKindEnum, description: "What it is.", resolve: ({ kind }) => kind }),
    name: t.exposeString("name", {
      description: "Its ARN, of a resource group its id; of what belongs to something, that of its owner.",
    }),
    detail: t.exposeString("detail", {
      nullable: true,
      description:
        "Which of its owner's: a tag key, a version, the ARN of a group or policy, with ` for <resource group>` when attached for one. Null for what stands for itself.",
    }),
  }),
});

const ImportPlan = builder.objectRef<ImportPlanShape>("ImportPlan").implement({
  description: "What an import did, or on a dry run would do.",
  fields: (t) => ({
    account: t.field({
      type: AccountStep,
      description: "What happens to the account itself.",
      resolve: ({ account }) => account,
    }),
    counts: t.field({
      type: [ImportCount],
      description: "How much of each kind changes; kinds without changes are left out.",
      resolve: ({ counts }) => [...counts],
    }),
    changes: t.field({
      type: [ImportChange],
      description: "What changes, one by one: first what goes, then what changes, then what is new. At most 1,000.",
      resolve: ({ listed }) => [...listed.changes],
    }),
    unlistedChanges: t.int({
      description: "How many changes there are beside those listed.",
      resolve: ({ listed }) => listed.unlistedChanges,
    }),
  }),
});

const WITHOUT_DOCUMENT = {
  description: "Attached, but its document is not known: decisions that rest on it are CONSERVATIVE.",
};
const warningCodes = Object.fromEntries(
  USER_ERROR_CODES.map((code) => [code, { description: describeUserErrorCode(code) }]),
);

const ImportWarningCode = builder.enumType("ImportWarningCode", {
  description: "What a warning of an import is about: what a change through the API would be refused for, and more.",
  values: { ...warningCodes, POLICY_WITHOUT_DOCUMENT: WITHOUT_DOCUMENT } as Record<
    ImportWarningShape["code"],
    { description: string }
  >,
});

const ImportWarning = builder.objectRef<ImportWarningShape>("ImportWarning").implement({
  description: "Something odd about a snapshot that is imported all the same.",
  fields: (t) => ({
    code: t.field({ type: ImportWarningCode, description: "What is odd, for programs.", resolve: ({ code }) => code }),
    message: t.exposeString("message", { description: "What is odd, for people." }),
    pointer: t.exposeString("pointer", { description: "JSON pointer (RFC 6901) into the snapshot." }),
  }),
});

change("importAccount", {
  description:
    "Brings an account to the state of a snapshot, all or nothing. An account that does not exist is created. Importing the same snapshot twice changes nothing the second time.",
  input: (t) => ({
    account: t.string({ required: true, description: "Account number; must equal `account.id` of the snapshot." }),
    snapshot: t.field({
      type: "JSON",
      required: true,
      description: "The snapshot, format version 1, as a JSON object.",
    }),
    mode: t.field({
      type: ImportMode,
      required: true,
      description: "What to do with what the snapshot does not hold.",
    }),
  }),
}).by(importAccount, (t) => ({
  account: t.field({
    type: Account,
    nullable: true,
    description: "The account; null when the import was refused, or on a dry run for a new account.",
    resolve: ({ value }, _args, { records }) => value && records.accounts.load(value.accountId),
  }),
  plan: t.field({
    type: ImportPlan,
    nullable: true,
    description: "What the import did, or on a dry run would do; null when it was refused.",
    resolve: ({ value }) => value?.plan ?? null,
  }),
  warnings: t.field({
    type: [ImportWarning],
    description: "What is odd about the snapshot, at most 1,000; empty when the import was refused.",
    resolve: ({ value }) => [...(value?.plan.warnings ?? [])],
  }),
}));
