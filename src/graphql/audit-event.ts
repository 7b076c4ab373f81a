import { targetKey } from "../administration/audit-record.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { eventsOf } from "../store/lists.js";
import { builder } from "./builder.js";
import type { GraphQLContext } from "./context.js";
import { changeCursor } from "./grant-change-cursor.js";
import { node } from "./node.js";
import { connectionOf, type PagedList, pageOf } from "./page.js";
import { type AuditEventRow, auditEventKey, found, recordsOf } from "./records.js";

export const AuditEvent = builder.prismaObject("AuditEvent", {
  description:
    "One change of an account, or of the gateway itself: who did what, why, and what it came to. Events are never changed or removed; each holds the hash of the one before it, and `ramgate audit verify` computes them again.",
  fields: (t) => ({
    sequence: t.exposeInt("sequence", { description: "Place among the account's events: 1, 2, … without gaps." }),
    at: t.expose("at", { type: "DateTime", description: "When the change was made, by the clock of the database." }),
    actor: t.exposeString("actor", {
      description: "Who made the change: `operator:<credential id>`, or the ARN of a principal.",
    }),
    action: t.exposeString("action", { description: "The mutation: `attachPolicy`, `importAccount`, …" }),
    targets: t.expose("targets", { type: ["Arn"], description: "What the change is about." }),
    reason: t.exposeString("reason", { nullable: true, description: "The caller's `reason`; null when not given." }),
    requestId: t.exposeString("requestId", {
      nullable: true,
      description: "Id of the request, as in the log and in the response header `x-request-id`.",
    }),
    input: t.expose("input", {
      type: "JSON",
      description: "What the caller sent, without options; of an import, mode, plan and digest of the snapshot.",
    }),
    before: t.expose("before", {
      type: "JSON",
      nullable: true,
      description:
        "What the change is about, as it was; null when it was not there, and in events older than this field.",
    }),
    after: t.expose("after", {
      type: "JSON",
      nullable: true,
      description: "The same as it was left; null when it is gone, and in events older than this field.",
    }),
    revision: t.expose("revision", {
      type: "JSON",
      nullable: true,
      description:
        "The scopes of the revision vector that the change moved, with their new numbers; null in events older than this field.",
    }),
    previousHash: t.string({
      description: "`hash` of the event before it, zeros in the first.",
      resolve: ({ previousHash }) => Buffer.from(previousHash).toString("hex"),
    }),
    hash: t.string({
      description: "SHA-256 over `previousHash` and all of the event, hexadecimal.",
      resolve: ({ hash }) => Buffer.from(hash).toString("hex"),
    }),
    changeCursor: t.string({
      description:
        "Place of the event for `grantChanges(after:)`: what was read up to here and what comes behind it have no gap between them.",
      resolve: changeCursor,
    }),
  }),
});

node(AuditEvent, auditEventKey, (keys, { auditEvents }) => auditEvents.loadMany(keys));

const AuditEvents = connectionOf(AuditEvent, "AuditEvent", "audit events");

builder.queryField("auditEvents", (t) =>
  t.connection(
    {
      type: AuditEvent,
      description:
        "The changes of an account, oldest first, so that new ones come behind the last cursor. The trail outlives its account. Unknown account: NOT_FOUND.",
      args: {
        account: t.arg.string({
          required: true,
          description: "Account number; `gateway` for changes of no account: API keys of operators.",
        }),
        principal: t.arg({
          type: "Arn",
          description: "Only changes about this principal, in any spelling. Malformed: BAD_USER_INPUT.",
        }),
        resource: t.arg({
          type: "Arn",
          description:
            "Only changes about this key, secret, alias, policy or resource group. Malformed: BAD_USER_INPUT.",
        }),
      },
      resolve: async (_root, args, context, info) => {
        const filter = { ...args, ...keysOf(args) };
        await requireTrail(args.account, context);
        return pageOf(trailOf(args.account, filter), filter, context, info);
      },
    },
    AuditEvents,
  ),
);

interface Filter {
  readonly principal?: string | null | undefined;
  readonly resource?: string | null | undefined;
}

/** In the spelling that events are found by, so that a cursor is good for every spelling of its filter. */
function keysOf({ principal, resource }: Filter) {
  return {
    principal: typeof principal === "string" ? parsePrincipalArn(principal).arnKey : null,
    resource: typeof resource === "string" ? targetKey(resource) : null,
  };
}

/** A trail outlives its account. */
async function requireTrail(account: string, { records, services }: GraphQLContext): Promise<void> {
  if ((await records.accounts.load(account)) !== null) return;
  await found(recordsOf(services).auditHead.findUnique({ where: { accountId: account } }), account);
}

function trailOf(account: string, { principal, resource }: ReturnType<typeof keysOf>): PagedList<AuditEventRow> {
  const targets = [principal, resource].filter((key) => key !== null);
  return {
    listing: eventsOf({ account, targets }),
    read: (db, ids, query) =>
      db.auditEvent.findMany({ ...query, where: { accountId: account, sequence: { in: ids.map(Number) } } }),
    idOf: ({ sequence }) => String(sequence),
  };
}
