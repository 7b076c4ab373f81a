import { type IssuedKey, mayManage } from "../administration/api-key.js";
import { createApiKey } from "../administration/create-api-key.js";
import { revokeApiKey } from "../administration/revoke-api-key.js";
import { rotateApiKey } from "../administration/rotate-api-key.js";
import type { Caller } from "../domain/caller.js";
import { ForbiddenError } from "../domain/errors.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { apiKeysOf } from "../store/lists.js";
import { builder } from "./builder.js";
import { change, type PayloadBuilder } from "./change.js";
import type { GraphQLContext } from "./context.js";
import { node } from "./node.js";
import { connectionOf, pageOf } from "./page.js";
import { Principal } from "./principal.js";
import { API_KEY_COLUMNS, type ApiKeyRow, findApiKeys, found } from "./records.js";
import { ViewerKind } from "./viewer-kind.js";

/** Its rows are read without the digests of their secrets, all columns together. */
export const ApiKey = builder.prismaObject("Credential", {
  variant: "ApiKey",
  select: API_KEY_COLUMNS,
  description:
    "An API key, for `authorization: Bearer rg_<id>_<secret>`. The gateway keeps only a digest of its secret.",
  fields: (t) => ({
    keyId: t.exposeID("id", {
      description: "`<id>` of `rg_<id>_<secret>`; it stays when the key is rotated.",
    }),
    kind: t.expose("kind", { type: ViewerKind, description: "What it signs in as." }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description: "Whom it signs in; null for operators.",
      resolve: ({ principalId }, _args, { records }) =>
        principalId === null ? null : records.principals.load(principalId),
    }),
    description: t.exposeString("description", { nullable: true, description: "Free text; null when not given." }),
  }),
});

builder.prismaObjectFields(ApiKey, (t) => ({
  createdAt: t.expose("createdAt", {
    type: "DateTime",
    description: "When it was made.",
  }),
  expiresAt: t.expose("expiresAt", {
    type: "DateTime",
    nullable: true,
    description: "First instant at which it is good no more; null: it lives until it is revoked.",
  }),
  rotatedAt: t.expose("rotatedAt", {
    type: "DateTime",
    nullable: true,
    description: "When it got the secret that it has; null: when it was made.",
  }),
  previousSecretUntil: t.expose("previousUntil", {
    type: "DateTime",
    nullable: true,
    description:
      "First instant at which the secret of before its last rotation is good no more; null: it was void at once.",
  }),
  revokedAt: t.expose("revokedAt", {
    type: "DateTime",
    nullable: true,
    description: "When it was revoked; null: it was not.",
  }),
  lastUsedAt: t.field({
    type: "DateTime",
    nullable: true,
    description: "When it signed somebody in, to the minute; null: it never did.",
    resolve: ({ use }) => use?.lastUsedAt ?? null,
  }),
  active: t.boolean({
    description: "Whether it is good now: neither expired nor revoked.",
    resolve: ({ expiresAt, revokedAt }) => revokedAt === null && (expiresAt === null || new Date() < expiresAt),
  }),
}));

node(
  ApiKey,
  ({ id }) => id,
  async (ids, { apiKeys }, caller) => (await apiKeys.loadMany(ids)).map((key) => visible(key, caller)),
);

/** Of keys that they may not manage principals learn nothing, not even that there are any. */
function visible<Missing>(key: ApiKeyRow | Missing, caller: Caller | null): ApiKeyRow | Missing | null {
  if (!isRow(key)) return key;
  return caller !== null && mayManage(caller, key.principal) ? key : null;
}

function isRow(key: unknown): key is ApiKeyRow {
  return typeof key === "object" && key !== null && !(key instanceof Error);
}

const ApiKeys = connectionOf(ApiKey, "ApiKey", "API keys");

builder.queryField("apiKey", (t) =>
  t.field({
    type: ApiKey,
    nullable: true,
    description: "An API key; null when there is none, and to principals also when it is not their own.",
    args: { id: t.arg.id({ required: true, description: "`<id>` of `rg_<id>_<secret>`." }) },
    resolve: async (_root, { id }, { records, caller }) => visible(await records.apiKeys.load(id), caller),
  }),
);

builder.queryField("apiKeys", (t) =>
  t.connection(
    {
      type: ApiKey,
      description:
        "API keys, newest first, also those that have expired or were revoked. Operators see all; principals see their own, and others are FORBIDDEN to them. Unknown account or principal: NOT_FOUND.",
      args: {
        account: t.arg.string({
          description: "Only keys of principals of this account. Default: of all, and operators.",
        }),
        principal: t.arg({ type: "Arn", description: "Only keys of this principal. Malformed: BAD_USER_INPUT." }),
      },
      resolve: async (_root, args, context, info) => {
        const filter = { ...args, ...filterOf(args, context.caller) };
        await requireExisting(args, context);
        return pageOf({ listing: apiKeysOf(filter), read: findApiKeys }, filter, context, info);
      },
    },
    ApiKeys,
  ),
);

interface KeyArguments {
  readonly account?: string | null | undefined;
  readonly principal?: string | null | undefined;
}

/** @throws ForbiddenError for what is not the caller's own, whether it exists or not */
function filterOf({ account, principal }: KeyArguments, caller: Caller | null) {
  const asked = typeof principal === "string" ? parsePrincipalArn(principal).arnKey : null;
  if (caller?.kind !== "PRINCIPAL") return { principal: asked };
  const { arnKey, account: own } = parsePrincipalArn(caller.principalArn);
  const foreign = (asked !== null && asked !== arnKey) || (typeof account === "string" && account !== own);
  if (foreign) throw new ForbiddenError("principals may list their own api keys only");
  return { principal: arnKey };
}

async function requireExisting({ account, principal }: KeyArguments, { records }: GraphQLContext): Promise<void> {
  if (typeof account === "string") await found(records.accounts.load(account), account);
  if (typeof principal === "string") await found(records.principalsByArn.load(principal), principal);
}

function issued(t: PayloadBuilder<IssuedKey>) {
  return {
    apiKey: t.field({
      type: ApiKey,
      nullable: true,
      description: "The key; null when it was refused, and when a dry run would have made it.",
      resolve: ({ value }, _args, { records }) => value && records.apiKeys.load(value.keyId),
    }),
    secret: t.string({
      nullable: true,
      description:
        "The whole key `rg_<id>_<secret>`, for `authorization: Bearer <key>`. The gateway keeps only its digest, so it is shown this once: an answer that is repeated for the same `idempotencyKey` has null here.",
      resolve: ({ value }) => value?.secret,
    }),
    repeated: t.boolean({
      description:
        "True when this repeats the answer to an earlier request with the same `idempotencyKey`, and so has no secret; if that is lost, rotate the key.",
      resolve: ({ value }) => value?.repeated ?? false,
    }),
  };
}

const EXPIRES_AT = "First instant at which it is good no more.";

change("createApiKey", {
  description:
    "Makes an API key. Operators make keys of anybody, principals of themselves only (NO_PERMISSION). A principal has at most 10 active ones.",
  input: (t) => ({
    principal: t.field({
      type: "Arn",
      description:
        "ARN of the user, role or account owner that it signs in. Null or left out: it signs in an operator.",
    }),
    description: t.string({ description: "Free text, at most 1,024 characters." }),
    expiresAt: t.field({
      type: "DateTime",
      description: `${EXPIRES_AT} For principals at most, and by default, 90 days ahead unless the gateway is configured otherwise; by default keys of operators live until they are revoked.`,
    }),
  }),
}).by(createApiKey, issued);

change("rotateApiKey", {
  description:
    "Gives an API key a new secret under the same id. A secret from before an earlier rotation is void at once. Refused with API_KEY_INACTIVE when the key has expired or was revoked, and to principals with ENTITY_NOT_EXIST_API_KEY when it is not their own.",
  input: (t) => ({
    apiKey: t.id({ required: true, description: "`<id>` of `rg_<id>_<secret>`." }),
    overlapSeconds: t.int({
      description:
        "How long the secret so far stays good beside the new one, 0 to 604,800 seconds (a week), and no longer than the key lived without rotation. Default 0: it is void at once.",
    }),
    expiresAt: t.field({
      type: "DateTime",
      description: `${EXPIRES_AT} At most as for \`createApiKey\`. Default: as long from now on as it lived from its last secret on.`,
    }),
  }),
}).by(rotateApiKey, issued);

change("revokeApiKey", {
  description:
    "Ends an API key for good: at once no gateway takes it any more. `changed` is false when it was revoked before. Refused to principals with ENTITY_NOT_EXIST_API_KEY when it is not their own.",
  input: (t) => ({ apiKey: t.id({ required: true, description: "`<id>` of `rg_<id>_<secret>`." }) }),
}).by(revokeApiKey, (t) => ({
  apiKey: t.field({
    type: ApiKey,
    nullable: true,
    description: "The key; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.apiKeys.load(value.keyId),
  }),
}));
