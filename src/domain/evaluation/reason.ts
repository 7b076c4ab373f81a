import { excerpt } from "../arn.js";
import type { PrincipalKind } from "../principal.js";
import type { ResourceType } from "../resource.js";
import type { PrincipalFacts } from "./access-request.js";
import type { Decision, MatchedStatement, Verdict } from "./decision.js";
import type { Evaluation } from "./evaluation.js";

/** What the sentence is made of. */
export interface Explained extends Pick<Decision, "matchedStatements" | "missingContextKeys"> {
  readonly verdict: Verdict;
}

const RESOURCE_WORDS: Readonly<Record<ResourceType, string>> = {
  KEY: "this key",
  KEY_CONTAINER: "the keys of this region",
  SECRET: "this secret",
  SECRET_CONTAINER: "the secrets of this region",
  ALIAS: "this alias",
  ALIAS_CONTAINER: "the aliases of this region",
  CERTIFICATE: "this certificate",
  CERTIFICATE_CONTAINER: "the certificates of this region",
  NONE: "all resources (`*`)",
  OTHER: "this resource",
};

/** One plain sentence that says why (what a portal shows). */
export function explain(explained: Explained, { question, resource, policies }: Evaluation): string {
  if (policies.ended) return "The session has expired or was revoked.";
  switch (explained.verdict.outcome) {
    case "ALLOW":
      return explainAllow(explained, question.principal.kind);
    case "EXPLICIT_DENY":
      return explainDeny(explained);
    case "CONDITIONAL":
      return explainConditional(explained);
    case "IMPLICIT_DENY":
      return explainSilence(explained.verdict, RESOURCE_WORDS[resource.type ?? "OTHER"], question.principal);
  }
}

function explainAllow(explained: Explained, kind: PrincipalKind): string {
  const { decidedBy, action } = explained.verdict;
  if (decidedBy === "NO_AUTHORIZATION_REQUIRED") return `\`${action}\` needs no authorization.`;
  const trusted = decidedBy === "ROLE_TRUST" ? ", and the trust policy of the role agrees" : "";
  if (kind === "ACCOUNT_OWNER") {
    return `The account owner has full access to the resources of its own account${trusted}.`;
  }
  const statement = findStatement(explained, "Allow", "IDENTITY_POLICY");
  const path = statement === undefined ? "the policies in force" : pathOf(statement);
  return `Allowed by ${path}${trusted}.`;
}

function explainDeny(decision: Explained): string {
  const statement = findStatement(decision, "Deny");
  return `Denied by ${statement === undefined ? "the policies in force" : pathOf(statement)}.`;
}

function explainConditional(decision: Explained): string {
  const statement = decision.matchedStatements.find(({ residual }) => residual);
  const path = statement === undefined ? "a policy" : pathOf(statement);
  if (decision.missingContextKeys.length === 0) return `Depends on ${path}.`;
  const keys = decision.missingContextKeys.map((key) => `\`${key}\``).join(", ");
  const verb = statement?.effect === "Deny" ? "denied" : "allowed";
  return `Depends on ${keys}, which the request does not state: it may be ${verb} by ${path}.`;
}

function explainSilence(decision: Verdict, resource: string, principal: PrincipalFacts): string {
  const what = `\`${decision.action}\` on ${resource}`;
  if (decision.decidedBy === "SESSION_POLICY") return `The session policy does not allow ${what}.`;
  if (decision.decidedBy === "ROLE_TRUST") return "The trust policy of the role does not let this principal assume it.";
  if (decision.decidedBy === "CROSS_ACCOUNT") {
    return "The resource belongs to another account, and no known policy of that account allows the access.";
  }
  return `No statement of the policies of ${askerOf(principal)} allows ${what}.`;
}

/** One that applies for certain, if there is one. */
function findStatement(
  decision: Explained,
  effect: "Allow" | "Deny",
  source?: MatchedStatement["source"],
): MatchedStatement | undefined {
  let open: MatchedStatement | undefined;
  for (const statement of decision.matchedStatements) {
    if (statement.effect !== effect || (source !== undefined && statement.source !== source)) continue;
    if (!statement.residual) return statement;
    open ??= statement;
  }
  return open;
}

const PATHS = new WeakMap<MatchedStatement, string>();

/** The same statement is described again and again. */
function pathOf(statement: MatchedStatement): string {
  const known = PATHS.get(statement);
  if (known !== undefined) return known;
  const path = describeStatement(statement);
  PATHS.set(statement, path);
  return path;
}

function describeStatement({ source, index, policy, version, attachedTo, scope }: MatchedStatement): string {
  if (source === "SESSION_POLICY") return `statement ${index} of the session policy`;
  if (source === "TRUST_POLICY") return `statement ${index} of the trust policy of the role`;
  const target = attachedTo === null ? "" : `, attached to ${describePrincipal(attachedTo)}`;
  const where = scope?.kind === "RESOURCE_GROUP" ? ` in resource group \`${scope.resourceGroup}\`` : "";
  const name = `${policy?.type === "SYSTEM" ? "system policy" : "policy"} \`${policy?.name ?? ""}\``;
  if (version === null) return `${name}${target}${where}, whose document is not known`;
  return `statement ${index} of ${name} (${version})${target}${where}`;
}

const ASKERS = new WeakMap<PrincipalFacts, string>();

/** So does the same principal ask again and again. */
function askerOf(principal: PrincipalFacts): string {
  const known = ASKERS.get(principal);
  if (known !== undefined) return known;
  const asker = describePrincipal(principal.arn);
  ASKERS.set(principal, asker);
  return asker;
}

/** Reads no more than it must: an import may bring names that no question could ask about. */
function describePrincipal(arn: string): string {
  const [type = "", name = "", session = ""] = arn.split(":").slice(4).join(":").split("/");
  if (type === "root") return "the account owner";
  if (type === "assumed-role") return `session \`${session}\` of role \`${name}\``;
  return `${type} \`${excerpt(name)}\``;
}
