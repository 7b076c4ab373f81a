import { createRole } from "../administration/create-role.js";
import { deleteRole } from "../administration/delete-role.js";
import { updateRole } from "../administration/update-role.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import { deleted } from "./deleted.js";
import { node, only } from "./node.js";
import { Principal } from "./principal.js";

export const RoleKind = builder.enumType("RoleKind", {
  description: "Who a role is for.",
  values: {
    REGULAR: { description: "For principals that its trust policy names." },
    SERVICE: { description: "For an Alibaba Cloud service; the account manages it." },
    SERVICE_LINKED: { description: "For one service, which alone manages it: attach, detach and tag are refused." },
  } as const,
});

export const Role = builder.prismaObject("Principal", {
  variant: "Role",
  description: "A RAM role. Whoever its trust policy lets assume it acts in a session with the role's policies.",
  interfaces: [Principal],
  fields: (t) => ({
    roleKind: t.field({
      type: RoleKind,
      description: "Who the role is for.",
      resolve: ({ roleKind }) => roleKind as NonNullable<typeof roleKind>, // the database keeps it with every role
    }),
    service: t.exposeString("service", {
      nullable: true,
      description: "The service that the role is for, e.g. `kms.aliyuncs.com`; null for regular roles.",
    }),
    description: t.exposeString("comments", { nullable: true, description: "Free text; null when not given." }),
    trustPolicy: t.field({
      type: "PolicyDocument",
      description: "Who may assume the role.",
      resolve: ({ trustPolicy }) => trustPolicy as string,
    }),
    maxSessionDuration: t.exposeInt("maxSessionDuration", {
      nullable: true,
      description: "Longest session in seconds; null: RAM's default of 3,600.",
    }),
  }),
});

node(
  Role,
  ({ id }) => id,
  (ids, { principals }) => only(principals.loadMany(ids), ({ kind }) => kind === "ROLE"),
);

const CreatableRoleKind = builder.enumType("CreatableRoleKind", {
  description: "Kinds of roles that an account can create. Service-linked roles come from their service, by import.",
  values: {
    REGULAR: { description: "For principals that the trust policy names." },
    SERVICE: { description: "For an Alibaba Cloud service." },
  } as const,
});

change("createRole", {
  description: "Creates a role without policies. Refused with ENTITY_ALREADY_EXISTS_ROLE when the name is taken.",
  input: (t) => ({
    account: t.string({ required: true, description: "Account number." }),
    name: t.string({ required: true, description: "Name, 1 to 64 characters; unique without regard to case." }),
    trustPolicy: t.field({ type: "PolicyDocument", required: true, description: "Who may assume the role." }),
    description: t.string({ description: "Free text." }),
    maxSessionDuration: t.int({ description: "Longest session in seconds, 3,600 to 43,200. Default 3,600." }),
    kind: t.field({
      type: CreatableRoleKind,
      description: "Who the role is for. Default REGULAR, or SERVICE when `service` is given.",
    }),
    service: t.string({ description: "Service that a SERVICE role is for, e.g. `ecs.aliyuncs.com`." }),
  }),
}).by(createRole, (t) => ({
  role: t.field({
    type: Role,
    nullable: true,
    description: "The new role; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && records.principals.load(value.principalId),
  }),
}));

change("updateRole", {
  description: "Changes a role; RAM gives roles no new names. Service-linked roles: SERVICE_LINKED_ROLE_IMMUTABLE.",
  input: (t) => ({
    role: t.field({ type: "Arn", required: true, description: "ARN of the role." }),
    description: t.string({ description: "Free text. Null: none; left out: as it was." }),
    trustPolicy: t.field({
      type: "PolicyDocument",
      description: "Who may assume the role. Null or left out: as it was.",
    }),
    maxSessionDuration: t.int({
      description: "Longest session in seconds, 3,600 to 43,200. Null: 3,600; left out: as it was.",
    }),
  }),
}).by(updateRole, (t) => ({
  role: t.field({
    type: Role,
    nullable: true,
    description: "The role; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.principals.load(value.principalId),
  }),
}));

change("deleteRole", {
  description:
    "Deletes a role with its tags and API credentials; its sessions end. Refused with DELETE_CONFLICT_ROLE_POLICY while policies are attached to it. Service-linked roles: SERVICE_LINKED_ROLE_IMMUTABLE.",
  input: (t) => ({ role: t.field({ type: "Arn", required: true, description: "ARN of the role." }) }),
}).by(deleteRole, deleted);
