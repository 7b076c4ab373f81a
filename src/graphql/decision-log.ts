import { decisionsLogged } from "../store/lists.js";
import { builder } from "./builder.js";
import { DecisionStage, Outcome } from "./decision.js";
import { ErrorCodeEnum } from "./error-code.js";
import type { ErrorCode } from "./errors.js";
import { connectionOf, type PagedList, pageOf } from "./page.js";
import { type DecisionLogRow, found } from "./records.js";

const DecisionLogEntry = builder.prismaObject("DecisionLogEntry", {
  description:
    "A decision that was not ALLOW, or a question that failed. Nothing of the context it was asked in is kept.",
  fields: (t) => ({
    at: t.expose("at", { type: "DateTime", description: "When it was decided, by the clock of the gateway." }),
    principal: t.exposeString("principal", { description: "Who was asked about." }),
    action: t.exposeString("action", {
      nullable: true,
      description: "`service:Action`; null when the question failed as a whole.",
    }),
    resource: t.exposeString("resource", { description: "As asked, up to 512 characters." }),
    outcome: t.field({
      type: Outcome,
      nullable: true,
      description: "What came of it; null when the question failed.",
      resolve: ({ outcome }) => outcome as typeof Outcome.$inferType | null,
    }),
    decidedBy: t.field({
      type: DecisionStage,
      nullable: true,
      description: "The step that settled it; null when the question failed.",
      resolve: ({ decidedBy }) => decidedBy as typeof DecisionStage.$inferType | null,
    }),
    error: t.field({
      type: ErrorCodeEnum,
      nullable: true,
      description: "Why the question failed; null when it was answered.",
      resolve: ({ error }) => error as ErrorCode | null,
    }),
    caller: t.exposeString("caller", {
      description: "Who asked: `operator:<credential id>`, or the ARN of a principal.",
    }),
    requestId: t.exposeString("requestId", { description: "Id of the request, as in the log." }),
  }),
});

const DecisionLog = connectionOf(DecisionLogEntry, "DecisionLog", "decisions that were not ALLOW");

builder.queryField("decisionLog", (t) =>
  t.connection(
    {
      type: DecisionLogEntry,
      description:
        "Recent decisions about principals of an account that were not ALLOW, oldest first; those of several gateways as they were written. Only what was asked of gateways whose DECISION_LOG is on, and of that what is in the sample; an entry may be missing after a failure, and the oldest give way to new ones of any account. Unknown account: NOT_FOUND.",
      args: { account: t.arg.string({ required: true, description: "Account number of the principals." }) },
      resolve: async (_root, args, context, info) => {
        await found(context.records.accounts.load(args.account), args.account);
        return pageOf(decisionsOf(args.account), args, context, info);
      },
    },
    DecisionLog,
  ),
);

function decisionsOf(account: string): PagedList<DecisionLogRow> {
  return {
    listing: decisionsLogged(account),
    read: (db, ids, query) => db.decisionLogEntry.findMany({ ...query, where: { id: { in: ids.map(BigInt) } } }),
    idOf: ({ id }) => String(id),
  };
}
