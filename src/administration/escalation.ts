import { END_OF_TIME, type Escalation, findEscalation } from "../domain/escalation/find-escalation.js";
import type { Receiver } from "../domain/escalation/grant.js";
import type { AttachedPolicy, PrincipalFacts } from "../domain/evaluation/access-request.js";
import { loadInTransaction } from "../store/evaluation-input.js";
import type { Transaction } from "../store/prisma-client.js";
import type { Administration } from "./administration.js";
import type { Grantor } from "./authorise-change.js";
import { compile } from "./load-and-hold.js";
import type { CustomPolicyName, EntityName } from "./look-up.js";
import type { Permission } from "./permissions.js";
import { Refusal, userError } from "./user-error.js";

/** Whose rights a change touches. */
export type Gift =
  /** Users, groups and roles that come to have other policies, other groups, or (`renamed`, in their order) other names. */
  | { readonly to: "PRINCIPALS"; readonly principals: readonly EntityName[]; readonly renamed?: readonly EntityName[] }
  /** Everybody who has the policy. */
  | { readonly to: "HOLDERS"; readonly policy: CustomPolicyName }
  /** Whoever may assume the role from now on: all that the role has. */
  | { readonly to: "ASSUMERS"; readonly role: EntityName };

/** What lets a principal give more than it has. */
export function beyondSelf(gift: Gift): Permission[] {
  const arns =
    gift.to === "PRINCIPALS"
      ? gift.principals.map(({ arn }) => arn)
      : [gift.to === "HOLDERS" ? gift.policy.arn : gift.role.arn];
  return arns.map((resource) => ({ action: "ramgate:GrantBeyondSelf", resource }));
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
  const before = await rightsNow(tx, gift);
  return async ({ scopePrecedence = "staged" }) => {
    const receivers = pair(gift, before, await rightsNow(tx, renamed(gift)));
    if (receivers.length === 0) return;
    const { facts, now } = grantor;
    const resources = await registeredIn(tx, facts.account);
    const found = findEscalation({ grantor: lasting(facts, now), receivers, resources, now, scopePrecedence });
    if (found !== null) refuseWith(found, facts);
  };
}

function refuseWith(found: Escalation, { arn }: PrincipalFacts): never {
  const { action, resource } = found;
  const error = userError("WOULD_ESCALATE", `${describe(found, arn)}: that needs \`ramgate:GrantBeyondSelf\``);
  throw new Refusal([{ ...error, witness: { action, resource } }]);
}

function describe({ kind, action, resource, at }: Escalation, arn: string): string {
  if (kind === "UNKNOWN_POLICY") return "it would give a policy whose document is not known, and so may allow anything";
  if (kind === "UNSETTLED") {
    return `\`${action}\` on \`${resource}\` would change with time too often to be compared with what \`${arn}\` has`;
  }
  return `it would give \`${action}\` on \`${resource}\`, which \`${arn}\` does not have itself as of ${new Date(at).toISOString()}`;
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

function renamed(gift: Gift): Gift {
  return gift.to === "PRINCIPALS" ? { ...gift, principals: gift.renamed ?? gift.principals } : gift;
}

function rightsNow(tx: Transaction, gift: Gift): Promise<Rights> {
  if (gift.to === "HOLDERS") return rightsByPolicy(tx, gift.policy);
  return rightsOf(tx, gift.to === "PRINCIPALS" ? gift.principals : [gift.role]);
}

async function rightsOf(tx: Transaction, principals: readonly EntityName[]): Promise<Rights> {
  const input = await loadInTransaction(tx, { principals, resources: [], scopes: [] }, compile);
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

/** All keys, secrets and aliases of the account. */
async function registeredIn(tx: Transaction, accountId: string) {
  const rows = await tx.kmsResource.findMany({ where: { accountId }, select: { arn: true } });
  const resources = rows.map(({ arn }) => arn);
  const input = await loadInTransaction(tx, { principals: [], resources, scopes: [] }, compile);
  return resources.map((arn) => input.resource(arn));
}
