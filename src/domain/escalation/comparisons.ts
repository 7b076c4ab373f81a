import type { AttachedPolicy, PrincipalFacts } from "../evaluation/access-request.js";
import type { AttachmentScope } from "../evaluation/decision.js";
import { type CompiledPolicy, compilePolicy } from "../policy/compile-policy.js";
import type { Statement } from "../policy/document.js";
import { foldCase } from "../wildcard.js";
import type { Receiver } from "./grant.js";

/** Rights of before and of after. */
export interface Comparison {
  readonly before: PrincipalFacts;
  readonly after: PrincipalFacts;
}

export interface Comparisons {
  /** Equal for receivers to whom the same is given and taken, whoever they are; null where that matters. */
  readonly key: string | null;
  /**
   * Of what the change has added and taken away alone: whatever anybody comes to have by it shows in one of them, but it
   * may be that he had it before.
   */
  readonly changed: readonly Comparison[];
  /** Of all that the receiver has; null where its holders have more. */
  readonly exact: Comparison | null;
}

/** What has to be compared to see what a receiver gains. */
export function comparisonsOf(receiver: Receiver): Comparisons {
  const { before, after, shared } = receiver;
  if (before.arn !== after.arn) return { key: null, changed: [{ before, after }], exact: { before, after } }; // by its name it may have other rights
  const [taken, added] = [without(before.attachments, after), without(after.attachments, before)];
  const shape = { ...after, issued: [] };
  const read = shared ? forAnybody : asItIs;
  const granted = {
    before: { ...shape, attachments: read(taken, "least") },
    after: { ...shape, attachments: read(added, "most") },
  };
  const released = scopesOf([...taken, ...added]).map((scope) =>
    beside(scope, shape, read(taken, "harshest"), read(added, "most")),
  );
  const denies = taken.some(
    ({ policy }) => policy.compiled?.statements.some(({ effect }) => effect === "Deny") ?? true,
  );
  return {
    key: sameForAll([...taken, ...added]) ? JSON.stringify([taken.map(givenBy), added.map(givenBy)]) : null,
    changed: [granted, ...(denies ? released : [])],
    exact: shared ? null : { before, after },
  };
}

function sameForAll(attachments: readonly AttachedPolicy[]): boolean {
  return !attachments.some(({ policy }) => policy.compiled?.document.statements.some(readsPrincipal));
}

/** Those that `other` has not. */
function without(attachments: readonly AttachedPolicy[], other: PrincipalFacts): AttachedPolicy[] {
  const known = new Set(other.attachments.map(keyOf));
  return attachments.filter((attachment) => !known.has(keyOf(attachment)));
}

function keyOf(attachment: AttachedPolicy): string {
  return JSON.stringify([attachment.attachedTo, ...givenBy(attachment)]);
}

function givenBy({ policy, scope, notBefore, expiresAt }: AttachedPolicy) {
  return [policy.reference.id, policy.version, scopeKey(scope), notBefore, expiresAt];
}

/** A Deny that is gone gives what something else allows. So that it shows, everything is allowed beside it. */
function beside(
  scope: AttachmentScope,
  shape: PrincipalFacts,
  taken: readonly AttachedPolicy[],
  added: readonly AttachedPolicy[],
): Comparison {
  const everything = { policy: EVERYTHING, attachedTo: shape.arn, scope, notBefore: null, expiresAt: null };
  const inScope = (attachment: AttachedPolicy) => scopeKey(attachment.scope) === scopeKey(scope);
  const facts = (attachments: readonly AttachedPolicy[]) => ({
    ...shape,
    attachments: [everything, ...attachments.filter(inScope)],
  });
  return { before: facts(taken), after: facts(added) };
}

const EVERYTHING = {
  reference: { id: "everything", arn: "acs:ram::system:policy/everything", name: "everything", type: "SYSTEM" },
  version: "v1",
  compiled: compilePolicy({
    version: "1",
    statements: [
      {
        effect: "Allow",
        actions: { negated: false, patterns: ["*"] },
        resources: { negated: false, patterns: ["*"] },
        principal: null,
        conditions: [],
        sid: null,
      },
    ],
  }),
} as const;

function scopesOf(attachments: readonly AttachedPolicy[]): AttachmentScope[] {
  return [...new Map(attachments.map(({ scope }) => [scopeKey(scope), scope])).values()];
}

function scopeKey(scope: AttachmentScope): string {
  return scope.kind === "ACCOUNT" ? "" : scope.resourceGroup;
}

/**
 * How to read what depends on who asks, where nobody in particular asks: so that it allows as much as it can, as little,
 * or denies as much as it can.
 */
type Reading = "most" | "least" | "harshest";

function asItIs(attachments: readonly AttachedPolicy[]): readonly AttachedPolicy[] {
  return attachments;
}

function forAnybody(attachments: readonly AttachedPolicy[], reading: Reading): readonly AttachedPolicy[] {
  return attachments.map((attachment) => {
    const { compiled } = attachment.policy;
    return { ...attachment, policy: { ...attachment.policy, compiled: compiled && forAnyone(compiled, reading) } };
  });
}

function forAnyone(policy: CompiledPolicy, reading: Reading): CompiledPolicy {
  if (!policy.document.statements.some(readsPrincipal)) return policy;
  const statements = policy.document.statements.flatMap((statement) => {
    if (!readsPrincipal(statement)) return [statement];
    const kept = statement.effect === (reading === "most" ? "Allow" : reading === "harshest" ? "Deny" : null);
    return kept ? [{ ...statement, conditions: statement.conditions.filter((each) => !isAboutPrincipal(each)) }] : [];
  });
  return compilePolicy({ ...policy.document, statements });
}

function readsPrincipal({ conditions }: Statement): boolean {
  return conditions.some(isAboutPrincipal);
}

function isAboutPrincipal({ key }: { readonly key: string }): boolean {
  return foldCase(key) === "acs:principalarn";
}
