import type { WhoCanRow } from "../decisions/who-can.js";
import { type Detail, type Verdict, withReasons } from "../domain/evaluation/decision.js";
import type { OperationDecision as OperationDecisionShape } from "../domain/evaluation/operation-decision.js";
import { once } from "../domain/once.js";
import { MOST_ASSUMED_ROLES } from "../domain/reverse/assume-search.js";
import { mayKnow } from "./access-rules.js";
import { answerConnectionOf, pageOfAnswer, WHOLE_ACCOUNT_COST } from "./answer-page.js";
import { AssumedRole, type AssumedRoleShape, showRoles } from "./assumed-role.js";
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
  /** Null: the caller may not see through what. */
  readonly groups: () => Promise<readonly string[] | null>;
  readonly roles: readonly AssumedRoleShape[];
}

const REDACTED = "Null when `redacted`";
const OF_LAST = "for one who assumes roles, that of the last, or null when this is `redacted`";

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
      description: `The decision on the action, with the statements that make it; ${OF_LAST}. ${REDACTED}, or when an operation was asked.`,
      resolve: ({ decision }) => decision(),
    }),
    operation: t.field({
      type: OperationDecision,
      nullable: true,
      description: `The decision on the operation, with one for each permission that it needs; ${OF_LAST}. ${REDACTED}, or when an action was asked.`,
      resolve: ({ operation }) => operation(),
    }),
    viaGroups: t.field({
      type: [Group],
      nullable: { list: true, items: true },
      description: `Groups of the user whose policies allow it, or to assume the first role, by the order of their policies; one that you may not read is null, with an error. ${REDACTED}, or when you may not ask about the first role.`,
      resolve: async ({ groups }, _args, { records }) => {
        const arns = await groups();
        return arns && (records.principalsByArn.loadMany(arns) as never);
      },
    }),
    assumes: t.field({
      type: [AssumedRole],
      nullable: true,
      description: `The roles that it has to assume for this, one after the other; none when it may itself. ${REDACTED}.`,
      resolve: async ({ shown, roles }) => ((await shown()) ? [...roles] : null),
    }),
  }),
});

const ASSUMABLE_DESCRIPTION = `Also those who may not themselves, but could assume a role of the account that may, if need be by way of others: at most ${MOST_ASSUMED_ROLES} in all, as few as it takes. Each step is what \`checkAccess\` says of \`sts:AssumeRole\` in the same context, and the outcome the worst of all; a way that is allowed comes before a shorter one that is CONDITIONAL. Who has assumed a role is decided upon as the role, without a session policy: where a trust policy names sessions of the role, it does not count as one. COST_LIMIT_EXCEEDED where it takes too much work. Default: false.`;
/** Trust policies and those of everybody are evaluated for each role on the way. */
const ASSUMABLE_COST = 400;

const WhoCan = answerConnectionOf(WhoCanEntry, "WhoCan", "principals that may");

builder.queryField("whoCan", (t) =>
  t.connection(
    {
      type: WhoCanEntry,
      description:
        "Who of an account may perform this action, or this KMS operation, on this resource? Users, roles and the account owner by ARN, then role sessions that are open; all of them, counted exactly. All pages are of the moment of the first: a cursor is good for a minute, and after that for as long as nothing has changed, else BAD_USER_INPUT with `extensions.reason` INVALID_CURSOR. Unknown account: NOT_FOUND. Principals of other accounts are not listed, whomever trust policies name.",
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
        includeAssumable: t.arg.boolean({
          defaultValue: false,
          description: ASSUMABLE_DESCRIPTION,
        }),
        consistency: t.arg({ type: ConsistencyInput, description: CONSISTENCY_DESCRIPTION }),
      },
      extensions: { cost: { base: WHOLE_ACCOUNT_COST, flags: { includeAssumable: ASSUMABLE_COST } } },
      resolve: async (_root, args, context, info) => {
        const { first, last, after, before, consistency, ...question } = args;
        const detail = detailOf(info);
        const page = await pageOfAnswer([info.fieldName, question], args, (moment) =>
          context.services.accountQuestions.whoCan({
            ...question,
            account: context.permissions?.account ?? question.account,
            includeConditional: question.includeConditional === true,
            includeAssumable: question.includeAssumable === true,
            ...{ consistency: consistencyOf(consistency), moment },
          }),
        );
        const entry = (row: WhoCanRow) => entryOf(row, question.resource, detail, context);
        return { ...page, edges: page.edges.map(({ cursor, node }) => ({ cursor, node: entry(node) })) };
      },
    },
    WhoCan,
  ),
);

function entryOf(row: WhoCanRow, resource: string, detail: Detail, context: GraphQLContext): WhoCanEntryShape {
  const verdicts = once(() => row.verdicts(detail));
  const shown = once(() => mayKnow(row.arn, context.permissions));
  const roles = showRoles(row, shown, detail, context);
  const last = roles.at(-1);
  const actor = last?.arn ?? row.arn;
  const mayAsk = async () => (await shown()) && (last === undefined || last.shown());
  const operation = once(async () =>
    (await mayAsk()) ? operationOf(row, verdicts, { actor, resource }, context) : null,
  );
  return {
    ...{ outcome: row.outcome, arn: row.arn, operation, shown, roles },
    record: () => recordOf(row, context),
    decision: async () => ((await mayAsk()) ? decisionOf(row, verdicts, actor, context) : null),
    groups: async () => {
      if (!(await shown())) return null;
      return roles[0] ? groupsToAssume(roles[0]) : groupsIn(verdicts(), await operation());
    },
  };
}

async function decisionOf(
  { operation }: WhoCanRow,
  verdicts: () => readonly Verdict[],
  actor: string,
  context: GraphQLContext,
): Promise<Verdict | null> {
  if (operation !== null) return null;
  const [decision] = (await viewOf(actor, context)?.(verdicts())) ?? verdicts();
  return decision ?? null;
}

/** Who performs an operation, and on what. */
interface Performance {
  readonly actor: string;
  readonly resource: string;
}

async function operationOf(
  { operation }: WhoCanRow,
  verdicts: () => readonly Verdict[],
  { actor: principal, resource }: Performance,
  context: GraphQLContext,
): Promise<OperationDecisionShape | null> {
  if (operation === null) return null;
  const [shown] = await showOperations([operation(verdicts())], { principal, named: [resource] }, context);
  return shown ?? null;
}

async function groupsToAssume({ decision }: AssumedRoleShape): Promise<readonly string[] | null> {
  const verdict = await decision();
  return verdict && groupsIn([verdict], null);
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
