import { followGrantChanges } from "../administration/follow-grant-changes.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { requireAll } from "./access-rules.js";
import { AuditEvent } from "./audit-event.js";
import { builder } from "./builder.js";
import type { GraphQLContext } from "./context.js";
import { UnauthenticatedError } from "./errors.js";
import { changeCursor, sequenceAt } from "./grant-change-cursor.js";
import { type AuditEventRow, found } from "./records.js";

const GrantChange = builder.objectRef<AuditEventRow>("GrantChange").implement({
  description: "A change that may change who may do what.",
  fields: (t) => ({
    cursor: t.string({
      description: "Place of the change among those of its account, for `grantChanges(after:)`.",
      resolve: changeCursor,
    }),
    event: t.field({
      type: AuditEvent,
      description: "The change, as the audit trail has it.",
      resolve: (event) => event,
    }),
  }),
});

builder.subscriptionType({
  description:
    "What happens from now on, over server-sent events: GET or POST with `accept: text/event-stream`. A stream that completes without an error was ended by a gateway that stops: subscribe again, behind the last cursor.",
});

builder.subscriptionField("grantChanges", (t) =>
  t.field({
    type: GrantChange,
    description:
      "The changes of an account that may change who may do what, in the order in which they were committed, whichever gateway made them; none twice, none left out. Every change of the audit trail counts, except those of API keys: they change who signs in, not what he may do. When the credential ends, so does the stream, with UNAUTHENTICATED; with the right to it, with FORBIDDEN. Unknown account: NOT_FOUND.",
    args: {
      account: t.arg.string({ required: true, description: "Account number." }),
      principal: t.arg({
        type: "Arn",
        description:
          "Only changes about this principal itself, in any spelling; not those of the groups and policies it has rights from. Malformed: BAD_USER_INPUT.",
      }),
      after: t.arg.string({
        description:
          "`cursor` of a change, or `changeCursor` of an audit event: all changes behind it come first, then new ones. It is good with any `principal`. Default: from now on. A cursor of another account, or of a change that the trail does not hold: BAD_USER_INPUT.",
      }),
    },
    subscribe: async (_root, args, context) => endingWithError(await follow(args, context)),
    resolve: (change) => {
      if (change instanceof Ended) throw change.reason;
      return change;
    },
  }),
);

interface Arguments {
  readonly account: string;
  readonly principal?: string | null | undefined;
  readonly after?: string | null | undefined;
}

async function follow({ account, principal, after }: Arguments, context: GraphQLContext) {
  const { records, services, presence } = context;
  const target = typeof principal === "string" ? parsePrincipalArn(principal).arnKey : null;
  await found(records.accounts.load(account), account);
  return followGrantChanges(services.auditFeed, {
    ...{ account, target, signal: presence.gone },
    after: typeof after === "string" ? await sequenceAt(after, account, records) : null,
    assertMayListen: () => requireStillMay(context, account),
  });
}

/** Nothing that was found out for the request before may count. */
async function requireStillMay(context: GraphQLContext, account: string): Promise<void> {
  context.clearDecisions();
  if (!(await context.presence.isSignedIn())) throw new UnauthenticatedError("the credential is not valid any more");
  if (context.permissions !== null) await requireAll("AUDIT_EVENT", account, context.permissions);
}

/** The last that a stream has to say, where it is an error: only what is an event gets to the subscriber whole. */
class Ended {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}

async function* endingWithError<T>(events: AsyncIterable<T>): AsyncGenerator<T | Ended, void> {
  try {
    yield* events;
  } catch (error) {
    yield new Ended(error);
  }
}
