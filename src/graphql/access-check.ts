import { type CheckAccessInput, checkAccess } from "../decisions/check-access.js";
import { RevisionUnavailableError } from "../decisions/decide-many.js";
import type { Circumstances } from "../decisions/question.js";
import { InvalidInputError } from "../domain/errors.js";
import type { Verdict } from "../domain/evaluation/decision.js";
import { InvalidTokenError } from "../store/revision-token.js";
import { builder } from "./builder.js";
import type { GraphQLContext } from "./context.js";
import { Decision } from "./decision.js";
import { ErrorCodeEnum } from "./error-code.js";
import { type PublicError, publicError } from "./errors.js";
import { viewOf } from "./explanation-view.js";
import type { Permissions } from "./permissions.js";
import {
  CONSISTENCY_DESCRIPTION,
  CONTEXT_DESCRIPTION,
  ConsistencyInput,
  circumstances,
  RequestContextInput,
  SESSION_POLICY_DESCRIPTION,
} from "./request-context.js";
import { detailOf } from "./selection.js";

/** Most questions in one batch. */
export const MAX_BATCH = 10_000;

const AccessCheckInput = builder.inputType("AccessCheckInput", {
  description: "May this principal perform this action on this resource?",
  fields: (t) => ({
    principal: t.field({
      type: "Arn",
      required: true,
      description: "ARN of the user, role, role session or account owner; a group makes no requests: BAD_USER_INPUT.",
    }),
    action: t.string({ required: true, description: "Action, e.g. `kms:Decrypt`; no wildcards." }),
    resource: t.field({
      type: "Arn",
      required: true,
      description: "ARN of the resource, or `*` for actions without one.",
    }),
    context: t.field({ type: RequestContextInput, description: CONTEXT_DESCRIPTION }),
    sessionPolicy: t.field({ type: "PolicyDocument", description: SESSION_POLICY_DESCRIPTION }),
  }),
});

export const AccessCheckError = builder.objectRef<PublicError>("AccessCheckError").implement({
  description: "Why one question of several has no decision. Treat it as a deny.",
  fields: (t) => ({
    code: t.field({ type: ErrorCodeEnum, description: "What went wrong, for programs.", resolve: ({ code }) => code }),
    message: t.exposeString("message", { description: "What went wrong, for people." }),
  }),
});

const AccessCheckResult = builder.unionType("AccessCheckResult", {
  description: "The answer to one question of a batch.",
  types: [Decision, AccessCheckError],
  resolveType: (result) => ("outcome" in result ? "Decision" : "AccessCheckError"),
});

builder.queryField("checkAccess", (t) =>
  t.field({
    type: Decision,
    description:
      "May this principal perform this action on this resource? Unknown principal: NOT_FOUND. Malformed ARN or action: BAD_USER_INPUT.",
    args: {
      input: t.arg({ type: AccessCheckInput, required: true, description: "The question." }),
      consistency: t.arg({ type: ConsistencyInput, description: CONSISTENCY_DESCRIPTION }),
    },
    resolve: (_root, { input, consistency }, context, info) =>
      check(questionOf(input, circumstances({}, consistency, detailOf(info))), context),
  }),
);

builder.queryField("checkAccessBatch", (t) =>
  t.field({
    type: [AccessCheckResult],
    description: `Many questions at once, answered in the same order. One that has no answer, also for want of permission, never fails the others. At most 10,000 questions, else BAD_USER_INPUT.`,
    args: {
      inputs: t.arg({ type: [AccessCheckInput], required: true, description: `The questions, at most 10,000.` }),
      consistency: t.arg({ type: ConsistencyInput, description: CONSISTENCY_DESCRIPTION }),
    },
    extensions: { cost: { row: 0.1 } }, // a full batch fits into one operation
    resolve: (_root, { inputs, consistency }, context, info) => {
      if (inputs.length > MAX_BATCH) {
        throw new InvalidInputError(`a batch has at most ${MAX_BATCH} questions, not \`${inputs.length}\``, "/inputs");
      }
      const shared = circumstances({}, consistency, detailOf(info));
      const failed = (error: unknown) => asItem(error, context.requestId);
      return Promise.all(inputs.map((input) => check(questionOf(input, shared), context).catch(failed)));
    },
  }),
);

/** What GraphQL hands over has no prototype, and is slow to copy. */
function questionOf(
  { principal, action, resource, context, sessionPolicy }: typeof AccessCheckInput.$inferInput,
  { consistency, detail }: Circumstances,
): CheckAccessInput {
  return { principal, action, resource, context, sessionPolicy, consistency, detail };
}

/** Decides for whoever may ask; operators wait for nothing but the answer. */
function check(input: CheckAccessInput, context: GraphQLContext): Promise<Verdict> {
  const { permissions, ask } = context;
  return permissions === null ? checkAccess(ask, input) : checkFor(permissions, input, context);
}

async function checkFor(permissions: Permissions, input: CheckAccessInput, context: GraphQLContext): Promise<Verdict> {
  await permissions.requireEvaluation(input.principal, [input.resource]);
  const verdict = await checkAccess(context.ask, input);
  const [shown] = (await viewOf(input.principal, context)?.([verdict])) ?? [];
  return shown ?? verdict;
}

/** `consistency` belongs to all questions together, so its errors do too. @throws them */
export function asItem(error: unknown, requestId: string): PublicError {
  if (error instanceof InvalidTokenError || error instanceof RevisionUnavailableError) throw error;
  return publicError(error, requestId);
}
