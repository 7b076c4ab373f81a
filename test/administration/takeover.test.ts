import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { assumeRole } from "../../src/administration/assume-role.js";
import { attachPolicies } from "../../src/administration/attach-policies.js";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createAccount } from "../../src/administration/create-account.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createPolicyVersion } from "../../src/administration/create-policy-version.js";
import { createResourceGroup } from "../../src/administration/create-resource-group.js";
import { createRole } from "../../src/administration/create-role.js";
import { createUser } from "../../src/administration/create-user.js";
import { ensureSystemPolicies } from "../../src/administration/ensure-system-policies.js";
import { registerKey } from "../../src/administration/register-key.js";
import { registerSecret } from "../../src/administration/register-secret.js";
import { setDefaultPolicyVersion } from "../../src/administration/set-default-policy-version.js";
import { updatePolicy } from "../../src/administration/update-policy.js";
import { updateRole } from "../../src/administration/update-role.js";
import { updateSecret } from "../../src/administration/update-secret.js";
import { updateUser } from "../../src/administration/update-user.js";
import { ForbiddenError } from "../../src/domain/errors.js";
import { reportKilled } from "../support/mutation.js";
import { brokenUseCases } from "../support/use-cases.js";
import { allow, as, deny, document, principalsOf } from "./principals.js";
import { ACCOUNT, arn, changesOf, codesOf, type UseCase, useAdministration } from "./setup.js";

const context = useAdministration("takeover");
const { run } = changesOf(context);
const { by, write, permit } = principalsOf(context);
const ann = as(arn.user("ann"));
const trust = (...who: string[]) => document({ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: who } });

beforeAll(async () => {
  await ensureSystemPolicies(context.administration.db);
  await run(createAccount, { account: ACCOUNT });
  for (const name of ["ann", "bob"]) await run(createUser, { account: ACCOUNT, name });
  await run(createGroup, { account: ACCOUNT, name: "ops" });
  await run(createRole, { account: ACCOUNT, name: "admin", trustPolicy: trust(`acs:ram::${ACCOUNT}:root`) });
  await run(createRole, { account: ACCOUNT, name: "bossonly", trustPolicy: trust(arn.user("boss")) });
  for (const id of ["rg-1", "rg-2"]) await run(createResourceGroup, { account: ACCOUNT, id, name: id });
  for (const id of ["k1", "k2"])
    await run(registerKey, { arn: arn.key(id), resourceGroup: id === "k1" ? "rg-1" : null });
  for (const name of ["Ann", "Given", "Other", "Race"]) {
    await run(createPolicy, { account: ACCOUNT, name, document: document(allow("kms:ListKeys")) });
  }
  await run(attachPolicy, { policy: arn.policy("Ann"), principal: arn.user("ann") });
});

beforeEach(async () => {
  const { db } = context.administration;
  await db.attachment.deleteMany({ where: { policy: { name: { not: "Ann" } } } });
});

const SELF = { policy: arn.policy("Given"), principal: arn.user("ann") };
/** May write policies, and attach them to anybody: all that it takes, if nothing else is looked at. */
const DELEGATE = [allow(["ram:AttachPolicyTo*"], [`acs:ram::${ACCOUNT}:*`, "acs:ram::system:policy/*"])];
const REFUSED = ["WOULD_ESCALATE"];

describe("a delegate gives itself nothing", () => {
  const USERS = `acs:ram::${ACCOUNT}:user/*`;
  const GRANT = "ramgate:GrantBeyondSelf";
  test.each<[what: string, ...statements: object[]]>([
    ["that names its service by a wildcard", allow(GRANT, `acs:*:*:${ACCOUNT}:user/ann`)],
    ["that names it by a part", allow(GRANT, `acs:r?m::${ACCOUNT}:user/a*`)],
    [
      "that is denied for long names",
      allow(["ram:*", "ramgate:*"], USERS),
      deny("*", `${USERS.slice(0, -1)}????????*`),
    ],
    ["that is denied for some", allow(GRANT, USERS), deny("ramgate:*", "*stand-in")],
    ["to assume a role that has it", allow("sts:AssumeRole", arn.role("admin"))],
    ["to read keys", allow(["ramgate:ReadResource", "ramgate:EvaluateAccess"], `acs:kms:*:${ACCOUNT}:*`)],
    ["to move keys", allow("resourcemanager:MoveResources", `acs:kms:*:${ACCOUNT}:*`)],
    ["to read resource groups", allow("ramgate:ReadResourceGroup", `acs:resourcemanager::${ACCOUNT}:*`)],
    ["of another service", allow("oss:GetObject", "acs:oss:*:*:bucket/*")],
    ["of a type that is left open", allow("kms:Decrypt", `acs:kms:cn-hangzhou:${ACCOUNT}:*/prod-*`)],
    ["on tags that nothing has yet", allow("kms:Decrypt", "*", { StringEquals: { "acs:ResourceTag/team": "x" } })],
    ["under a condition", allow("kms:Decrypt", "*", { IpAddress: { "acs:SourceIp": "0.0.0.0/0" } })],
    ["but to change one user", allow("ram:CreatePolicyVersion", arn.user("bob"))],
    ["by an exception", { Effect: "Allow", NotAction: ["kms:*"], Resource: arn.user("bob") }],
    ["by question marks", allow("ram:UpdateUser", `acs:ram::${ACCOUNT}:user/b??`)],
  ])("%s", async (_what, ...statements) => {
    await permit(...DELEGATE);
    await write("Given", ...statements);
    expect(codesOf(await by(ann)(attachPolicy, SELF))).toEqual(REFUSED);
  });

  test("in other regions than its own", async () => {
    await permit(...DELEGATE, allow("kms:*", `acs:kms:cn-hangzhou:${ACCOUNT}:*`));
    await write("Given", allow("kms:Decrypt", `acs:kms:*:${ACCOUNT}:key/*`));
    expect(codesOf(await by(ann)(attachPolicy, SELF))).toEqual(REFUSED);
    await write("Given", allow("kms:Decrypt", `acs:kms:cn-hangzhou:${ACCOUNT}:key/*`));
    expect(codesOf(await by(ann)(attachPolicy, SELF))).toEqual([]);
  });

  test("in a resource group that is empty, later, or through a group", async () => {
    await permit(...DELEGATE);
    await write("Given", allow("kms:*"));
    const [notBefore, expiresAt] = [new Date("2030-01-01"), new Date("2031-01-01")];
    for (const input of [
      { ...SELF, resourceGroup: "rg-2" },
      { ...SELF, notBefore, expiresAt },
      { ...SELF, principal: arn.group("ops") },
    ]) {
      expect(codesOf(await by(ann)(attachPolicy, input))).toEqual(REFUSED);
    }
    expect(codesOf(await by(ann)(attachPolicy, { ...SELF, policy: arn.system("AdministratorAccess") }))).toEqual(
      REFUSED,
    );
  });

  test("that it has under narrower conditions, until a date, or but for a Deny of its own", async () => {
    const narrow = { Bool: { "acs:MFAPresent": "true" }, IpAddress: { "acs:SourceIp": "10.0.0.1" } };
    const wide = { IpAddress: { "acs:SourceIp": "0.0.0.0/0" } };
    const untilThen = { DateLessThan: { "acs:CurrentTime": "2030-01-01T00:00:00Z" } };
    const ofAnn = { StringEquals: { "acs:PrincipalArn": arn.user("ann") } };
    for (const [own, given] of [
      [[allow("kms:Decrypt", "*", narrow)], allow("kms:Decrypt", "*", wide)],
      [[allow("kms:Decrypt", "*", untilThen)], allow("kms:Decrypt")],
      [[allow("kms:Decrypt"), deny("kms:Decrypt", "*", ofAnn)], allow("kms:Decrypt")],
      [[allow("kms:*"), { Effect: "Deny", Action: "kms:*", NotResource: [arn.key("k1")] }], allow("kms:Decrypt")],
    ] as const) {
      await permit(...DELEGATE, ...own);
      await write("Given", given);
      expect(codesOf(await by(ann)(attachPolicy, { ...SELF, principal: arn.user("bob") }))).toEqual(REFUSED);
    }
  });

  test("behind policies that only fill up what is looked at", { timeout: 60_000 }, async () => {
    await permit(...DELEGATE, allow("kms:List*"));
    const bob = arn.user("bob");
    for (let n = 0; n < 9; n += 1) {
      const Resource = Array.from({ length: 230 }, (_, i) => `acs:x::1*:${n}${i.toString(36)}`);
      await run(createPolicy, { account: ACCOUNT, name: `Pad${n}`, document: document(deny("x:y", Resource)) });
      expect(codesOf(await by(ann)(attachPolicy, { policy: arn.policy(`Pad${n}`), principal: bob }))).toEqual([]);
    }
    await write("Given", allow(GRANT, bob));
    expect(codesOf(await by(ann)(attachPolicy, { ...SELF, principal: bob }))).toEqual(REFUSED);
  });
});

describe("what it has it may give", () => {
  test.each<[what: string, own: object[], given: object[]]>([
    ["all of it", [allow("kms:*")], [allow("kms:*")]],
    [
      "a part",
      [allow(["kms:*", "oss:*"], `acs:kms:*:${ACCOUNT}:*`)],
      [allow(["kms:Decrypt", "kms:Get*"], arn.key("k9"))],
    ],
    ["what its Deny does not reach", [allow("kms:*"), deny("kms:ScheduleKeyDeletion")], [allow("kms:Decrypt")]],
    [
      "with its Deny",
      [allow("kms:*"), deny("kms:*", `acs:kms:*:*:key/prod-*`)],
      [allow("kms:*"), deny("kms:*", `acs:kms:*:*:key/prod-*`)],
    ],
    [
      "on things with a tag",
      [allow("kms:*", "*", { StringEquals: { "acs:ResourceTag/team": "x" } })],
      [
        allow("kms:Decrypt", "*", {
          StringEquals: { "acs:ResourceTag/team": "x" },
          Bool: { "acs:MFAPresent": "true" },
        }),
      ],
    ],
    ["to assume a role that trusts it", [allow("sts:AssumeRole")], [allow("sts:AssumeRole", arn.role("admin"))]],
    [
      "but an Allow with exceptions, which gives nothing",
      [],
      [{ Effect: "Allow", Action: "*", NotResource: ["acs:kms:*"] }],
    ],
  ])("%s", async (_what, own, given) => {
    await permit(...DELEGATE, ...own);
    await write("Given", ...given);
    expect(codesOf(await by(ann)(attachPolicy, { ...SELF, principal: arn.user("bob") }))).toEqual([]);
  });
});

describe("roles", () => {
  test("of others are no way round", async () => {
    await run(createRole, { account: ACCOUNT, name: "hop", trustPolicy: trust(arn.user("nobody")) });
    await run(attachPolicy, { policy: arn.system("AdministratorAccess"), principal: arn.role("admin") });
    await write("Other", allow("sts:AssumeRole", arn.role("admin")));
    await run(attachPolicy, { policy: arn.policy("Other"), principal: arn.role("hop") });
    await permit(allow("ram:UpdateRole", arn.role("hop")), allow("sts:AssumeRole", arn.role("hop")));
    expect(codesOf(await by(ann)(updateRole, { role: arn.role("hop"), trustPolicy: trust(arn.user("ann")) }))).toEqual(
      REFUSED,
    );
    await permit(...DELEGATE, allow("sts:AssumeRole"));
    await write("Given", allow("sts:AssumeRole", arn.role("bossonly"))); // trusts boss, not ann
    expect(codesOf(await by(ann)(attachPolicy, { ...SELF, principal: arn.user("bob") }))).toEqual(REFUSED);
  });

  test("may lose whom they trust", async () => {
    await run(createRole, { account: ACCOUNT, name: "wide", trustPolicy: trust(arn.user("ann"), arn.user("bob")) });
    await run(attachPolicy, { policy: arn.system("AdministratorAccess"), principal: arn.role("wide") });
    await permit(allow("ram:UpdateRole", arn.role("wide")));
    const put = (...who: string[]) => by(ann)(updateRole, { role: arn.role("wide"), trustPolicy: trust(...who) });
    expect(codesOf(await put(arn.user("bob"), arn.user("eve")))).toEqual(REFUSED);
    expect(codesOf(await put(arn.user("ann")))).toEqual([]);
    expect(codesOf(await put(arn.user("ann"), arn.user("bob")))).toEqual(REFUSED);
  });

  const root = `acs:ram::${ACCOUNT}:root`;
  const onlyBoss = { Condition: { StringEquals: { "acs:PrincipalARN": arn.user("dev-boss") } } };
  const statement = (RAM: string, more: object = {}) => ({
    ...{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [RAM] } },
    ...more,
  });
  test.each<[what: string, ...statements: object[]]>([
    ["exactly", statement(arn.user("dev-boss"))],
    ["by a wildcard", statement(arn.user("dev-*"))],
    ["in any region", statement(`acs:ram:*:${ACCOUNT}:user/dev-boss`)],
    ["in any account", statement("acs:ram::*:user/dev-boss")],
    ["by a condition", statement(root, onlyBoss)],
    ["but for a Deny of the old one", statement(root), statement(arn.user("bob"), { Effect: "Deny" })],
  ])("that trust a name %s are not had by taking it", async (_what, ...statements) => {
    await run(updateRole, { role: arn.role("bossonly"), trustPolicy: document(...statements) });
    await permit(allow("ram:*User", `acs:ram::${ACCOUNT}:user/*`));
    const rename = (newName: string) => by(ann)(updateUser, { user: arn.user("bob"), newName }, { dryRun: true });
    expect(codesOf(await rename("DEV-boss"))).toEqual(REFUSED);
    const free = statements.length === 1 ? [] : REFUSED; // whatever the new name is, the old one is denied
    expect(codesOf(await rename("clerk"))).toEqual(free);
    await run(updateRole, { role: arn.role("bossonly"), trustPolicy: trust(arn.user("boss")) });
  });

  test("that services assume are in nobody's way", async () => {
    const service = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: ["ecs.aliyuncs.com"] } };
    await run(createRole, { account: ACCOUNT, name: "machine", trustPolicy: document(service) });
    await permit(...DELEGATE, allow("sts:AssumeRole"));
    await write("Given", allow("sts:AssumeRole", arn.role("machine")));
    expect(codesOf(await by(ann)(attachPolicy, { ...SELF, principal: arn.user("bob") }))).toEqual([]);
  });
});

describe("versions", () => {
  const HOLD = allow(["ram:CreatePolicyVersion", "ram:SetDefaultPolicyVersion"], arn.policy("Other"));
  async function publish(from: object, to: object) {
    await permit(HOLD);
    await write("Other", from);
    await run(attachPolicy, { policy: arn.policy("Other"), principal: arn.user("bob") });
    const rotateStrategy = "DELETE_OLDEST_NON_DEFAULT_VERSION_WHEN_LIMIT_EXCEEDED" as const;
    const version = { policy: arn.policy("Other"), document: document(to), setAsDefault: true, rotateStrategy };
    return codesOf(await by(ann)(createPolicyVersion, version, { dryRun: true }));
  }
  const fromOffice = { IpAddress: { "acs:SourceIp": "10.1.2.3" }, Bool: { "acs:MFAPresent": "true" } };
  const fromAnywhere = { IpAddress: { "acs:SourceIp": "0.0.0.0/0" } };

  test("do not widen a condition", async () => {
    expect(await publish(allow("kms:*", "*", fromOffice), allow("kms:*", "*", fromAnywhere))).toEqual(REFUSED);
    expect(
      await publish(allow("kms:*", "*", fromAnywhere), allow("kms:*", "*", { ...fromAnywhere, ...fromOffice })),
    ).toEqual(REFUSED);
    expect(await publish(allow("kms:*", "*", fromOffice), allow("kms:Get*", "*", fromOffice))).toEqual([]);
  });

  test("do not hollow out a guard rail", async () => {
    const rail = deny("kms:*", "*", { Bool: { "acs:MFAPresent": "false" } });
    expect(await publish(rail, deny("kms:*", "*", { IpAddress: { "acs:SourceIp": "203.0.113.1" } }))).toEqual(REFUSED);
    expect(await publish(rail, deny("*", "*", { Bool: { "acs:MFAPresent": "false" } }))).toEqual([]);
  });

  /** How often both were made: each alone is refused, once the other is there. */
  async function race(rounds: number, attach: UseCase<typeof SELF, unknown>): Promise<number> {
    const target = { policy: arn.policy("Race"), principal: arn.user("bob") };
    await permit(
      allow(["ram:SetDefaultPolicyVersion", "ram:AttachPolicyToUser"], [arn.policy("Race"), arn.user("bob")]),
      allow("kms:ListKeys"),
    );
    let both = 0;
    for (let round = 0; round < rounds; round += 1) {
      await run(setDefaultPolicyVersion, { policy: arn.policy("Race"), version: "v1" });
      await context.administration.db.attachment.deleteMany({ where: { policy: { name: "Race" } } });
      const [published, attached] = await Promise.all([
        by(ann)(setDefaultPolicyVersion, { policy: arn.policy("Race"), version: "v2" }),
        by(ann)(attach, target),
      ]);
      if (published.changed && attached.changed) both += 1;
    }
    return both;
  }

  test("are not put in force while they are given", { timeout: 60_000 }, async () => {
    await run(createPolicyVersion, { policy: arn.policy("Race"), document: document(allow("*")) });
    expect(await race(40, attachPolicy)).toBe(0);
  });

  test("would be, if what is given were not held", { timeout: 60_000 }, async () => {
    const name = "the policies that are given are not held";
    const [find, replace] = [
      "await loadAndHold(tx, principals, [])",
      "await loadInTransaction(tx, { principals, resources: [], scopes: [] }, compile)",
    ];
    const { attachPolicy: broken } = await brokenUseCases({ name, file: "escalation.ts", find, replace });
    expect(await race(40, broken as typeof attachPolicy)).toBeGreaterThan(0);
    reportKilled(name);
  });
});

describe("names and places", () => {
  test("a policy is allowed under the name that it has", async () => {
    await permit(allow("ram:UpdatePolicyDescription", arn.policy("GIV*")));
    const change = (name: string) =>
      by(ann)(updatePolicy, { policy: arn.policy(name), description: `${Math.random()}` });
    await expect(change("GIVen")).rejects.toThrow(ForbiddenError);
    await permit(allow("ram:UpdatePolicyDescription", arn.policy("Giv*")));
    expect(codesOf(await change("GIVen"))).toEqual([]);
  });

  test("who renames itself is told so, and no more", async () => {
    await permit(allow("ram:UpdateUser"));
    expect(await by(ann)(updateUser, { user: arn.user("ann"), newName: "anne" })).toMatchObject({
      changed: true,
      userErrors: [],
    });
    await run(updateUser, { user: arn.user("anne"), newName: "ann" });
  });

  test("to register a thing with tags, in a group or under a key takes what it takes to change these", async () => {
    const register = [allow(["kms:CreateKey", "kms:CreateSecret", "kms:UpdateSecret"])];
    const tags = [{ key: "locked", value: "no" }];
    const changes = [
      () => by(ann)(registerKey, { arn: arn.key("k9"), tags }, { dryRun: true }),
      () => by(ann)(registerKey, { arn: arn.key("k9"), resourceGroup: "rg-2" }, { dryRun: true }),
      () => by(ann)(registerSecret, { arn: arn.secret("s9"), encryptionKey: arn.key("k1") }, { dryRun: true }),
      () => by(ann)(registerSecret, { arn: arn.secret("s9"), encryptionKey: arn.key("none") }, { dryRun: true }),
      () => by(ann)(updateSecret, { secret: arn.secret("mine"), encryptionKey: arn.key("none") }, { dryRun: true }),
    ];
    await permit(...register);
    for (const change of changes) await expect(change()).rejects.toThrow(ForbiddenError);
    await permit(...register, allow(["kms:TagResource", "resourcemanager:MoveResources", "kms:GenerateDataKey"]));
    const codes = [];
    for (const change of changes) codes.push(codesOf(await change()));
    expect(codes).toEqual([[], [], [], ["ENTITY_NOT_EXIST_KEY"], ["ENTITY_NOT_EXIST_SECRET"]]);
  });

  test("a session under a policy is not beside it", async () => {
    await write("Other", allow("ram:UpdateUser"));
    await run(attachPolicy, { policy: arn.policy("Other"), principal: arn.role("admin") });
    const open = { role: arn.role("admin"), sessionName: "shared" };
    await run(assumeRole, { ...open, sessionPolicy: document(allow("kms:ListKeys")) });
    await run(assumeRole, open);
    const session = as(`acs:ram::${ACCOUNT}:assumed-role/admin/shared`);
    await expect(by(session)(updateUser, { user: arn.user("bob"), comments: "s" })).rejects.toThrow(ForbiddenError);
  });
});

test("what it costs to compare has an end, whoever has written the policies", { timeout: 120_000 }, async () => {
  const dates = (year: number) => ({
    DateLessThan: { "acs:CurrentTime": `20${30 + year}-01-01T00:00:00Z` },
    StringLike: { "acs:PrincipalArn": "*" },
  });
  const many = Array.from({ length: 20 }, (_, year) => allow("kms:*", "*", dates(year)));
  const patterns = Array.from({ length: 150 }, (_, i) => `acs:kms:*:*:key/*${i.toString(36)}*`);
  await permit(...DELEGATE, ...many, allow("kms:*", patterns));
  await write("Given", ...many, allow(["kms:*", "oss:*", "ecs:*"], patterns));
  const users = Array.from({ length: 200 }, (_, i) => `load${i}`);
  for (const name of users) await run(createUser, { account: ACCOUNT, name });
  const attachments = users.map((name) => ({ policy: arn.policy("Given"), principal: arn.user(name) }));
  let [longest, last] = [0, performance.now()];
  const watch = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  expect(codesOf(await by(ann)(attachPolicies, { attachments }, { dryRun: true }))).toEqual(REFUSED);
  clearInterval(watch);
  expect(longest).toBeLessThan(3_000);
});
