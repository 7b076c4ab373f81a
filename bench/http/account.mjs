/**
 * The account that both servers are asked about: users in groups, policies of three to five statements, keys with two tags.
 * Most policies that a user holds are of its own project. Every choice follows from one seed.
 */
import { randomFrom } from "../support/random.mjs";

export const ACCOUNT = "9000000000000009";
const [USERS, GROUPS, POLICIES, KEYS, PROJECTS] = [1_000, 100, 500, 10_000, 50];
const STAGES = ["production", "staging", "test"];
const OFFICES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "203.0.113.0/24", "198.51.100.17/32"];
const YEARS = ["2025-01-01T00:00:00Z", "2035-01-01T00:00:00Z"];
const USING = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"];
const SIGNING = ["kms:AsymmetricSign", "kms:AsymmetricVerify", "kms:GetPublicKey"];
const DESTROYING = ["kms:ScheduleKeyDeletion", "kms:DeleteKeyMaterial", "kms:DisableKey", "kms:UpdateRotationPolicy"];

const each = (count, make) => Array.from({ length: count }, (_, index) => make(index));
const project = (number) => `p${String(number % PROJECTS).padStart(2, "0")}`;
const keyId = (index) => `key-${project(index)}-${String(index).padStart(5, "0")}`;
const keyArn = (index) => `acs:kms:cn-hangzhou:${ACCOUNT}:key/${keyId(index)}`;
const several = (random, most, make) => [...new Set(each(1 + random.below(most), make))];

/** Statements as teams write them, for a project; the most frequent ones stand here more than once. */
function writers(random, number) {
  const allow = (Action, Resource, Condition) => ({
    Effect: "Allow",
    Action,
    Resource,
    ...(Condition && { Condition }),
  });
  const deny = (Action, Resource, Condition) => ({ ...allow(Action, Resource, Condition), Effect: "Deny" });
  const own = () => keyArn(random.below(KEYS / PROJECTS) * PROJECTS + (number % PROJECTS));
  const every = `acs:kms:*:${ACCOUNT}:key/*`;
  const all = `acs:kms:cn-hangzhou:${ACCOUNT}:key/key-${project(number)}-*`;
  const tagged = { StringEquals: { "kms:tag/Project": [project(number)] } };
  const offices = () => ({ "acs:SourceIp": several(random, 2, () => random.pick(OFFICES)) });
  const useSome = () =>
    allow(["kms:DescribeKey", ...several(random, 3, () => random.pick(USING))], several(random, 6, own));
  const useTagged = () => allow(random.pick([USING, ["kms:*crypt", "kms:GenerateDataKey*"], SIGNING]), every, tagged);
  const useAll = () => allow(random.pick([USING, SIGNING, ["kms:ReEncrypt*"]]), all);
  return [
    ...[useSome, useSome, useSome, useTagged, useTagged, useAll, useAll],
    () => allow(random.pick([["kms:List*", "kms:Describe*"], ["kms:Get*", "kms:List*"], ["kms:Describe*"]]), "*"),
    () => allow([...SIGNING, "kms:*Mac"], [all, own()], { IpAddress: offices() }),
    () => allow(USING, several(random, 4, own), { DateLessThan: { "acs:CurrentTime": random.pick(YEARS) } }),
    () => allow("kms:*", every, { StringEquals: { ...tagged.StringEquals, "acs:ResourceTag/Stage": ["test"] } }),
    () => deny(DESTROYING.slice(random.below(3)), several(random, 5, own)),
    () => deny(["kms:*Policy", ...DESTROYING], every, { StringEquals: { "kms:tag/Stage": ["production"] } }),
    () => deny(["kms:Export*", "kms:*Decrypt"], all, { NotIpAddress: { "acs:SourceIp": OFFICES.slice(0, 3) } }),
  ];
}

function makePolicy(random, number) {
  const write = writers(random, number);
  const statements = each(3 + random.below(3), () => random.pick(write)());
  return { name: `policy-${number}`, document: { Version: "1", Statement: statements } };
}

/** Policies of one's own project, but for one in five. */
const somePolicies = (random, count, number) =>
  several(random, count, () =>
    random.next() < 0.8 ? random.below(POLICIES / PROJECTS) * PROJECTS + (number % PROJECTS) : random.below(POLICIES),
  );

/** @returns groups and users with the numbers of what they hold, policies as RAM documents, keys with their tags */
export function makeAccount(seed = 1) {
  const random = randomFrom(seed);
  const policies = each(POLICIES, (number) => makePolicy(random, number));
  const groups = each(GROUPS, (number) => ({ name: `group-${number}`, policies: somePolicies(random, 7, number) }));
  const users = each(USERS, (number) => ({
    name: `user-${number}`,
    number,
    arn: `acs:ram::${ACCOUNT}:user/user-${number}`,
    groups: [...new Set([number % GROUPS, (number + PROJECTS) % GROUPS, random.below(GROUPS)])],
    policies: somePolicies(random, 4, number),
  }));
  const keys = each(KEYS, (index) => ({
    id: keyId(index),
    arn: keyArn(index),
    tags: { Project: project(index), Stage: random.pick(STAGES) },
  }));
  return { users, groups, policies, keys };
}

/** All policies of a user, through its groups too. */
export function policiesOf({ groups, policies }, user) {
  const numbers = new Set([...user.policies, ...user.groups.flatMap((group) => groups[group].policies)]);
  return [...numbers].map((number) => policies[number]);
}

/** What the account holds, in words. */
export function describeAccount(account) {
  const { users, groups, policies, keys } = account;
  const statements = policies.flatMap(({ document }) => document.Statement);
  const denies = statements.filter(({ Effect }) => Effect === "Deny").length;
  const conditions = statements.filter(({ Condition }) => Condition).length;
  const held = users.reduce((sum, user) => sum + policiesOf(account, user).length, 0) / users.length;
  const said = (number) => number.toLocaleString("en");
  return (
    `${said(users.length)} users in ${groups.length} groups, ${policies.length} policies, ${held.toFixed(1)} for each user; ` +
    `${said(statements.length)} statements: ${said(conditions)} with conditions, ${denies} that deny; ${said(keys.length)} keys`
  );
}

/** What `ramgate import` reads. */
export function snapshotOf({ users, groups, policies, keys }) {
  const held = (principal, numbers) =>
    numbers.map((number) => ({
      policy: { type: "CUSTOM", name: policies[number].name },
      principal,
      scope: "ACCOUNT",
    }));
  return {
    version: 1,
    account: { id: ACCOUNT },
    resourceGroups: [],
    groups: groups.map(({ name }) => ({ name })),
    users: users.map((user) => ({ name: user.name, groups: user.groups.map((number) => groups[number].name) })),
    roles: [],
    policies: policies.map(({ name, document }) => ({
      type: "CUSTOM",
      name,
      defaultVersion: "v1",
      versions: [{ id: "v1", document }],
    })),
    attachments: [
      ...groups.flatMap((group) => held(`group/${group.name}`, group.policies)),
      ...users.flatMap((user) => held(`user/${user.name}`, user.policies)),
    ],
    keys: keys.map(({ id, tags }) => ({ region: "cn-hangzhou", id, tags })),
    secrets: [],
    aliases: [],
  };
}
