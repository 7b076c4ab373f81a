import { END_OF_TIME, findEscalation } from "../domain/escalation/find-escalation.js";
import type { Escalation, Grant, Receiver } from "../domain/escalation/grant.js";
import { findNewlyTrusting, isNarrower } from "../domain/escalation/trust.js";
import { type Witness, witnessOf } from "../domain/escalation/witness.js";
import type { AttachedPolicy, PrincipalFacts } from "../domain/evaluation/access-request.js";
import type { CompiledPolicy } from "../domain/policy/compile-policy.js";
import { loadInTransaction } from "../store/evaluation-input.js";
import type { Transaction } from "../store/prisma-client.js";
import type { Administration } from "./administration.js";
import type { Grantor } from "./authorise-change.js";
import { compile, loadAndHold } from "./load-and-hold.js";
import type { CustomPolicyName, EntityName } from "./look-up.js";
import type { Permission } from "./permissions.js";
import { Refusal, userError } from "./user-error.js";

/** Whose rights a change touches. */
export type Gift =
  /** Users, groups and roles that come to have other policies or other groups. */
  | { readonly to: "PRINCIPALS"; readonly principals: readonly EntityName[] }
  /** A user that comes to have another name, which policies and roles may be about. */
  | { readonly to: "RENAMED"; readonly from: EntityName; readonly name: EntityName }
  /** Everybody who has the policy. */
  | { readonly to: "HOLDERS"; readonly policy: CustomPolicyName }
  /** Whoever may assume the role from now on: all that the role has. */
  | { readonly to: "ASSUMERS"; readonly role: EntityName };

/** What lets a principal give more than it has. */
export function beyondSelf(gift: Gift): Permission[] {
  return namesOf(gift).map((resource) => ({ action: "ramgate:GrantBeyondSelf", resource }));
}

function namesOf(gift: Gift): string[] {
  switch (gift.to) {
    case "PRINCIPALS":
      return gift.principals.map(({ arn }) => arn);
    case "RENAMED":
      return [gift.name.arn];
    case "HOLDERS":
      return [gift.policy.arn];
    case "ASSUMERS":
      return [gift.role.arn];
  }
}

/** Looks at the rights of before; what it gives looks at those of after, and refuses the change if they are too many. */
export type RefuseEscalation = (administration: Administration) => Promise<void>;

/**
 * Prepares to refuse a change that gives somebody something that its maker does not have itself.
 *
 * @returns what is to run after the change, in the same transaction; it throws a Refusal WOULD_ESCALATE. Null where the
 *   maker may give more than it has
 */
export async function watchGift(tx: Transaction, gift: Gift, grantor: Grantor): Promise<RefuseEscalation | null> {
  if (beyondSelf(gift).every((permission) => grantor.may(permission))) return null;
  const before = await rightsBefore(tx, gift);
  const trusted = gift.to === "ASSUMERS" ? await trustOf(tx, gift.role) : null;
  return async ({ scopePrecedence = "staged" }) => {
    if (gift.to === "ASSUMERS" && isNarrower(await trustOf(tx, gift.role), trusted)) return;
    const { now } = grantor;
    const facts = lasting(grantor.facts, now);
    const roles = await rolesOf(tx, facts.account);
    const receivers = pair(gift, before, await rightsAfter(tx, gift));
    const grant = { grantor: facts, receivers, roles, now, scopePrecedence };
    if (gift.to === "RENAMED") refuseTrustedName(grant);
    const found = findEscalation(grant);
    if (found === null) return;
    const witness = witnessOf(found, { facts, now, scopePrecedence }, await someRegistered(tx, facts.account));
    refuseWith(describe(found, witness, facts.arn), witness);
  };
}

function refuseWith(message: string, witness: Witness): never {
  const remedy = "that needs `ramgate:GrantBeyondSelf`";
  throw new Refusal([{ ...userError("WOULD_ESCALATE", `${message}: ${remedy}`), witness }]);
}

/** A role may trust whoever has the new name, or deny only the old one. */
function refuseTrustedName(grant: Grant): void {
  for (const { before, after } of grant.receivers) {
    const role = findNewlyTrusting(before, after, grant);
    if (role === null) continue;
    const witness = { action: "sts:AssumeRole", resource: role.arn };
    refuseWith(`the role \`${role.arn}\` would trust \`${after.arn}\`, and not \`${grant.grantor.arn}\``, witness);
  }
}

async function trustOf(tx: Transaction, { arnKey }: EntityName): Promise<CompiledPolicy | null> {
  const row = await tx.principal.findUnique({ where: { arnKey }, select: { trustPolicy: true } });
  return row?.trustPolicy ? compile(row.trustPolicy, "trust") : null;
}

function describe({ kind }: Escalation, { action, resource }: Witness, arn: string): string {
  if (kind === "UNKNOWN_POLICY") return "it would give a policy whose document is not known, and so may allow anything";
  if (kind === "TOO_LARGE") return `there are too many statements to compare with those of \`${arn}\``;
  return `it would give \`${action}\` on \`${resource}\`, and no statement gives \`${arn}\` as much`;
}

/** A session that gives rights away has those of its role, which do not end when it does. */
function lasting(facts: PrincipalFacts, now: number): PrincipalFacts {
  const issued = facts.issued.filter(({ issuedAt, expiresAt }) => issuedAt <= now && now < expiresAt);
  return { ...facts, issued: issued.map((session) => ({ ...session, issuedAt: 0, expiresAt: END_OF_TIME })) };
}

/** Of each receiver; null: it does not exist. */
type Rights = readonly (PrincipalFacts | null)[];

function pair({ to }: Gift, before: Rights, after: Rights): Receiver[] {
  return after.flatMap((facts, place) => {
    if (facts === null) return [];
    const had = to === "ASSUMERS" ? null : before[place];
    return [{ before: had ?? nothing(facts), after: facts, shared: to === "HOLDERS" || facts.kind === "GROUP" }];
  });
}

function nothing(facts: PrincipalFacts): PrincipalFacts {
  return { ...facts, attachments: [], issued: [] };
}

function rightsBefore(tx: Transaction, gift: Gift): Promise<Rights> {
  return gift.to === "RENAMED" ? rightsOf(tx, [gift.from]) : rightsAfter(tx, gift);
}

function rightsAfter(tx: Transaction, gift: Gift): Promise<Rights> {
  switch (gift.to) {
    case "PRINCIPALS":
      return rightsOf(tx, gift.principals);
    case "RENAMED":
      return rightsOf(tx, [gift.name]);
    case "HOLDERS":
      return rightsByPolicy(tx, gift.policy);
    case "ASSUMERS":
      return rightsOf(tx, [gift.role]);
  }
}

async function rightsOf(tx: Transaction, principals: readonly EntityName[]): Promise<Rights> {
  const input = await loadAndHold(tx, principals, []); // their policies must not change while they are given
  return principals.map((name) => input.principal(name));
}

/** What the policy gives its holders, in each scope and time in which it is attached. */
async function rightsByPolicy(tx: Transaction, { account, nameKey, arn }: CustomPolicyName): Promise<Rights> {
  const policy = await tx.policy.findFirst({
    where: { accountId: account, type: "CUSTOM", nameKey },
    select: {
      id: true,
      name: true,
      versions: { where: { isDefault: true }, select: { number: true, document: true } },
    },
  });
  if (policy === null) return [null];
  const attachments = await tx.attachment.findMany({
    where: { policyId: policy.id },
    select: { resourceGroupId: true, notBefore: true, expiresAt: true },
    distinct: ["resourceGroupId", "notBefore", "expiresAt"],
  });
  const [version] = policy.versions;
  const inForce = {
    reference: { id: policy.id, arn, name: policy.name, type: "CUSTOM" as const },
    version: version === undefined ? null : `v${version.number}`,
    compiled: version === undefined ? null : compile(version.document, "identity"),
  };
  const holder = `acs:ram::${account}:user/holder`;
  const attached = attachments.map(
    (attachment): AttachedPolicy => ({
      policy: inForce,
      attachedTo: holder,
      scope:
        attachment.resourceGroupId === null
          ? { kind: "ACCOUNT" }
          : { kind: "RESOURCE_GROUP", resourceGroup: attachment.resourceGroupId },
      notBefore: attachment.notBefore?.getTime() ?? null,
      expiresAt: attachment.expiresAt?.getTime() ?? null,
    }),
  );
  return [{ kind: "USER", arn: holder, account, attachments: attached, issued: [] }];
}

/** The roles of the account, with their trust policies. */
async function rolesOf(tx: Transaction, accountId: string) {
  const rows = await tx.principal.findMany({ where: { accountId, kind: "ROLE" }, select: { arn: true } });
  return factsOf(tx, rows);
}

/** Most registered things among which a witness is looked for. */
const MOST_REGISTERED = 1_000;

async function someRegistered(tx: Transaction, accountId: string) {
  const select = { arn: true } as const;
  return factsOf(
    tx,
    await tx.kmsResource.findMany({ where: { accountId }, select, orderBy: { arn: "asc" }, take: MOST_REGISTERED }),
  );
}

async function factsOf(tx: Transaction, rows: readonly { readonly arn: string }[]) {
  const resources = rows.map(({ arn }) => arn);
  const input = await loadInTransaction(tx, { principals: [], resources, scopes: [] }, compile);
  return resources.map((arn) => input.resource(arn));
}
