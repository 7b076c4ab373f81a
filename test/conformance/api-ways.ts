import { type Answer, answerOf, answerOfLegs, type Told } from "./answer.js";
import { planOf } from "./evaluator-way.js";
import type { Gateway } from "./gateway.js";
import type { Situation } from "./situation.js";

const DECISION = /* GraphQL */ `
  fragment Told on Decision {
    action resource principal outcome decidedBy certainty missingContextKeys validUntil
    diagnostics { code }
    matchedStatements {
      source effect index sid residual version
      policy { name }
      attachedTo { arn }
      scope { resourceGroup { id } }
    }
  }
`;

const CHECK = /* GraphQL */ `
  query ($input: AccessCheckInput!) { checkAccess(input: $input) { ...Told } }
  ${DECISION}
`;

const BATCH = /* GraphQL */ `
  query ($inputs: [AccessCheckInput!]!) {
    checkAccessBatch(inputs: $inputs) { ...Told ... on AccessCheckError { code message } }
  }
  ${DECISION}
`;

const PERFORM = /* GraphQL */ `
  query (
    $principal: Arn!
    $operation: String!
    $targets: OperationTargetsInput!
    $context: RequestContextInput
    $sessionPolicy: PolicyDocument
  ) {
    canPerform(
      principal: $principal
      operation: $operation
      targets: $targets
      context: $context
      sessionPolicy: $sessionPolicy
    ) {
      outcome usableNow blockedByKeyState
      legs { ...Told }
    }
  }
  ${DECISION}
`;

interface DecisionFields extends Omit<Told, "statements" | "codes" | "validUntil"> {
  readonly validUntil: string | null;
  readonly diagnostics: readonly { readonly code: string }[];
  readonly matchedStatements: readonly StatementFields[];
}

interface StatementFields
  extends Omit<Told["statements"][number], "policy" | "attachedTo" | "resourceGroup" | "effect"> {
  readonly effect: "ALLOW" | "DENY";
  readonly policy: { readonly name: string } | null;
  readonly attachedTo: { readonly arn: string } | null;
  readonly scope: { readonly resourceGroup: { readonly id: string } | null } | null;
}

interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** Asks as one request about nothing else. */
export async function askApi(gateway: Gateway, situation: Situation): Promise<Answer> {
  const { asked, principalArn: principal } = situation;
  const [document, variables] =
    asked.kind === "action"
      ? [CHECK, { input: checkOf(situation, asked) }]
      : [PERFORM, { principal, operation: asked.operation, targets: asked.targets, ...circumstancesOf(situation) }];
  const { data, errors } = await gateway.run(document, variables);
  const [error] = errors;
  if (error !== undefined) return refused({ code: String(error.extensions?.["code"]), message: error.message });
  return asked.kind === "action" ? answerOf(told(data.checkAccess), situation) : operationAnswer(data, situation);
}

// biome-ignore lint/suspicious/noExplicitAny: what the document above selects
function operationAnswer({ canPerform }: any, situation: Situation): Answer {
  const { outcome, usableNow, blockedByKeyState, legs } = canPerform;
  return { ...answerOfLegs(legs.map(told), situation), outcome, usableNow, blockedByKeyState };
}

/** Asks all situations as one batch; an operation as the checks of its legs. */
export async function askBatch(gateway: Gateway, situations: readonly Situation[]): Promise<Answer[]> {
  const checks = situations.map(checksOf);
  const { data, errors } = await gateway.run(BATCH, { inputs: checks.flat() });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  let next = 0;
  return situations.map((situation, index) => {
    const results = data.checkAccessBatch.slice(next, next + (checks[index]?.length ?? 0));
    next += results.length;
    return batchAnswer(situation, results);
  });
}

function batchAnswer(situation: Situation, results: readonly (DecisionFields | Refusal)[]): Answer {
  const refusal = results.find((result) => "code" in result);
  if (refusal !== undefined) return refused(refusal);
  const decisions = results.filter((result) => "outcome" in result).map(told);
  const [only] = decisions;
  return situation.asked.kind === "action" && only ? answerOf(only, situation) : answerOfLegs(decisions, situation);
}

function checksOf(situation: Situation): unknown[] {
  const { asked } = situation;
  if (asked.kind === "action") return [checkOf(situation, asked)];
  return planOf(situation).legs.map((leg) => checkOf(situation, leg));
}

function checkOf(situation: Situation, { action, resource }: { action: string; resource: string }): unknown {
  return { principal: situation.principalArn, action, resource, ...circumstancesOf(situation) };
}

function circumstancesOf({ context, session }: Situation): object {
  return { context, ...(session === undefined ? {} : { sessionPolicy: session }) };
}

function refused({ code, message }: Refusal): Answer {
  return { refused: code, message };
}

function told(decision: DecisionFields): Told {
  const { matchedStatements, diagnostics, validUntil } = decision;
  return {
    ...decision,
    codes: diagnostics.map(({ code }) => code),
    validUntil: validUntil === null ? null : Date.parse(validUntil),
    statements: matchedStatements.map(({ effect, policy, attachedTo, scope, ...statement }) => ({
      ...statement,
      effect: effect === "ALLOW" ? "Allow" : "Deny",
      policy: policy?.name ?? null,
      attachedTo: attachedTo?.arn ?? null,
      resourceGroup: scope?.resourceGroup?.id ?? null,
    })),
  };
}
