import {
  USER_ERROR_CODES,
  type UserErrorCode,
  type UserError as UserErrorShape,
} from "../administration/user-error.js";
import { builder } from "./builder.js";

const EXACT: Partial<Record<UserErrorCode, string>> = {
  API_KEY_INACTIVE: "The API key has expired or was revoked.",
  CONFLICT:
    "The data moved since `expectedRevision`: read again and decide again. ConflictError holds the current revision.",
  DELETE_CONFLICT_POLICY_VERSION: "The policy still has versions beside its default; the message names them.",
  DELETE_CONFLICT_POLICY_VERSION_DEFAULT: "The default version of a policy cannot be deleted.",
  IDEMPOTENCY_KEY_REUSED: "The idempotency key was used before for another change.",
  INVALID_PARAMETER: "An input field is not acceptable; the message says why.",
  INVALID_PARAMETER_WINDOW: "`notBefore` is not before `expiresAt`.",
  INVALID_SNAPSHOT: "The snapshot has a problem at `pointer`.",
  LIMIT_EXCEEDED_API_KEY: "The principal has as many API keys as it may. Not a quota of RAM.",
  LIMIT_EXCEEDED_ROLE_SESSION: "Too many sessions of this name are active. Not a quota of RAM.",
  MALFORMED_POLICY_DOCUMENT: "The policy document has a problem; MalformedPolicyDocumentError says where.",
  NO_PERMISSION: "The caller may not make this change.",
  SERVICE_LINKED_ROLE_IMMUTABLE:
    "The role belongs to the service that the message names; only that service changes it.",
  SYSTEM_POLICY_IMMUTABLE: "System policies belong to Alibaba Cloud; only an import overrides them.",
  WOULD_ESCALATE:
    "The change would give somebody more than its maker has; EscalationError holds a witness. It needs `ramgate:GrantBeyondSelf`.",
};

const FAMILIES: readonly (readonly [prefix: string, sentence: (rest: string) => string])[] = [
  ["ENTITY_NOT_EXIST_", (rest) => `There is no such ${rest}.`],
  ["ENTITY_ALREADY_EXISTS_", (rest) => `There already is a ${rest} of this name.`],
  ["LIMIT_EXCEEDED_", (rest) => `The quota is used up, RAM's own unless the gateway is configured otherwise: ${rest}.`],
  ["DELETE_CONFLICT_", (rest) => `Something stands in the way of a deletion, and the message names it: ${rest}.`],
  ["INVALID_PARAMETER_", (rest) => `Not acceptable: ${rest}.`],
];

/** What a code means, for the schema. */
export function describeUserErrorCode(code: UserErrorCode): string {
  const exact = EXACT[code];
  if (exact !== undefined) return exact;
  const family = FAMILIES.find(([prefix]) => code.startsWith(prefix));
  const rest = code
    .slice(family?.[0].length ?? 0)
    .toLowerCase()
    .replaceAll("_", " ");
  return family ? family[1](rest) : `Refused: ${rest}.`;
}

const values = Object.fromEntries(USER_ERROR_CODES.map((code) => [code, { description: describeUserErrorCode(code) }]));

const UserErrorCodeEnum = builder.enumType("UserErrorCode", {
  description:
    "Why a change was refused. RAM's own codes in upper snake case where RAM has one: `EntityNotExist.User` is ENTITY_NOT_EXIST_USER.",
  values: values as Record<UserErrorCode, { description: string }>,
});

function typeName({ code }: UserErrorShape): string {
  if (code === "MALFORMED_POLICY_DOCUMENT") return "MalformedPolicyDocumentError";
  if (code === "WOULD_ESCALATE") return "EscalationError";
  return code === "CONFLICT" ? "ConflictError" : "PlainUserError";
}

/** A reason why nothing was changed. */
export const UserError = builder.interfaceRef<UserErrorShape>("UserError").implement({
  description: "A reason why a change was refused: something the caller can correct. Nothing has changed then.",
  resolveType: typeName,
  fields: (t) => ({
    code: t.field({
      type: UserErrorCodeEnum,
      description: "What is wrong, for programs.",
      resolve: ({ code }) => code,
    }),
    message: t.exposeString("message", { description: "What is wrong, for people; what they sent is in backticks." }),
    field: t.stringList({
      nullable: true,
      description: "Path of the input field at fault, from `input` on; null when no single field is.",
      resolve: ({ field }) => field ?? null,
    }),
    pointer: t.string({
      nullable: true,
      description:
        "JSON pointer (RFC 6901) into the document or snapshot in that field; empty string: the whole of it.",
      resolve: ({ pointer }) => pointer ?? null,
    }),
    line: t.int({
      nullable: true,
      description: "Line in the document, from 1; known only for documents sent as text.",
      resolve: ({ line }) => line ?? null,
    }),
    column: t.int({
      nullable: true,
      description: "Column in that line, from 1; known only for documents sent as text.",
      resolve: ({ column }) => column ?? null,
    }),
  }),
});

builder.objectRef<UserErrorShape>("PlainUserError").implement({
  description: "A reason that its code, message and field tell in full.",
  interfaces: [UserError],
});

builder.objectRef<UserErrorShape>("MalformedPolicyDocumentError").implement({
  description: "One problem of a policy document; there is one such error for each problem of it.",
  interfaces: [UserError],
});

builder.objectRef<UserErrorShape>("ConflictError").implement({
  description: "The data the caller decided on has moved.",
  interfaces: [UserError],
  fields: (t) => ({
    currentRevision: t.field({
      type: "RevisionToken",
      nullable: true,
      description: "Token of the revision that is current, to read `atLeast` and to try again with.",
      resolve: ({ currentRevision }) => currentRevision ?? null,
    }),
  }),
});

builder.objectRef<UserErrorShape>("EscalationError").implement({
  description: "The change would give somebody something that its maker does not have.",
  interfaces: [UserError],
  fields: (t) => ({
    action: t.string({
      description: "An action that it would give; `*` where a policy is not known, and so may give anything.",
      resolve: ({ witness }) => witness?.action ?? "*",
    }),
    resource: t.string({
      description:
        "ARN of something registered that the action would be allowed on; where there is none, the pattern of the policy.",
      resolve: ({ witness }) => witness?.resource ?? "*",
    }),
  }),
});
