import { parseArn } from "../domain/arn.js";
import { InvalidInputError } from "../domain/errors.js";
import type { RequestContext } from "../domain/evaluation/access-request.js";
import { buildContext, requestInstant } from "../domain/evaluation/context-keys.js";
import type { Detail } from "../domain/evaluation/decision.js";
import { permissionActions } from "../domain/evaluation/effective-permissions.js";
import { parseAction } from "../domain/kms/actions.js";
import { type CompiledPolicy, compilePolicy } from "../domain/policy/compile-policy.js";
import type { DocumentProblem } from "../domain/policy/document.js";
import { parseDocument } from "../domain/policy/parse-document.js";
import { type PrincipalName, parsePrincipalArn } from "../domain/principal.js";
import { principalScopes, scopesOf, storedKeyOf } from "../store/revisions.js";
import { canonicalText } from "./canonical-text.js";
import type { Question } from "./question.js";

/** A question whose every part was checked, in the form that evaluation and cache key use. */
export interface PreparedQuestion {
  readonly principal: PrincipalName;
  readonly resource: string;
  readonly actions: readonly string[];
  readonly context: RequestContext;
  /** The instant the caller stated; null: the decision is made for the moment of its evaluation. */
  readonly statedInstant: number | null;
  readonly sessionPolicy: CompiledPolicy | null;
  readonly detail: Detail;
  /** Nothing that is known of the resource counts. */
  readonly asStranger: boolean;
  /** The whole question: equal only for questions with equal answers in every state of the model. */
  readonly canonical: string;
  /** What the answer depends on, whatever the state of the model. */
  readonly scopes: readonly string[];
  /** `arn_key` of the principal whose followed scopes it depends on besides. */
  readonly follows: string;
}

/** Thrown for a `sessionPolicy` argument that is no well-formed policy document. */
export class MalformedSessionPolicyError extends InvalidInputError {
  readonly problems: readonly DocumentProblem[];

  constructor(problems: readonly DocumentProblem[]) {
    super(`the session policy is malformed: ${problems.map(describeProblem).join("; ")}`, "/sessionPolicy");
    this.problems = problems;
  }
}

/**
 * Checks a question and takes it apart.
 *
 * @throws InvalidInputError
 */
export function prepareQuestion(question: Question): PreparedQuestion {
  const principal = parseRequester(question.principal);
  const resource = parseArn(question.resource).text;
  const namedActions = question.actions?.map(parseAction) ?? null;
  const context = buildContext(question.context ?? {});
  const { detail = "REASONS", asStranger = false } = question;
  const { sessionPolicy, text } = readSessionPolicy(question.sessionPolicy, principal);
  return {
    principal,
    resource,
    actions: namedActions ?? permissionActions(resource),
    context,
    statedInstant: statedInstant(context),
    sessionPolicy,
    detail,
    asStranger,
    canonical: canonicalText([
      ...[principal.kind, principal.arnKey, resource, namedActions, context, text, detail],
      asStranger ? "stranger" : null,
    ]),
    scopes: asStranger ? [...new Set(principalScopes(principal))] : scopesOf(principal, resource),
    follows: storedKeyOf(principal),
  };
}

/** A group never sends a request; what it gives shows in the decisions about its members. */
export function parseRequester(arn: string): PrincipalName {
  const principal = parsePrincipalArn(arn);
  if (principal.kind !== "GROUP") return principal;
  throw new InvalidInputError(`\`${principal.arn}\` is a group, which makes no requests: ask about one of its members`);
}

/** The instant that the caller states; null: the moment of the evaluation. Milliseconds since the epoch. */
export function statedInstant(context: RequestContext): number | null {
  const instant = requestInstant(context, Number.NaN);
  return Number.isNaN(instant) ? null : instant;
}

interface SessionPolicy extends Pick<PreparedQuestion, "sessionPolicy"> {
  /** What it was compiled from. */
  readonly text: string | null;
}

/** Only roles and their sessions can carry a session policy (C13). */
function readSessionPolicy(input: unknown, principal: PrincipalName): SessionPolicy {
  if (input === undefined || input === null) return { sessionPolicy: null, text: null };
  if (principal.kind !== "ROLE" && principal.kind !== "ROLE_SESSION") {
    throw new InvalidInputError("a session policy applies to roles and role sessions only", "/sessionPolicy");
  }
  const parsed = parseDocument(input, "identity");
  if (!parsed.ok) throw new MalformedSessionPolicyError(parsed.problems);
  return { sessionPolicy: compilePolicy(parsed.document), text: JSON.stringify(parsed.source) };
}

function describeProblem({ message, pointer, line, column }: DocumentProblem): string {
  const place = line === undefined ? "" : ` (line ${line}, column ${column})`;
  return `${pointer === "" ? "" : `\`${pointer}\`: `}${message}${place}`;
}
