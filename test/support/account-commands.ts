import fc from "fast-check";
import { type Command, type Input, LINKED_ROLE, OTHER, OWN } from "./ram-model.js";
import type { UseCaseName } from "./use-cases.js";

// Changes of one small account: few names, so that they meet, and mostly right, so that something comes of them.

/** A change, or the same again as so many changes before. */
type Step = Command | { readonly again: number };

const ram = (type: string) => (name: string) => `acs:ram::${OWN}:${type}/${name}`;
const [user, group, role, policy] = [ram("user"), ram("group"), ram("role"), ram("policy")];
const system = (name: string): string => `acs:ram::system:policy/${name}`;
const kms =
  (type: string, region = "cn-hangzhou") =>
  (name: string) =>
    `acs:kms:${region}:${OWN}:${type}/${name}`;
const [key, secret, alias] = [kms("key"), kms("secret"), kms("alias")];
const FAR_KEY = kms("key", "cn-beijing")("k1");

export const IDENTITY = { Version: "1", Statement: [{ Effect: "Allow", Action: ["kms:List*"], Resource: ["*"] }] };
export const OTHER_IDENTITY =
  '{ "Version": "1",\n "Statement": [{ "Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*" }] }';
const LONG = { Version: "1", Statement: [{ Effect: "Allow", Action: ["kms:*"], Resource: ["x".repeat(400)] }] };
export const TRUST = {
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [user("ann")] } }],
};
const SERVICE_TRUST = {
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: ["ecs.aliyuncs.com"] } }],
};
const MALFORMED = { Version: "1", Statement: [{ Effect: "Permit", Action: "kms:*", Resource: "*" }] };
const MALFORMED_TRUST = {
  Version: "1",
  Statement: [{ Effect: "Permit", Action: "sts:AssumeRole", Principal: { RAM: "*" } }],
};

/** One of the right ones, and now and then one of the wrong ones. */
function mostly<T>(right: readonly T[], ...wrong: readonly T[]): fc.Arbitrary<T> {
  const good = { weight: 7, arbitrary: fc.constantFrom(...right) };
  return wrong.length === 0 ? good.arbitrary : fc.oneof(good, { weight: 1, arbitrary: fc.constantFrom(...wrong) });
}

const rarely = <T>(wrong: T): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 40, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constant(wrong) });

const LONG_NAME = "n".repeat(129);
const OWNER = `acs:ram::${OWN}:root`;

const userNames = fc.constantFrom("ann", "ann", "ann", "Ann", "bob", "bob", "bob", "dora");
const groupNames = fc.constantFrom("team", "team", "team", "TEAM", "ops", "sre", "sre", "qa");
const roleNames = fc.constantFrom("app", "app", "App", "job", "job");
const policyNames = fc.constantFrom("Read", "Read", "Read", "READ", "Write", "Write", "Audit", "Spare");

const newUsers = fc.constantFrom("Bob", "carl.x", "dora", "dora", "emil", "fay");
const newGroups = fc.constantFrom("Ops", "dev", "dev", "qa", "it");
const newRoles = fc.constantFrom("App", "Job", "cron", "cron", "bot");
const newPolicies = fc.constantFrom("Read", "WRITE", "Audit", "Keys", "Spare", "More", "Fine");

const newName = (names: fc.Arbitrary<string>, invalid: string) =>
  fc.oneof({ weight: 8, arbitrary: names }, { weight: 1, arbitrary: fc.constantFrom("", LONG_NAME, invalid, invalid) });

const users = fc.oneof(
  { weight: 18, arbitrary: userNames.map(user) },
  { weight: 1, arbitrary: fc.constantFrom(OWNER, group("team"), `acs:ram::${OTHER}:user/ann`) },
);
const groups = fc.oneof(
  { weight: 18, arbitrary: groupNames.map(group) },
  { weight: 1, arbitrary: fc.constantFrom(OWNER, user("ann"), `acs:ram::${OTHER}:group/team`) },
);
const roles = fc.oneof(
  { weight: 16, arbitrary: roleNames.map(role) },
  { weight: 2, arbitrary: fc.constantFrom(role(LINKED_ROLE.name), role(LINKED_ROLE.name.toUpperCase())) },
  { weight: 1, arbitrary: fc.constantFrom(OWNER, user("ann"), `acs:ram::${OTHER}:role/app`) },
);
const holders = fc.oneof(
  { weight: 8, arbitrary: userNames.map(user) },
  { weight: 5, arbitrary: groupNames.map(group) },
  { weight: 5, arbitrary: roleNames.map(role) },
  { weight: 1, arbitrary: fc.constantFrom(OWNER, role(LINKED_ROLE.name), `acs:ram::${OTHER}:user/ann`) },
);
const customPolicies = fc.oneof(
  { weight: 18, arbitrary: policyNames.map(policy) },
  { weight: 2, arbitrary: fc.constantFrom(system("AdministratorAccess"), `acs:ram::${OTHER}:policy/Read`) },
);
const policies = fc.oneof(
  { weight: 12, arbitrary: policyNames.map(policy) },
  {
    weight: 7,
    arbitrary: fc.constantFrom(
      ...["AliyunKMSReadOnlyAccess", "aliyunkmsfullaccess", "AdministratorAccess", "AliyunKMSCryptoUserAccess"].map(
        system,
      ),
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(system("Unknown"), `acs:ram::${OTHER}:policy/Read`) },
);
const accounts = mostly([OWN], OTHER, "12a");
const resourceGroups = fc.constantFrom(...Array(8).fill("rg-a"), "rg-b", "rg-b", "rg-none");
const maybeGroup = fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 2, arbitrary: resourceGroups });
const keys = mostly(["k1", "k1", "k2"].map(key), FAR_KEY, secret("s1"));
const secrets = mostly(["s1", "s1", "db/pw"].map(secret), key("k1"));
const aliases = mostly(["one", "one", "a/two"].map(alias), key("k1"));
const newKeys = mostly([key("k1"), key("k2"), FAR_KEY], key("k,1"), kms("key", "*")("k1"), secret("s1"));
const newSecrets = mostly(["s1", "db/pw"].map(secret), secret("s,1"), alias("one"));
const newAliases = mostly(["one", "a/two"].map(alias), alias("acs-one"), key("k1"));

const documents = mostly<unknown>([IDENTITY, OTHER_IDENTITY, JSON.stringify(IDENTITY)], LONG, MALFORMED);
const trusts = mostly<unknown>([TRUST, SERVICE_TRUST, JSON.stringify(TRUST)], MALFORMED_TRUST);
const versions = fc.constantFrom("v1", "v1", "v2", "v2", "v3", "v4", "v5", "1");
const tagKeys = fc.constantFrom("team", "team", "env", "Env", "漢/x", "t5");
const tag = fc.record({
  key: fc.oneof(
    { weight: 24, arbitrary: tagKeys },
    { weight: 1, arbitrary: fc.constantFrom("acs:x", "Aliyun", "a b", "") },
  ),
  value: mostly(["", "x", "y", "x"], "a b"),
});
const tags = fc.oneof(
  { weight: 12, arbitrary: fc.uniqueArray(tag, { minLength: 1, maxLength: 3, selector: (each) => each.key }) },
  { weight: 1, arbitrary: fc.array(tag, { minLength: 2, maxLength: 5 }) },
);
const taggedThings = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(user("ann"), user("ANN"), user("bob"), role("app")) },
  { weight: 6, arbitrary: fc.constantFrom(key("k1"), key("k2"), secret("s1")) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      alias("one"),
      group("team"),
      role(LINKED_ROLE.name),
      `acs:oss:cn-hangzhou:${OWN}:bucket`,
    ),
  },
);
const year = (number: number): Date => new Date(Date.UTC(number, 0));
const early = fc.constantFrom(undefined, undefined, undefined, year(2030), year(2030), year(2032));
const late = fc.constantFrom(undefined, undefined, undefined, year(2032), year(2032), year(2031));
const endless = fc.constant(new Date("+010000-01-01T00:00:00Z"));
const texts = fc.constantFrom("one", null, undefined, undefined);
const long = (most: number) => "ü".repeat(most + 1);
const text = (most: number) =>
  fc.oneof({ weight: 80, arbitrary: texts }, { weight: 1, arbitrary: fc.constant(long(most)) });
const durations = mostly([undefined, undefined, null, 3_600, 43_200, 7_200], 3_599, 43_201);

const target = {
  policy: fc.oneof(fc.constantFrom(policy("Read"), policy("Write"), system("AliyunKMSReadOnlyAccess")), policies),
  principal: fc.oneof(fc.constantFrom(user("ann"), user("bob"), group("team"), role("app")), holders),
  resourceGroup: maybeGroup,
};
const attachment = fc.record({
  ...{ ...target, notBefore: early },
  expiresAt: fc.oneof({ weight: 40, arbitrary: late }, { weight: 1, arbitrary: endless }),
});
const plainAttachment = fc.record({ ...target, expiresAt: fc.constantFrom(undefined, undefined, year(2032)) });

/** Of anybody, or all of one holder. */
const listOf = (item: fc.Arbitrary<Input>): fc.Arbitrary<Input[]> => {
  const some = fc.array(item, { minLength: 1, maxLength: 4 });
  const ofOne = fc.tuple(some, target.principal).map(([all, principal]) => all.map((each) => ({ ...each, principal })));
  return fc.oneof(
    { weight: 8, arbitrary: some },
    { weight: 8, arbitrary: ofOne },
    { weight: 1, arbitrary: fc.constant<Input[]>([]) },
  );
};

/** What each change takes, and how often it is asked for. */
const INPUTS: Readonly<Record<UseCaseName, readonly [weight: number, fc.Arbitrary<Input>]>> = {
  createAccount: [1, fc.record({ account: fc.constantFrom(OWN, "12a"), alias: text(64) })],
  updateAccount: [2, fc.record({ account: accounts, alias: text(64) })],
  createUser: [
    8,
    fc.record({
      ...{ account: accounts, name: newName(newUsers, "a b"), displayName: text(128), comments: text(1_024) },
      tags: fc.option(tags, { nil: undefined, freq: 2 }),
    }),
  ],
  createGroup: [8, fc.record({ account: accounts, name: newName(newGroups, "a_b"), comments: text(1_024) })],
  createRole: [
    14,
    fc.record({
      ...{ account: accounts, name: newName(newRoles, "a_b"), description: text(1_024) },
      ...{ maxSessionDuration: durations, trustPolicy: trusts },
      service: fc.constantFrom(undefined, undefined, "ecs.aliyuncs.com"),
    }),
  ],
  updateUser: [
    4,
    fc.record({
      user: users,
      newName: fc.option(newName(fc.oneof(newUsers, userNames), "a b"), { nil: undefined, freq: 2 }),
      ...{ displayName: text(128), comments: text(1_024) },
    }),
  ],
  updateGroup: [
    3,
    fc.record({
      group: groups,
      newName: fc.option(newName(fc.oneof(newGroups, groupNames), "a_b"), { nil: undefined, freq: 2 }),
      comments: text(1_024),
    }),
  ],
  updateRole: [
    3,
    fc.record({
      role: roles,
      description: text(1_024),
      trustPolicy: fc.option(trusts, { nil: undefined }),
      maxSessionDuration: durations,
    }),
  ],
  deleteUser: [4, fc.record({ user: users })],
  deleteGroup: [4, fc.record({ group: groups })],
  deleteRole: [4, fc.record({ role: roles })],
  addUserToGroup: [9, fc.record({ user: users, group: groups })],
  removeUserFromGroup: [3, fc.record({ user: users, group: groups })],
  createPolicy: [
    10,
    fc.record({
      account: accounts,
      name: newName(newPolicies, "a.b"),
      document: documents,
      description: text(1_024),
    }),
  ],
  updatePolicy: [3, fc.record({ policy: customPolicies, description: text(1_024) })],
  deletePolicy: [4, fc.record({ policy: customPolicies })],
  createPolicyVersion: [
    8,
    fc.record({
      ...{ policy: fc.oneof(fc.constant(policy("Read")), customPolicies), document: documents },
      setAsDefault: fc.constantFrom(undefined, false, true),
      rotateStrategy: fc.constantFrom(undefined, "NONE", "DELETE_OLDEST_NON_DEFAULT_VERSION_WHEN_LIMIT_EXCEEDED"),
    }),
  ],
  deletePolicyVersion: [
    4,
    fc.record({ policy: fc.oneof(fc.constant(policy("Read")), customPolicies), version: versions }),
  ],
  setDefaultPolicyVersion: [
    3,
    fc.record({ policy: fc.oneof(fc.constant(policy("Read")), customPolicies), version: versions }),
  ],
  attachPolicy: [26, attachment],
  detachPolicy: [10, fc.record(target)],
  attachPolicies: [10, fc.record({ attachments: listOf(plainAttachment) })],
  detachPolicies: [4, fc.record({ attachments: listOf(fc.record(target)) })],
  createResourceGroup: [
    3,
    fc.record({
      account: accounts,
      id: mostly(["rg-a", "rg-c", "rg-d"], "group-a"),
      name: fc.constantFrom("one", "two"),
    }),
  ],
  updateResourceGroup: [
    2,
    fc.record({
      account: accounts,
      resourceGroup: resourceGroups,
      name: fc.constantFrom("one", "two", null, long(128)),
    }),
  ],
  deleteResourceGroup: [4, fc.record({ account: accounts, resourceGroup: resourceGroups })],
  moveToResourceGroup: [4, fc.record({ resource: fc.oneof(keys, secrets), resourceGroup: maybeGroup })],
  registerKey: [
    6,
    fc.record({
      ...{ arn: newKeys, resourceGroup: maybeGroup, tags: fc.option(tags, { nil: undefined, freq: 2 }) },
      state: fc.constantFrom(undefined, "DISABLED"),
      spec: text(64),
    }),
  ],
  registerSecret: [
    6,
    fc.record({
      ...{ arn: newSecrets, type: text(64), resourceGroup: maybeGroup },
      encryptionKey: fc.option(keys, { nil: undefined }),
    }),
  ],
  registerAlias: [5, fc.record({ arn: newAliases, key: keys })],
  updateKey: [
    4,
    fc.record({
      ...{ key: keys, state: fc.constantFrom(undefined, null, "ENABLED", "PENDING_DELETION") },
      ...{ spec: text(64), usage: text(64), origin: text(64) },
    }),
  ],
  updateSecret: [
    4,
    fc.record({
      secret: secrets,
      type: text(64),
      encryptionKey: fc.option(fc.option(keys), { nil: undefined, freq: 2 }),
    }),
  ],
  updateAlias: [3, fc.record({ alias: aliases, key: keys })],
  deregisterKey: [4, fc.record({ key: keys })],
  deregisterSecret: [2, fc.record({ secret: secrets })],
  deregisterAlias: [2, fc.record({ alias: aliases })],
  tagResource: [6, fc.record({ resource: taggedThings, tags })],
  untagResource: [3, fc.record({ resource: taggedThings, tagKeys: fc.array(tagKeys, { maxLength: 2 }) })],
};

const options: fc.Arbitrary<Command["options"]> = fc
  .record({
    dryRun: fc.constantFrom(...Array(6).fill(undefined), true),
    key: fc.constantFrom(...Array(20).fill(undefined), "one", "two", "three", "four"),
    expected: fc.constantFrom(...Array(20).fill(undefined), 0, 1, 2, 3, 5, 8),
    reason: rarely(long(1_024)),
    byUser: rarely(true),
  })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));

const command: fc.Arbitrary<Step> = fc
  .oneof(
    ...Object.entries(INPUTS).map(([name, [weight, input]]) => ({
      weight,
      arbitrary: input.map((each) => ({ name: name as UseCaseName, input: each })),
    })),
  )
  .chain((change) => options.map((given): Command => ({ ...change, options: given })));

const again: fc.Arbitrary<Step> = fc.nat(3).map((back) => ({ again: back }));

/** A change that is tried before it is made. */
const rehearsed = command.map((step): Step[] => ["again" in step ? step : dry(step), step]);

const dry = (step: Command): Command => ({ ...step, options: { ...step.options, dryRun: true } });

/** A change and its repetition, under a name or not. */
const twice = fc
  .tuple(command, fc.constantFrom(undefined, "twice", "one", "two"))
  .map(([step, key]): Step[] => [key === undefined || "again" in step ? step : withKey(step, key), { again: 0 }]);

const withKey = (step: Command, key: string): Command => ({ ...step, options: { ...step.options, key } });

/** About 25 changes. */
export const sequences: fc.Arbitrary<readonly Command[]> = fc
  .array(
    fc.oneof(
      { weight: 16, arbitrary: command.map((step) => [step]) },
      { weight: 1, arbitrary: again.map((step) => [step]) },
      { weight: 2, arbitrary: rehearsed },
      { weight: 2, arbitrary: twice },
    ),
    { minLength: 20, maxLength: 28, size: "max" },
  )
  .map((steps) => commandsOf(steps.flat()));

/** A repetition is the change that it repeats. */
function commandsOf(steps: readonly Step[]): Command[] {
  const commands: Command[] = [];
  for (const step of steps) {
    const command = "again" in step ? commands.at(-1 - step.again) : step;
    if (command !== undefined) commands.push(command);
  }
  return commands;
}
