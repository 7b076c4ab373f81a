import { createHash } from "node:crypto";
import { resolveCursorConnection } from "@pothos/plugin-relay";
import { targetKey } from "../administration/audit-record.js";
import { InvalidInputError } from "../domain/errors.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { builder } from "./builder.js";
import type { GraphQLContext } from "./context.js";
import { node } from "./node.js";
import { connectionOf } from "./page.js";
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from "./page-size.js";
import { type AuditEventRow, auditEventKey, found } from "./records.js";

export const AuditEvent = builder.prismaObject("AuditEvent", {
  description:
    "One change of an account: who did what, why, and what it came to. Events are never changed or removed; each holds the hash of the one before it, and `ramgate audit verify` computes them again.",
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
  }),
});

node(AuditEvent, auditEventKey, (keys, { auditEvents }) => auditEvents.loadMany(keys));

const AuditEvents = connectionOf(AuditEvent, "AuditEvent", "audit events");

builder.queryField("auditEvents", (t) =>
  t.connection(
    {
      type: AuditEvent,
      description:
        "The changes of an account, oldest first, so that new ones come behind the last cursor. A cursor belongs to its account and filter; with others it is BAD_USER_INPUT. The trail outlives its account. Unknown account: NOT_FOUND.",
      args: {
        account: t.arg.string({ required: true, description: "Account number." }),
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
      resolve: async (_root, args, context) => {
        const where = listed(args);
        await requireTrail(args.account, context);
        const page = await readPage(args, where, context);
        return { ...page, totalCount: () => context.services.db.auditEvent.count({ where }) };
      },
    },
    AuditEvents,
  ),
);

interface Listed {
  readonly account: string;
  readonly principal?: string | null | undefined;
  readonly resource?: string | null | undefined;
}

interface Paged {
  readonly first?: number | null | undefined;
  readonly last?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly before?: string | null | undefined;
}

type Where = ReturnType<typeof listed>;

function listed({ account, principal, resource }: Listed) {
  const keys = [
    ...(typeof principal === "string" ? [parsePrincipalArn(principal).arnKey] : []),
    ...(typeof resource === "string" ? [targetKey(resource)] : []),
  ];
  return { accountId: account, ...(keys.length > 0 ? { targetKeys: { hasEvery: keys } } : {}) };
}

/** A trail outlives its account. */
async function requireTrail(account: string, { records, services }: GraphQLContext): Promise<void> {
  if ((await records.accounts.load(account)) !== null) return;
  await found(services.db.auditHead.findUnique({ where: { accountId: account } }), account);
}

async function readPage(args: Paged, where: Where, { services }: GraphQLContext) {
  const filter = digestOf(where);
  const page = await resolveCursorConnection<Promise<AuditEventRow[]>>(
    {
      args,
      defaultSize: DEFAULT_PAGE_SIZE,
      maxSize: MAX_PAGE_SIZE,
      toCursor: ({ sequence }) => cursorOf(sequence, filter),
    },
    ({ after, before, limit, inverted }) =>
      services.db.auditEvent.findMany({
        where: { ...where, sequence: { ...within("gt", after, filter), ...within("lt", before, filter) } },
        orderBy: { sequence: inverted ? "desc" : "asc" },
        take: limit,
      }),
  );
  const places = page.edges.length === 0 ? { startCursor: null, endCursor: null } : {};
  return { ...page, pageInfo: { ...page.pageInfo, ...places } };
}

function within(side: "gt" | "lt", cursor: string | null | undefined, filter: string) {
  return typeof cursor === "string" ? { [side]: sequenceOf(cursor, filter) } : {};
}

function digestOf(where: Where): string {
  return createHash("sha256").update(JSON.stringify(where)).digest("base64url").slice(0, 12);
}

function cursorOf(sequence: number, filter: string): string {
  return Buffer.from(`audit:${sequence}:${filter}`).toString("base64url");
}

/** @throws InvalidInputError for a cursor of another list */
function sequenceOf(cursor: string, filter: string): number {
  const [, digits, theirs] = /^audit:(\d{1,10}):([\w-]{12})$/.exec(Buffer.from(cursor, "base64url").toString()) ?? [];
  const sequence = Number(digits);
  if (theirs === filter && cursorOf(sequence, filter) === cursor && sequence < 2 ** 31) return sequence;
  throw new InvalidInputError(`\`${cursor.slice(0, 64)}\` is not a cursor of this account and filter`);
}
