import type { Snapshot, SnapshotAttachment, SnapshotPolicy } from "../import/snapshot.js";
import { policyDocument } from "./documents.js";
import { groupName, ofProject, personOf, policyName, projectOf, resourceGroupOf, roleName } from "./names.js";
import { type Random, type Range, randomOf } from "./random.js";
import type { AccountShape, Attached } from "./sizes.js";

export function customPolicy(shape: AccountShape, index: number): SnapshotPolicy {
  const random = randomOf(shape.seed, shape.id, "policy", index);
  const count = random.within(shape.versions);
  const inForce = random.chance(0.85) ? count : random.within([1, count]);
  return {
    type: "CUSTOM",
    name: policyName(shape, index),
    description: `what ${projectOf(shape, index)} does with keys and secrets`,
    defaultVersion: `v${inForce}`,
    versions: Array.from({ length: count }, (_, version) => ({
      id: `v${version + 1}`,
      document: policyDocument(shape, index, version + 1),
    })),
  };
}

const SERVICES = [
  ...["ECS", "OSS", "RDS", "SLB", "VPC", "Log", "CDN", "DNS", "MNS", "EMR", "FC", "CS"],
  ...["Config", "ActionTrail", "CloudMonitor", "Redis", "MongoDB", "NAS"],
] as const;

/** Policies of other services, which accounts have plenty of; those of KMS are built in. */
export const SYSTEM_POLICIES: readonly SnapshotPolicy[] = SERVICES.flatMap((service) => {
  const code = service.toLowerCase();
  return [
    systemPolicy(`Aliyun${service}FullAccess`, [`${code}:*`]),
    systemPolicy(`Aliyun${service}ReadOnlyAccess`, [`${code}:Describe*`, `${code}:List*`, `${code}:Get*`]),
  ];
});

function systemPolicy(name: string, Action: readonly string[]): SnapshotPolicy {
  const document = { Version: "1", Statement: [{ Effect: "Allow", Action, Resource: "*" }] };
  return { type: "SYSTEM", name, description: null, defaultVersion: "v1", versions: [{ id: "v1", document }] };
}

const OF_KMS = ["AliyunKMSFullAccess", "AliyunKMSCryptoUserAccess", "AliyunKMSSecretUserAccess"] as const;

/** Attachments of everybody, holder by holder. */
export function* attachments(shape: AccountShape): Generator<Snapshot["attachments"][number]> {
  const { groups, users, roles, attached } = shape;
  for (let at = 0; at < groups; at += 1) yield* held(shape, `group/${groupName(shape, at)}`, at, attached.group);
  for (let at = 0; at < users; at += 1) yield* held(shape, `user/${personOf(shape, at).name}`, at, attached.user);
  for (let at = 0; at < roles; at += 1) yield* held(shape, `role/${roleName(shape, at)}`, at, attached.role);
}

function held(shape: AccountShape, principal: string, project: number, counts: Attached): SnapshotAttachment[] {
  const random = randomOf(shape.seed, shape.id, "attachments", principal);
  const custom = customNumbers(shape, project, counts.custom, random).map((number) => policyName(shape, number));
  return [
    ...custom.map((name) => attachment({ type: "CUSTOM", name }, principal, shape, project, random)),
    ...systemNames(counts.system, random).map((name) =>
      attachment({ type: "SYSTEM", name }, principal, shape, project, random),
    ),
  ];
}

/** More often those of one's own project. */
function customNumbers(shape: AccountShape, project: number, range: Range, random: Random): number[] {
  const wanted = Math.min(random.within(range), shape.policies);
  const chosen = new Set<number>();
  while (chosen.size < wanted) {
    const own = random.chance(0.7);
    chosen.add(own ? ofProject(shape, project, shape.policies, random) : random.below(shape.policies));
  }
  return [...chosen];
}

/** Few hold one that opens all keys or secrets: most of what KMS allows comes from custom policies. */
function systemNames(range: Range, random: Random): string[] {
  const count = random.within(range);
  const powerful = count > 0 && random.chance(0.01) ? [random.pick(OF_KMS)] : [];
  const others = ["AliyunKMSReadOnlyAccess", ...SYSTEM_POLICIES.map(({ name }) => name)];
  return [...powerful, ...random.sample(others, count - powerful.length)];
}

const ENDS = ["2026-01-01T00:00:00Z", "2027-07-01T00:00:00Z", "2029-01-01T00:00:00Z"] as const;

function attachment(
  policy: SnapshotAttachment["policy"],
  principal: string,
  shape: AccountShape,
  project: number,
  random: Random,
): SnapshotAttachment {
  return {
    policy,
    principal,
    scope: random.chance(0.8)
      ? "ACCOUNT"
      : resourceGroupOf(shape, random.chance(0.8) ? project : random.below(shape.projects)),
    notBefore: random.chance(0.03) ? "2025-03-01T00:00:00Z" : null,
    expiresAt: random.chance(0.05) ? random.pick(ENDS) : null,
  };
}
