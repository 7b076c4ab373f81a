import type { WhoCanRow } from "../decisions/who-can.js";
import { type Detail, type Verdict, withReasons } from "../domain/evaluation/decision.js";
import type { OperationDecision as OperationDecisionShape } from "../domain/evaluation/operation-decision.js";
import { once } from "../domain/once.js";
import { mayRead, principalWith } from "./access-rules.js";
import { answerConnectionOf, pageOfAnswer, WHOLE_ACCOUNT_COST } from "./answer-page.js";
import { builder } from "./builder.js";
import type { GraphQLContext } from "./context.js";
import { Decision, Outcome } from "./decision.js";
import { type Redactable, viewOf } from "./explanation-view.js";
import { Group } from "./group.js";
import { OperationDecision } from "./operation-decision.js";
import { showOperations } from "./operation-view.js";
import { Principal } from "./principal.js";
import type { PrincipalRow } from "./records.js";
import {
  CONSISTENCY_DESCRIPTION,
  CONTEXT_DESCRIPTION,
  ConsistencyInput,
  consistencyOf,
  RequestContextInput,
} from "./request-context.js";
import { detailOf } from "./selection.js";

/** A row as one request sees it. */
interface WhoCanEntryShape {
  readonly outcome: WhoCanRow["outcome"];
  readonly arn: string;
  /** Whether the caller may know who it is. */
  readonly shown: () => Promise<boolean>;
  readonly record: () => Promise<PrincipalRow | null>;
  /** As the caller may see it, like the operation; null where the other was asked. */
  readonly decision: () => Promise<Verdict | null>;
  readonly operation: () => Promise<OperationDecisionShape | null>;
  readonly groups: () => Promise<readonly string[]>;
}

const REDACTED = "Null when `redacted`";

const WhoCanEntry = builder.objectRef<WhoCanEntryShape>("WhoCanEntry").implement({
  description: "One who may, and how that comes.",
  fields: (t) => ({
    arn: t.field({
      type: "Arn",
      nullable: true,
      description: `ARN of who may. ${REDACTED}.`,
      resolve: async ({ shown, arn }) => ((await shown()) ? arn : null),
    }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description: `Who may. ${REDACTED}, or when it was deleted after the instant of the answer.`,
      resolve: async ({ shown, record }) => ((await shown()) ? record() : null),
    }),
    redacted: t.boolean({
      description:
        "True when you may not read the principal, or a Deny keeps you from asking about it: then only the outcome shows.",
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
      description: `The decision on the action, with the statements that make it. ${REDACTED}, or when an operation was asked.`,
      resolve: async ({ shown, decision }) => ((await shown()) ? decision() : null),
    }),
    operation: t.field({
      type: OperationDecision,
      nullable: true,
      description: `The decision on the operation, with one for each permission that it needs. ${REDACTED}, or when an action was asked.`,
      resolve: async ({ shown, operation }) => ((await shown()) ? operation() : null),
    }),
    viaGroups: t.field({
      type: [Group],
      nullable: { list: true, items: true },
      description: `Groups of the user whose policies allow it, by the order of their policies; one that you may not read is null, with an error. ${REDACTED}.`,
      resolve: async ({ shown, groups }, _args, { records }) =>
        (await shown()) ? (records.principalsByArn.loadMany(await groups()) as never) : null,
    }),
  }),
});

const WhoCan = answerConnectionOf(WhoCanEntry, "WhoCan", "principals that may");

builder.queryField("whoCan", (t) =>
  t.connection(
    {
      type: WhoCanEntry,
      description:
        "Who of an account may perform this action, or this KMS operation, on this resource? Users, roles and the account owner by ARN, then role sessions that are open; all of them, counted exactly. All pages are of the moment of the first: a cursor is good for a minute, and after that for as long as nothing has changed, else BAD_USER_INPUT with `extensions.reason` INVALID_CURSOR. Unknown account: NOT_FOUND.",
      args: {
        action: t.arg.string({ description: "Action, e.g. `kms:Decrypt`; no wildcards. Either this or `operation`." }),
        operation: t.arg.string({
          description:
            "KMS operation that the resource alone determines, e.g. `GetSecretValue`: all permissions that it needs. An alias stands for its key.",
        }),
        resource: t.arg({
          type: "Arn",
          required: true,
          description: "ARN of the key, secret, alias, container or role, or `*`; `*` in an ARN is plain text.",
        }),
        account: t.arg.string({
          description:
            "Account number, for a resource that states none. Default: the account of the resource, for principals their own.",
        }),
        context: t.arg({ type: RequestContextInput, description: CONTEXT_DESCRIPTION }),
        includeConditional: t.arg.boolean({
          defaultValue: false,
          description: "Also those who may under conditions on context that is left out. Default: false.",
        }),
        consistency: t.arg({ type: ConsistencyInput, description: CONSISTENCY_DESCRIPTION }),
      },
      extensions: { cost: { base: WHOLE_ACCOUNT_COST } },
      resolve: async (_root, args, context, info) => {
        const { first, last, after, before, consistency, ...question } = args;
        const detail = detailOf(info);
        const page = await pageOfAnswer([info.fieldName, question], args, (moment) =>
          context.services.accountQuestions.whoCan({
            ...question,
            account: context.permissions?.account ?? question.account,
            includeConditional: question.includeConditional === true,
            ...{ consistency: consistencyOf(consistency), moment },
          }),
        );
        const edges = page.edges.map(({ cursor, node }) => ({
          cursor,
          node: entryOf(node, question.resource, detail, context),
        }));
        return { ...page, edges };
      },
    },
    WhoCan,
  ),
);

function entryOf(row: WhoCanRow, resource: string, detail: Detail, context: GraphQLContext): WhoCanEntryShape {
  const verdicts = once(() => row.verdicts(detail));
  const operation = once(() => operationOf(row, verdicts, resource, context));
  return {
    ...{ outcome: row.outcome, arn: row.arn, operation },
    shown: once(() => mayKnow(row.arn, context)),
    record: () => recordOf(row, context),
    decision: () => decisionOf(row, verdicts, context),
    groups: async () => groupsIn(verdicts(), await operation()),
  };
}

async function decisionOf({ arn, operation }: WhoCanRow, verdicts: () => readonly Verdict[], context: GraphQLContext) {
  if (operation !== null) return null;
  const [decision] = (await viewOf(arn, context)?.(verdicts())) ?? verdicts();
  return decision ?? null;
}

async function operationOf(
  { arn: principal, operation }: WhoCanRow,
  verdicts: () => readonly Verdict[],
  resource: string,
  context: GraphQLContext,
): Promise<OperationDecisionShape | null> {
  if (operation === null) return null;
  const [shown] = await showOperations([operation(verdicts())], { principal, named: [resource] }, context);
  return shown ?? null;
}

/** Who may ask about all may be kept from asking about one. */
async function mayKnow(arn: string, { permissions }: GraphQLContext): Promise<boolean> {
  if (permissions === null) return true;
  const row = principalWith(arn);
  if (permissions.isSelf(row.sessionArn ?? row.arnKey)) return true;
  const named = row.sessionArn === undefined ? [arn] : [arn, row.arn];
  return (await mayRead("PRINCIPAL", row, permissions)) && !(await permissions.denies("ramgate:EvaluateAccess", named));
}

async function recordOf({ id, arn, session }: WhoCanRow, { records }: GraphQLContext): Promise<PrincipalRow | null> {
  const row = await records.principals.load(id);
  return row && session ? { ...row, sessionArn: arn } : row;
}

/** Those whose Allow statements apply, or may apply; without those for a leg that the caller may not see. */
function groupsIn(verdicts: readonly Verdict[], operation: OperationDecisionShape | null): readonly string[] {
  const legs: readonly Redactable<Verdict>[] = operation?.legs ?? verdicts;
  const seen = verdicts.filter((_, place) => legs[place]?.redacted !== true);
  const statements = seen.flatMap((verdict) => withReasons(verdict).matchedStatements);
  const holders = statements.flatMap(({ effect, attachedTo }) => (effect === "Allow" && attachedTo ? attachedTo : []));
  return [...new Set(holders)].filter((arn) => arn.includes(":group/"));
}
