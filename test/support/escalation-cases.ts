import { parseArn } from "../../src/domain/arn.js";
import type { Escalation as Found, Grant } from "../../src/domain/escalation/grant.js";
import { actionsOfType } from "../../src/domain/kms/actions.js";
import { kmsResourceType } from "../../src/domain/resource.js";
import { EvaluatorWorld } from "./compare-evaluators.js";
import type { CaseMaker } from "./random-cases.js";
import {
  type ReferenceAttachment,
  type ReferenceQuestion,
  type ReferenceResource,
  referenceAnswer,
} from "./reference-evaluator.js";

interface Escalation {
  readonly action: string;
  readonly resource: string;
  readonly at: number;
}
type Find = (grant: Grant) => Found | null;
type Rights = Pick<ReferenceQuestion, "precedence"> & {
  readonly principal: string;
  readonly attachments: readonly ReferenceAttachment[];
};

/** Somebody changes what somebody has. */
export interface EscalationCase {
  readonly grantor: Rights;
  readonly before: Rights;
  readonly after: Rights;
  /** Null: the receiver has what it has. Else it is a policy, and this is what one of its holders has beside it. */
  readonly beside: readonly ReferenceAttachment[] | null;
  readonly resources: readonly ReferenceResource[];
}

const ACCOUNT = "1234567890123456";
const NOW = Date.parse("2026-06-01T12:00:00Z");
/** Windows of the cases begin and end near these. */
const INSTANTS = [0, 1, 2, 1_001].map((after) => NOW + after);
const GRANTOR = `acs:ram::${ACCOUNT}:user/bob`;
const RECEIVER = `acs:ram::${ACCOUNT}:user/ann`;

/** Makes a case; the same seed gives the same cases. */
export function escalationCase(make: CaseMaker): EscalationCase {
  const precedence = make.pick(["staged", "deny-overrides"] as const);
  const rights = (principal: string, attachments: readonly ReferenceAttachment[]): Rights => ({
    principal,
    precedence,
    attachments: attachments.map((attachment) => ({ ...attachment, attachedTo: principal })),
  });
  const [had, more] = [attachmentsOf(make), attachmentsOf(make)];
  const given = more.slice(0, 1).map((attachment) => ({ ...attachment, policy: "Given" }));
  const kind = make.pick(["attach", "detach", "publish"] as const);
  const version = given.map((attachment) => ({ ...attachment, policy: "Given, v2", document: make.document() }));
  const [before, after] = {
    attach: [had, [...had, ...given]],
    detach: [[...had, ...given], had],
    publish: [given, version],
  }[kind];
  const mighty = make.chance(0.5) ? broaden(make, make.chance(0.5) ? [] : attachmentsOf(make)) : attachmentsOf(make);
  return {
    grantor: rights(GRANTOR, mighty),
    before: rights(RECEIVER, before ?? []),
    after: rights(RECEIVER, after ?? []),
    beside: kind === "publish" ? had : null,
    resources: resourcesOf(make),
  };
}

function attachmentsOf(make: CaseMaker): readonly ReferenceAttachment[] {
  return make.world().attachments.slice(0, 3);
}

/** Who gives rights has many, as a rule: else every case is an escalation. */
function broaden(make: CaseMaker, attachments: readonly ReferenceAttachment[]): ReferenceAttachment[] {
  const Resource = make.pick(["*", "acs:*:*:*:*"]);
  const document = { Version: "1", Statement: [{ Effect: "Allow", Action: ["*"], Resource }] };
  const broad = { policy: "Broad", attachedTo: GRANTOR, document, notBefore: null };
  const group = make.chance(0.1) ? "rg-1" : null;
  return [...attachments, { ...broad, group, expiresAt: make.chance(0.1) ? NOW + 2 : null }];
}

/** What is registered in the account: keys and secrets. */
function resourcesOf(make: CaseMaker): readonly ReferenceResource[] {
  const found = Array.from({ length: 12 }, () => make.world().questions[0]?.resource).filter(
    (resource): resource is ReferenceResource =>
      resource !== undefined && new RegExp(`^acs:kms:[a-z-]+:${ACCOUNT}:(key|secret)/`).test(resource.arn),
  );
  const registered = found.map((resource) => ({ ...resource, registered: true }));
  return [...new Map(registered.map((resource) => [resource.arn, resource])).values()].slice(0, 3);
}

/** What the search says of a case. */
export function search(find: Find, { grantor, before, after, beside }: EscalationCase): Found | null {
  const facts = (rights: Rights) => new EvaluatorWorld(rights).principal;
  return find({
    grantor: facts(grantor),
    receivers: [{ before: facts(before), after: facts(after), shared: beside !== null }],
    roles: [],
    now: NOW,
    scopePrecedence: before.precedence,
  });
}

/** Tries everything at every instant with the naive evaluator. */
export function bruteForce(each: EscalationCase): Escalation | null {
  const { grantor, before, after, beside, resources } = each;
  const holders =
    beside === null
      ? [{ principal: RECEIVER, has: [] }]
      : HOLDERS.flatMap((principal) => [[], beside].map((has) => ({ principal, has })));
  for (const at of instantsOf(each)) {
    for (const resource of resources) {
      for (const action of actionsOf(each, resource)) {
        const gains = holders.some((holder) => isGain(held(before, holder), held(after, holder), resource, action, at));
        if (gains && outcome(grantor, resource, action, at) !== "ALLOW") return { action, resource: resource.arn, at };
      }
    }
  }
  return null;
}

/** Some of those who may have a policy. */
const HOLDERS = [RECEIVER, GRANTOR, `acs:ram::${ACCOUNT}:role/Deploy`];

interface Holder {
  readonly principal: string;
  readonly has: readonly ReferenceAttachment[];
}

function held(rights: Rights, { principal, has }: Holder): Rights {
  const others = has.map((each, index) => ({ ...each, policy: `Beside${index}` }));
  return { ...rights, principal, attachments: [...rights.attachments, ...others] };
}

function instantsOf(each: EscalationCase): readonly number[] {
  return /CurrentTime|"(notBefore|expiresAt)":\d/i.test(JSON.stringify(each)) ? INSTANTS : [NOW];
}

/** Those that apply, one of each kind: what no text of the case tells apart comes out the same. */
function actionsOf(each: EscalationCase, { arn }: ReferenceResource): readonly string[] {
  const type = kmsResourceType(parseArn(arn));
  const texts = JSON.stringify(each).match(/"[^"]*"/g) ?? [];
  const patterns = [...new Set(texts)].map((text) => toExpression(text.slice(1, -1)));
  const kinds = new Map((type === null ? [] : actionsOfType(type)).map((action) => [kindOf(action, patterns), action]));
  return [...kinds.values()];
}

function kindOf(action: string, patterns: readonly RegExp[]): string {
  return patterns.map((pattern) => Number(pattern.test(action))).join("");
}

const EXPRESSIONS = new Map<string, RegExp>();

function toExpression(pattern: string): RegExp {
  const known = EXPRESSIONS.get(pattern);
  if (known !== undefined) return known;
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  const expression = new RegExp(`^${source}$`, "i");
  EXPRESSIONS.set(pattern, expression);
  return expression;
}

/** Whether a policy is given that may hold anything, by somebody who is not allowed everything. */
export function givesUnknown({ grantor, before, after }: EscalationCase): boolean {
  const isUnknown = ({ document }: ReferenceAttachment) => document === null;
  const statements = grantor.attachments.flatMap(({ document }) => document?.Statement ?? []);
  const mighty = statements.some(({ Effect, Resource }) => Effect === "Allow" && Resource === "*");
  return !mighty && after.attachments.filter(isUnknown).length > before.attachments.filter(isUnknown).length;
}

const RANK = { EXPLICIT_DENY: 0, IMPLICIT_DENY: 1, CONDITIONAL: 2, ALLOW: 3 } as const;

function isGain(before: Rights, after: Rights, resource: ReferenceResource, action: string, at: number): boolean {
  const then = RANK[outcome(after, resource, action, at)];
  return then >= RANK.CONDITIONAL && then > RANK[outcome(before, resource, action, at)];
}

function outcome(rights: Rights, resource: ReferenceResource, action: string, now: number) {
  const question = { resource, actions: [action], context: {}, now, session: null, precedence: rights.precedence };
  return referenceAnswer({ ...rights, questions: [question] }, question, action).outcome;
}
