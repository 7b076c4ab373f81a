import { parseArn } from "../domain/arn.js";
import { type Decision, type Outcome, type Verdict, withReasons } from "../domain/evaluation/decision.js";
import type { OperationDecision } from "../domain/evaluation/operation-decision.js";
import { kmsResourceType, type ResourceType } from "../domain/resource.js";
import { mayRead } from "./access-rules.js";
import type { GraphQLContext } from "./context.js";
import { type Redactable, viewOf } from "./explanation-view.js";
import { type Permissions, refusal } from "./permissions.js";

/** What a caller has asked about operations. */
export interface OperationQuestion {
  readonly principal: string;
  /** The ARNs that the caller has named. */
  readonly named: readonly string[];
  readonly sessionPolicy?: unknown;
}

/**
 * Shows operations as far as the caller may read what its targets have led to, such as the key of a secret.
 *
 * @throws ForbiddenError where the caller is denied to ask about that, or could find out by asking what it is
 */
export async function showOperations(
  operations: readonly OperationDecision[],
  question: OperationQuestion,
  context: GraphQLContext,
): Promise<OperationDecision[]> {
  const { permissions } = context;
  if (permissions === null) return [...operations];
  const hidden = await hiddenFrom(permissions, derivedOf(operations, question), question);
  const view = viewOf(question.principal, context);
  const shown = async (operation: OperationDecision) => {
    const legs = (await view?.(operation.legs)) ?? operation.legs;
    return conceal({ ...operation, legs }, hidden);
  };
  return Promise.all(operations.map(shown));
}

/** Containers and `*` follow from what a question says; these have names. */
const NAMED: ReadonlySet<ResourceType | null> = new Set<ResourceType>(["KEY", "SECRET", "ALIAS", "CERTIFICATE"]);

/** The resources of legs that the caller has not named. */
function derivedOf(operations: readonly OperationDecision[], { named }: OperationQuestion): string[] {
  const names = new Set(named.map((arn) => parseArn(arn).text));
  const resources = new Set(operations.flatMap(({ legs }) => legs.map(({ resource }) => resource)));
  return [...resources].filter((arn) => !names.has(arn) && NAMED.has(kmsResourceType(parseArn(arn))));
}

async function hiddenFrom(
  permissions: Permissions,
  derived: readonly string[],
  { principal, named, sessionPolicy }: OperationQuestion,
): Promise<ReadonlySet<string>> {
  if (derived.length === 0) return new Set();
  const [led, readable, denied] = await Promise.all([
    mayReadLeaders(named, permissions),
    Promise.all(derived.map((arn) => mayReadResource(arn, permissions))),
    Promise.all(derived.map((arn) => permissions.denies("ramgate:ReadResource", [arn]))),
    permissions.refuseDeniedEvaluation(principal, derived),
  ]);
  const hidden = derived.filter((_, place) => !readable[place] && (!led || denied[place]));
  // outcomes under policies of one's own making, one pattern after the other, would spell the name out
  if (hidden.length > 0 && sessionPolicy != null) throw refusal("ramgate:ReadResource");
  return new Set(hidden);
}

/** Which of several has led to a resource is not known, so it takes all. */
async function mayReadLeaders(named: readonly string[], permissions: Permissions): Promise<boolean> {
  const leaders = named.filter((arn) => ["SECRET", "ALIAS"].includes(kmsResourceType(parseArn(arn)) ?? ""));
  const readable = await Promise.all(leaders.map((arn) => mayReadResource(arn, permissions)));
  return leaders.length > 0 && readable.every(Boolean);
}

function mayReadResource(text: string, permissions: Permissions): Promise<boolean> {
  const { account: accountId, text: arn } = parseArn(text);
  return mayRead("RESOURCE", { accountId, arn }, permissions);
}

/** The state of a key says something of the key, too. */
function conceal(operation: OperationDecision, hidden: ReadonlySet<string>): OperationDecision {
  if (!operation.legs.some(({ resource }) => hidden.has(resource))) return operation;
  const legs = operation.legs.map((leg) => (hidden.has(leg.resource) ? concealed(leg) : leg));
  return { ...operation, legs, usableNow: null, blockedByKeyState: null };
}

const SENTENCES: Readonly<Record<Outcome, string>> = {
  ALLOW: "Allowed",
  EXPLICIT_DENY: "Denied",
  IMPLICIT_DENY: "Not allowed",
  CONDITIONAL: "Depends on context",
};

/** Which statement matched may tell on what, so even one's own are left out. */
function concealed(leg: Verdict): Redactable<Verdict> {
  const bare = { ...leg, resource: "*", redacted: true };
  if (!("reason" in leg)) return bare;
  const reason = `${SENTENCES[leg.outcome]} on a resource that you may not read.`;
  const none = { matchedStatements: [], residualConditions: [], diagnostics: [], nearMisses: [] };
  const shown: Redactable<Decision> = { ...withReasons(leg), ...bare, reason, ...none };
  return shown;
}
