import { InvalidInputError } from "../domain/errors.js";
import type { Verdict } from "../domain/evaluation/decision.js";
import { parseAction } from "../domain/kms/actions.js";
import { AccessCheckError, asItem, MAX_BATCH } from "./access-check.js";
import { builder } from "./builder.js";
import type { GraphQLContext } from "./context.js";
import { Outcome } from "./decision.js";
import { type PublicError, publicError } from "./errors.js";
import {
  CONSISTENCY_DESCRIPTION,
  CONTEXT_DESCRIPTION,
  ConsistencyInput,
  circumstances,
  RequestContextInput,
} from "./request-context.js";

interface Cell {
  readonly action: string;
  readonly result: Verdict["outcome"] | PublicError;
}

interface Row {
  readonly principal: string;
  readonly resource: string;
  readonly cells: readonly Cell[];
}

const AccessMatrixCell = builder.objectRef<Cell>("AccessMatrixCell").implement({
  description: "The outcome for one action.",
  fields: (t) => ({
    action: t.exposeString("action", { description: "The action, as it was asked about." }),
    outcome: t.field({
      type: Outcome,
      nullable: true,
      description: "What the decision says; null when there is none: see `error`. Treat that as a deny.",
      resolve: ({ result }) => (typeof result === "string" ? result : null),
    }),
    error: t.field({
      type: AccessCheckError,
      nullable: true,
      description: "Why there is no decision; null when there is one.",
      resolve: ({ result }) => (typeof result === "string" ? null : result),
    }),
  }),
});

const AccessMatrixRow = builder.objectRef<Row>("AccessMatrixRow").implement({
  description: "What one principal may do with one resource.",
  fields: (t) => ({
    principal: t.field({
      type: "Arn",
      description: "The principal, as it was asked about.",
      resolve: ({ principal }) => principal,
    }),
    resource: t.field({
      type: "Arn",
      description: "The resource, as it was asked about.",
      resolve: ({ resource }) => resource,
    }),
    cells: t.field({
      type: [AccessMatrixCell],
      description: "One for each action, in the order of `actions`.",
      resolve: ({ cells }) => [...cells],
    }),
  }),
});

builder.queryField("accessMatrix", (t) =>
  t.field({
    type: [AccessMatrixRow],
    description: `What each of these principals may do with each of these resources: outcomes alone, for a page with a table. Rows by principal, then by resource, in the order of the arguments. What cannot be answered, also for want of permission, never fails the rest. Principals times resources times actions at most 10,000, else BAD_USER_INPUT.`,
    args: {
      principals: t.arg({
        type: ["Arn"],
        required: true,
        description: "ARNs of users, roles, role sessions or account owners.",
      }),
      resources: t.arg({ type: ["Arn"], required: true, description: "ARNs of resources, or `*`." }),
      actions: t.arg.stringList({ required: true, description: "Actions, e.g. `kms:Decrypt`; no wildcards." }),
      context: t.arg({ type: RequestContextInput, description: CONTEXT_DESCRIPTION }),
      consistency: t.arg({ type: ConsistencyInput, description: CONSISTENCY_DESCRIPTION }),
    },
    extensions: { cost: { row: 0.1, product: ["principals", "resources", "actions"] } }, // a full matrix fits into one operation
    resolve: (_root, { principals, resources, actions, context: given, consistency }, context) => {
      refuseLarge(principals.length * resources.length * Math.max(1, actions.length));
      const shared = circumstances({ context: given }, consistency, "OUTCOME");
      const pairs = principals.flatMap((principal) => resources.map((resource) => ({ principal, resource })));
      return Promise.all(pairs.map((pair) => rowOf({ ...pair, ...shared }, actions, context)));
    },
  }),
);

function refuseLarge(cells: number): void {
  if (cells <= MAX_BATCH) return;
  throw new InvalidInputError(`a matrix has at most ${MAX_BATCH} cells, not \`${cells}\``);
}

type Asked = Pick<Row, "principal" | "resource"> & ReturnType<typeof circumstances>;

/** One question for all actions that can be asked about. */
async function rowOf(asked: Asked, actions: readonly string[], context: GraphQLContext): Promise<Row> {
  const problems = actions.map((action) => problemOf(action, context));
  const wellFormed = actions.filter((_, place) => problems[place] === null);
  const results = await resultsOf(asked, wellFormed, context);
  let next = 0;
  const cells = actions.map((action, place) => ({ action, result: problems[place] ?? results(next++) }));
  return { principal: asked.principal, resource: asked.resource, cells };
}

/** By the place of the action; the same error in all of them where the question has none. */
async function resultsOf(asked: Asked, actions: readonly string[], { permissions, ask, requestId }: GraphQLContext) {
  try {
    await permissions?.requireEvaluation(asked.principal, [asked.resource]);
    const { decisions } = await ask({ ...asked, actions });
    return (place: number): Cell["result"] => decisions[place]?.outcome ?? "IMPLICIT_DENY";
  } catch (error) {
    const failure = asItem(error, requestId);
    return () => failure;
  }
}

function problemOf(action: string, { requestId }: GraphQLContext): PublicError | null {
  try {
    parseAction(action);
    return null;
  } catch (error) {
    return publicError(error, requestId);
  }
}
