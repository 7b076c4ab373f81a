import type { PrincipalFacts, ResourceFacts } from "../evaluation/access-request.js";
import { decideActions } from "../evaluation/decide.js";
import { type CompiledPolicy, compilePolicy } from "../policy/compile-policy.js";
import type { Statement } from "../policy/document.js";
import type { Grant } from "./grant.js";

/** False for roles that services or identity providers assume, and nobody else. */
export function trustsIdentities({ document }: CompiledPolicy): boolean {
  return document.statements.some(({ effect, principal }) => effect === "Allow" && (principal?.ram.length ?? 0) > 0);
}

type Asking = Pick<Grant, "grantor" | "roles" | "now" | "scopePrecedence">;

/**
 * A role that trusts somebody under another name who was not trusted before, where the grantor may not assume it itself.
 * Who is trusted may still need a policy; he may have it already.
 */
export function findNewlyTrusting(before: PrincipalFacts, after: PrincipalFacts, asking: Asking): ResourceFacts | null {
  const trusted = (facts: PrincipalFacts, role: ResourceFacts) =>
    mayAssume({ ...facts, issued: [], attachments: [EVERYTHING] }, role, asking);
  const isNew = (role: ResourceFacts) => trusted(after, role) !== "NO" && trusted(before, role) !== "YES";
  return asking.roles.find((role) => isNew(role) && mayAssume(asking.grantor, role, asking) !== "YES") ?? null;
}

/** `PERHAPS`: it depends on what the gateway does not know. */
function mayAssume(principal: PrincipalFacts, resource: ResourceFacts, { now, scopePrecedence }: Asking) {
  const question = { principal, resource, context: new Map(), now, sessionPolicy: null };
  const [verdict] = decideActions(question, ["sts:AssumeRole"], { scopePrecedence, detail: "OUTCOME" });
  if (verdict?.outcome === "ALLOW") return "YES";
  return verdict?.outcome === "CONDITIONAL" ? "PERHAPS" : "NO";
}

const ANY = { negated: false, patterns: ["*"] };
const EVERYTHING = {
  policy: {
    reference: { id: "", arn: "", name: "", type: "SYSTEM" as const },
    version: null,
    compiled: compilePolicy({
      version: "1",
      statements: [{ effect: "Allow", actions: ANY, resources: ANY, principal: null, conditions: [], sid: null }],
    }),
  },
  ...{ attachedTo: "", scope: { kind: "ACCOUNT" as const }, notBefore: null, expiresAt: null },
};

/** Whether a trust policy trusts nobody whom the one before did not. Sound, not complete: by the text of statements. */
export function isNarrower(after: CompiledPolicy | null, before: CompiledPolicy | null): boolean {
  if (after === null || before === null) return false;
  const [now, then] = [after.document.statements, before.document.statements];
  const kept = new Set(now.map((statement) => JSON.stringify(statement)));
  const denies = then.filter(({ effect }) => effect === "Deny");
  const allows = then.filter(({ effect }) => effect === "Allow");
  return (
    denies.every((statement) => kept.has(JSON.stringify(statement))) &&
    now.every((statement) => statement.effect === "Deny" || allows.some((wide) => isWithin(statement, wide)))
  );
}

function isWithin(narrow: Statement, wide: Statement): boolean {
  const rest = (statement: Statement) => JSON.stringify({ ...statement, principal: null, sid: null });
  if (rest(narrow) !== rest(wide)) return false;
  return (["ram", "service", "federated"] as const).every((kind) =>
    narrow.principal?.[kind].every((name) => wide.principal?.[kind].includes(name)),
  );
}
