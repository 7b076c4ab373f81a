import type { PrincipalFacts, ResourceFacts } from "../evaluation/access-request.js";
import { decideActions } from "../evaluation/decide.js";
import type { Verdict } from "../evaluation/decision.js";
import { type CompiledPolicy, compilePolicy } from "../policy/compile-policy.js";
import type { Statement } from "../policy/document.js";
import { ASSUME_ROLE } from "../ram-actions.js";
import type { Grant } from "./grant.js";

/** False for roles that services or identity providers assume, and nobody else. */
export function trustsIdentities({ document }: CompiledPolicy): boolean {
  return document.statements.some(({ effect, principal }) => effect === "Allow" && (principal?.ram.length ?? 0) > 0);
}

/** Of the request the gateway knows only the time. */
export function decideAssumption(
  principal: PrincipalFacts,
  resource: ResourceFacts,
  { now, scopePrecedence }: Pick<Grant, "now" | "scopePrecedence">,
): Verdict {
  const question = { principal, resource, context: new Map(), now, sessionPolicy: null };
  const [verdict] = decideActions(question, [ASSUME_ROLE], { scopePrecedence, detail: "OUTCOME" });
  if (verdict === undefined) throw new Error("one action gives one decision");
  return verdict;
}

type Asking = Pick<Grant, "grantor" | "roles" | "now" | "scopePrecedence">;

/**
 * A role that trusts somebody under another name who was not trusted before, where the grantor may not assume it itself.
 * Who is trusted may still need a policy; he may have it already.
 */
export function findNewlyTrusting(before: PrincipalFacts, after: PrincipalFacts, asking: Asking): ResourceFacts | null {
  const trusted = (facts: PrincipalFacts, role: ResourceFacts) =>
    decideAssumption({ ...facts, issued: [], attachments: [EVERYTHING] }, role, asking).outcome;
  const isNew = (role: ResourceFacts) =>
    ["ALLOW", "CONDITIONAL"].includes(trusted(after, role)) && trusted(before, role) !== "ALLOW";
  const isOwn = (role: ResourceFacts) => decideAssumption(asking.grantor, role, asking).outcome === "ALLOW";
  return asking.roles.find((role) => isNew(role) && !isOwn(role)) ?? null;
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
