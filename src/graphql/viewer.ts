import type { Caller, SignInMethod } from "../domain/caller.js";
import { ApiKey } from "./api-key.js";
import { builder } from "./builder.js";
import { UnauthenticatedError } from "./errors.js";
import { Principal } from "./principal.js";
import { ViewerKind } from "./viewer-kind.js";

const CredentialType = builder.enumType("CredentialType", {
  description: "How somebody signs in.",
  values: {
    API_KEY: { description: "With an API key `rg_<id>_<secret>`." },
    SESSION_TOKEN: { description: "With the token that `assumeRole` gave." },
    OIDC_TOKEN: { description: "With a token that the configured issuer signed." },
  } satisfies Record<SignInMethod, { description: string }>,
});

const Credential = builder.objectRef<Caller>("Credential").implement({
  description: "The credential that a request came with; never its secret.",
  fields: (t) => ({
    id: t.exposeID("credentialId", {
      description:
        "`<id>` of the API key `rg_<id>_<secret>`, or the id of the session whose token it is; of a token of the issuer the first half of its SHA-256, hexadecimal.",
    }),
    type: t.field({
      type: CredentialType,
      description: "What it is.",
      resolve: ({ signedInBy = "API_KEY" }) => signedInBy,
    }),
    apiKey: t.field({
      type: ApiKey,
      nullable: true,
      description: "The API key; null for other credentials.",
      resolve: ({ credentialId, signedInBy = "API_KEY" }, _args, { records }) =>
        signedInBy === "API_KEY" ? records.apiKeys.load(credentialId) : null,
    }),
  }),
});

const Viewer = builder.objectRef<Caller>("Viewer").implement({
  description: "Who the gateway takes the sender of this request for.",
  fields: (t) => ({
    kind: t.field({ type: ViewerKind, description: "What the sender is.", resolve: ({ kind }) => kind }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description: "The principal the sender acts for; null for operators.",
      resolve: (caller, _args, { records }) =>
        caller.kind === "PRINCIPAL" ? records.principalsByArn.load(caller.principalArn) : null,
    }),
    credential: t.field({
      type: Credential,
      description: "The credential of this request.",
      resolve: (caller) => caller,
    }),
  }),
});

builder.queryField("viewer", (t) =>
  t.field({
    type: Viewer,
    description: "Who am I? The quickest way to try a credential.",
    resolve: (_root, _args, { caller }) => {
      if (caller) return caller;
      throw new UnauthenticatedError("nobody sent this request");
    },
  }),
);
