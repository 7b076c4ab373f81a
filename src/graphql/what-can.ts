import type { WhatCanRow } from "../decisions/what-can.js";
import type { Detail, Verdict } from "../domain/evaluation/decision.js";
import { once } from "../domain/once.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { mayRead } from "./access-rules.js";
import { answerConnectionOf, pageOfAnswer, WHOLE_ACCOUNT_COST } from "./answer-page.js";
import { builder } from "./builder.js";
import type { GraphQLContext } from "./context.js";
import { Decision, Outcome } from "./decision.js";
import { viewOf } from "./explanation-view.js";
import { CONTEXT_DESCRIPTION, RequestContextInput } from "./request-context.js";
import { detailOf } from "./selection.js";

/** A row as one request sees it. */
interface WhatCanEntryShape {
  readonly arn: string;
  readonly outcome: WhatCanRow["outcome"];
  /** Whether the caller may know which resource it is. */
  readonly shown: () => Promise<boolean>;
  readonly verdict: () => Promise<Verdict>;
}

const REDACTED = "Null when `redacted`";

const WhatCanEntry = builder.objectRef<WhatCanEntryShape>("WhatCanEntry").implement({
  description: "A resource with which a principal may do something.",
  fields: (t) => ({
    resource: t.field({
      type: "Arn",
      nullable: true,
      description: `ARN of the key, secret, alias or container, or \`*\`. ${REDACTED}.`,
      resolve: async ({ shown, arn }) => ((await shown()) ? arn : null),
    }),
    redacted: t.boolean({
      description:
        "True when you may not read the resource, or a Deny keeps you from asking about it: then only the outcome shows. Never when the question is about yourself.",
      resolve: async ({ shown }) => !(await shown()),
    }),
    outcome: t.field({
      type: Outcome,
      description: "ALLOW, or CONDITIONAL where these were asked for.",
      resolve: ({ outcome }) => outcome,
    }),
    decision: t.field({
      type: Decision,
      nullable: true,
      description: `The decision, with the statements that make it. ${REDACTED}.`,
      resolve: async ({ shown, verdict }) => ((await shown()) ? verdict() : null),
    }),
  }),
});

const WhatCan = answerConnectionOf(WhatCanEntry, "WhatCan", "resources with which the principal may");

builder.queryField("whatCan", (t) =>
  t.connection(
    {
      type: WhatCanEntry,
      description:
        "With which resources of its account may this principal perform this action of KMS? By ARN: the registered keys, secrets and aliases that the action applies to; for actions on containers, such as `kms:CreateKey`, those of each region in which something is registered; for actions without a resource `*`. What is not registered is not listed. Pages are as those of `whoCan`. Unknown principal: NOT_FOUND.",
      args: {
        principal: t.arg({
          type: "Arn",
          required: true,
          description:
            "ARN of the user, role, role session or account owner; a group makes no requests: BAD_USER_INPUT.",
        }),
        action: t.arg.string({ required: true, description: "Action of KMS, e.g. `kms:Decrypt`; no wildcards." }),
        context: t.arg({ type: RequestContextInput, description: CONTEXT_DESCRIPTION }),
        includeConditional: t.arg.boolean({
          defaultValue: false,
          description: "Also those with which it may under conditions on context that is left out. Default: false.",
        }),
      },
      extensions: { cost: { base: WHOLE_ACCOUNT_COST } },
      resolve: async (_root, args, context, info) => {
        const { first, last, after, before, ...question } = args;
        const page = await pageOfAnswer([info.fieldName, question], args, (moment) =>
          context.services.accountQuestions.whatCan({
            ...question,
            ...{ includeConditional: question.includeConditional === true, moment },
          }),
        );
        const detail = detailOf(info);
        const edges = page.edges.map(({ cursor, node }) => {
          return { cursor, node: entryOf(node, question.principal, detail, context) };
        });
        return { ...page, edges };
      },
    },
    WhatCan,
  ),
);

function entryOf(row: WhatCanRow, principal: string, detail: Detail, context: GraphQLContext): WhatCanEntryShape {
  return {
    ...{ arn: row.arn, outcome: row.outcome },
    shown: once(async () => mayKnow(row.arn, principal, context)),
    verdict: async () => {
      const verdict = row.verdict(detail);
      return (await viewOf(principal, context)?.([verdict]))?.[0] ?? verdict;
    },
  };
}

/** `*` and containers are everybody's. */
async function mayKnow(arn: string, principal: string, { permissions }: GraphQLContext): Promise<boolean> {
  if (permissions === null || permissions.isSelf(parsePrincipalArn(principal).arnKey)) return true;
  if (await permissions.denies("ramgate:EvaluateAccess", [arn])) return false;
  return !arn.includes("/") || mayRead("RESOURCE", { accountId: permissions.account, arn }, permissions);
}
