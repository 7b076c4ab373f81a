import type { Caller } from "../domain/caller.js";
import { builder } from "./builder.js";
import { UnauthenticatedError } from "./errors.js";
import { Principal } from "./principal.js";

const ViewerKind = builder.enumType("ViewerKind", {
  description: "What the sender of a request is.",
  values: {
    OPERATOR: { description: "Runs the gateway: may do everything in every account." },
    PRINCIPAL: { description: "Acts for a RAM principal." },
  } satisfies Record<Caller["kind"], { description: string }>,
});

const Credential = builder.objectRef<Caller>("Credential").implement({
  description: "The credential that a request came with; never its secret.",
  fields: (t) => ({
    id: t.exposeID("credentialId", {
      description: "`<id>` of the API key `rg_<id>_<secret>`, or the id of the session whose token it is.",
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
