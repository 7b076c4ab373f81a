import { excerpt, parseArn } from "../arn.js";
import { parseKmsResource, type ResourceType } from "../resource.js";
import type { PrincipalFacts } from "./access-request.js";
import type { Decision, MatchedStatement } from "./decision.js";

/** A decision that lacks its sentence. */
export type UnexplainedDecision = Omit<Decision, "reason">;

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
export function explain(decision: UnexplainedDecision, principal: PrincipalFacts): string {
  switch (decision.outcome) {
    case "ALLOW":
      return explainAllow(decision, principal);
    case "EXPLICIT_DENY":
      return explainDeny(decision);
    case "CONDITIONAL":
      return explainConditional(decision);
    case "IMPLICIT_DENY":
      return explainSilence(decision, principal);
  }
}

function explainAllow(decision: UnexplainedDecision, principal: PrincipalFacts): string {
  if (decision.decidedBy === "NO_AUTHORIZATION_REQUIRED") return `\`${decision.action}\` needs no authorization.`;
  const trusted = decision.decidedBy === "ROLE_TRUST" ? ", and the trust policy of the role agrees" : "";
  if (principal.kind === "ACCOUNT_OWNER") {
    return `The account owner has full access to the resources of its own account${trusted}.`;
  }
  const statement = findStatement(decision, "Allow", "IDENTITY_POLICY");
  const path = statement === undefined ? "the policies in force" : describeStatement(statement);
  return `Allowed by ${path}${trusted}.`;
}

function explainDeny(decision: UnexplainedDecision): string {
  const statement = findStatement(decision, "Deny");
  return `Denied by ${statement === undefined ? "the policies in force" : describeStatement(statement)}.`;
}

function explainConditional(decision: UnexplainedDecision): string {
  const statement = decision.matchedStatements.find(({ residual }) => residual);
  const path = statement === undefined ? "a policy" : describeStatement(statement);
  if (decision.missingContextKeys.length === 0) return `Depends on ${path}.`;
  const keys = decision.missingContextKeys.map((key) => `\`${key}\``).join(", ");
  const verb = statement?.effect === "Deny" ? "denied" : "allowed";
  return `Depends on ${keys}, which the request does not state: it may be ${verb} by ${path}.`;
}

function explainSilence(decision: UnexplainedDecision, principal: PrincipalFacts): string {
  const what = `\`${decision.action}\` on ${resourceWords(decision.resource)}`;
  if (decision.decidedBy === "SESSION_POLICY") return `The session policy does not allow ${what}.`;
  if (decision.decidedBy === "ROLE_TRUST") return "The trust policy of the role does not let this principal assume it.";
  if (decision.decidedBy === "CROSS_ACCOUNT") {
    return "The resource belongs to another account, and no known policy of that account allows the access.";
  }
  return `No statement of the policies of ${describePrincipal(principal.arn)} allows ${what}.`;
}

/** A statement that applies for certain, if there is one. */
function findStatement(
  decision: UnexplainedDecision,
  effect: "Allow" | "Deny",
  source?: MatchedStatement["source"],
): MatchedStatement | undefined {
  const candidates = decision.matchedStatements.filter(
    (statement) => statement.effect === effect && (source === undefined || statement.source === source),
  );
  return candidates.find(({ residual }) => !residual) ?? candidates[0];
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

/** Reads no more than it must: an import may bring names that no question could ask about. */
function describePrincipal(arn: string): string {
  const [type = "", name = "", session = ""] = arn.split(":").slice(4).join(":").split("/");
  if (type === "root") return "the account owner";
  if (type === "assumed-role") return `session \`${session}\` of role \`${name}\``;
  return `${type} \`${excerpt(name)}\``;
}

function resourceWords(arn: string): string {
  return RESOURCE_WORDS[parseKmsResource(parseArn(arn))?.type ?? "OTHER"];
}
