import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { addUserToGroup } from "../../src/administration/add-user-to-group.js";
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
import { detachPolicy } from "../../src/administration/detach-policy.js";
import { ensureSystemPolicies } from "../../src/administration/ensure-system-policies.js";
import { registerKey } from "../../src/administration/register-key.js";
import { removeUserFromGroup } from "../../src/administration/remove-user-from-group.js";
import { revokeRoleSessions } from "../../src/administration/revoke-role-sessions.js";
import { setDefaultPolicyVersion } from "../../src/administration/set-default-policy-version.js";
import { updateRole } from "../../src/administration/update-role.js";
import { updateUser } from "../../src/administration/update-user.js";
import type { UserError } from "../../src/administration/user-error.js";
import { ForbiddenError } from "../../src/domain/errors.js";
import { times } from "../support/long-form.js";
import { reportKilled } from "../support/mutation.js";
import { brokenUseCases } from "../support/use-cases.js";
import { allow, as, deny, document, principalsOf } from "./principals.js";
import { ACCOUNT, arn, changesOf, codesOf, TRUST, type UseCase, useAdministration } from "./setup.js";

const context = useAdministration("authorisation");
const { run } = changesOf(context);
const { by, write, permit } = principalsOf(context);
const RACES = times({ short: 200, long: 2_000 });

const ann = as(arn.user("ann"));

beforeAll(async () => {
  await ensureSystemPolicies(context.administration.db);
  await run(createAccount, { account: ACCOUNT });
  for (const name of ["ann", "bob"]) await run(createUser, { account: ACCOUNT, name });
  await run(createGroup, { account: ACCOUNT, name: "ops" });
  await run(createRole, { account: ACCOUNT, name: "deploy", trustPolicy: TRUST });
  await run(createResourceGroup, { account: ACCOUNT, id: "rg-1", name: "one" });
  for (const id of ["k1", "k2"])
    await run(registerKey, { arn: arn.key(id), resourceGroup: id === "k1" ? "rg-1" : null });
  for (const name of ["Ann", "Given", "Other"]) {
    await run(createPolicy, { account: ACCOUNT, name, document: document(allow("kms:List*")) });
  }
  await run(attachPolicy, { policy: arn.policy("Ann"), principal: arn.user("ann") });
});

beforeEach(async () => {
  const { db } = context.administration;
  await db.attachment.deleteMany({ where: { policy: { name: { not: "Ann" } } } });
  await db.groupMembership.deleteMany({});
});

const GIVEN = { policy: arn.policy("Given"), principal: arn.user("bob") };
const ADMIN = allow(["ram:*", "kms:Decrypt"]);

describe("a principal", () => {
  test("may make the changes that its policies allow, and is on record as their maker", async () => {
    await permit(allow("ram:UpdateUser", arn.user("bob")));
    const done = await by(ann)(updateUser, { user: arn.user("bob"), comments: "by ann" });
    expect(done).toMatchObject({ changed: true, userErrors: [] });
    const last = await context.administration.db.auditEvent.findFirst({ orderBy: { sequence: "desc" } });
    expect(last).toMatchObject({ action: "updateUser", actor: arn.user("ann") });
  });

  test.each([
    ["no Allow", [allow("ram:UpdateUser", arn.user("ann"))]],
    ["an Allow for something else", [allow("ram:DeleteUser")]],
    ["a Deny", [allow("*"), deny("ram:UpdateUser", arn.user("bob"))]],
    [
      "an Allow that depends on what the gateway does not know",
      [allow("*", "*", { Bool: { "acs:MFAPresent": "true" } })],
    ],
  ])("with %s changes nothing", async (_what, statements) => {
    await permit(...statements);
    const change = by(ann)(updateUser, { user: arn.user("bob"), comments: "never" });
    await expect(change).rejects.toThrow(
      new ForbiddenError(`\`${arn.user("ann")}\` needs an Allow for \`ram:UpdateUser\` on \`${arn.user("bob")}\``),
    );
    expect(await context.administration.db.principal.count({ where: { comments: "never" } })).toBe(0);
  });

  test("learns nothing of what it may not change", async () => {
    await permit(allow("kms:*"));
    const message = async (name: string) => {
      const failed = by(ann)(updateUser, { user: arn.user(name), comments: "x" });
      return failed.then(
        () => "made",
        (error: Error) => `${error.name} ${error.message.replaceAll(name, "NAME")}`,
      );
    };
    expect(await message("none")).toBe(await message("bob"));
    const foreign = (account: string) =>
      by(ann)(createUser, { account, name: "x" }).then(
        () => "made",
        (error: Error) => `${error.name} ${error.message}`,
      );
    await run(createAccount, { account: "2000" });
    expect(await foreign("2000")).toBe("ForbiddenError principals may change their own account only");
    expect(await foreign("2001")).toBe(await foreign("2000"));
  });

  test("that is gone may do nothing", async () => {
    await expect(by(as(arn.user("gone")))(updateUser, { user: arn.user("bob"), comments: "x" })).rejects.toThrow(
      ForbiddenError,
    );
  });

  test("that owns the account may change all of it", async () => {
    const root = by(as(`acs:ram::${ACCOUNT}:root`));
    expect(
      codesOf(await root(attachPolicy, { ...GIVEN, policy: "acs:ram::system:policy/AliyunKMSFullAccess" })),
    ).toEqual([]);
    expect(codesOf(await root(removeUserFromGroup, { user: arn.user("bob"), group: arn.group("ops") }))).toEqual([]);
    await expect(root(createAccount, { account: "3000" })).rejects.toThrow("only operators may make this change");
  });
});

describe("R19: an answer is repeated", () => {
  test("and not the change", async () => {
    const attach = () => run(attachPolicy, GIVEN, { idempotencyKey: "r19 attach" });
    const first = await attach();
    await run(detachPolicy, GIVEN, { idempotencyKey: "r19 detach" });
    expect(await attach()).toEqual(first);
    expect(await context.administration.db.attachment.count({ where: { policy: { name: "Given" } } })).toBe(0);
  });

  test("to twenty who ask at once", async () => {
    await permit(ADMIN);
    await write("Given", allow("kms:Decrypt"));
    const asked = Array.from({ length: 20 }, () => by(ann)(attachPolicy, GIVEN, { idempotencyKey: "r19 storm" }));
    const answers = await Promise.all(asked);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ changed: true, userErrors: [] });
  });

  test("to those only who may still make it", async () => {
    await permit(allow("ram:UpdateUser"));
    const again = () =>
      by(ann)(updateUser, { user: arn.user("bob"), comments: "once" }, { idempotencyKey: "r19 revoked" });
    expect(codesOf(await again())).toEqual([]);
    await permit(allow("kms:*"));
    await expect(again()).rejects.toThrow(ForbiddenError);
  });
});

describe("R20b: whoever loses a right while it uses it", () => {
  /** How many changes were made after the loss was acknowledged. */
  async function race(rounds: number, change: UseCase<{ user: string; comments: string }, unknown>): Promise<number> {
    const { db } = context.administration;
    await permit(allow("ram:UpdateUser"));
    const right = { policy: arn.policy("Ann"), principal: arn.user("ann") };
    let late = 0;
    for (let round = 0; round < rounds; round += 1) {
      await run(attachPolicy, right);
      const comments = `race ${round} ${Math.random()}`;
      const made = Promise.allSettled(
        Array.from({ length: 3 }, (_, index) =>
          by(ann)(change, { user: arn.user("bob"), comments: `${comments} ${index}` }),
        ),
      );
      if (round % 2 === 1) await new Promise((resolve) => setTimeout(resolve, Math.random() * 12));
      await run(detachPolicy, right);
      const at = await db.auditEvent.findFirstOrThrow({
        where: { action: "detachPolicy" },
        orderBy: { sequence: "desc" },
      });
      await made;
      late += await db.auditEvent.count({ where: { action: "updateUser", sequence: { gt: at.sequence } } });
    }
    await run(attachPolicy, right);
    return late;
  }

  test(`commits nothing afterwards, in ${RACES} races`, { timeout: 60_000 + RACES * 400 }, async () => {
    expect(await race(RACES, updateUser)).toBe(0);
  });

  test("would, if its rights were not held", { timeout: 120_000 }, async () => {
    const name = "the rights of the caller are not held";
    const mutation = { name, file: "load-and-hold.ts", find: "await holdRevisions(tx, open);", replace: "" };
    const { updateUser: broken } = await brokenUseCases(mutation);
    let late = 0;
    for (let tries = 0; late === 0 && tries < 20; tries += 1) late += await race(20, broken);
    expect(late).toBeGreaterThan(0);
    reportKilled(name);
  });
});

describe("nobody gives more than he has", () => {
  const witness = ({ userErrors }: { readonly userErrors: readonly UserError[] }) =>
    userErrors.map(({ code, witness: found }) => [code, found?.action, found?.resource]);
  const SELF = { policy: arn.policy("Given"), principal: arn.user("ann") };
  const GROUP = { policy: arn.policy("Given"), principal: arn.group("ops") };
  const NOTHING: unknown[] = [];

  beforeEach(async () => {
    await permit(ADMIN);
    await write("Given", allow("kms:*", arn.key("k2")));
    await write("Other", allow("kms:List*"));
  });

  test.each([
    ["oneself", SELF],
    ["somebody else", GIVEN],
    ["a group", GROUP],
    ["a role", { ...GIVEN, principal: arn.role("deploy") }],
  ])("by a policy, to %s", async (_whom, input) => {
    const refused = await by(ann)(attachPolicy, input);
    expect(witness(refused)).toEqual([["WOULD_ESCALATE", expect.stringMatching(/^kms:/), arn.key("k2")]]);
    expect(refused.userErrors[0]?.message).toMatch(
      /^it would give `kms:.*`, and no statement gives `acs:ram::.*user\/ann` as much: that needs `ramgate:GrantBeyondSelf`$/,
    );
    expect(witness(await by(ann)(attachPolicy, input, { dryRun: true }))).toEqual(witness(refused));
    expect(await context.administration.db.attachment.count({ where: { policy: { name: "Given" } } })).toBe(0);
    await write("Given", allow("kms:Decrypt"));
    expect(witness(await by(ann)(attachPolicy, input))).toEqual(NOTHING);
  });

  test("by a list", async () => {
    await write("Other", allow("kms:Decrypt"));
    const attachments = [{ ...GIVEN, policy: arn.policy("Other") }, GIVEN];
    expect(codesOf(await by(ann)(attachPolicies, { attachments }))).toEqual(["WOULD_ESCALATE"]);
    expect(await context.administration.db.attachment.count({ where: { principal: { name: "bob" } } })).toBe(0);
    expect(codesOf(await by(ann)(attachPolicies, { attachments: attachments.slice(0, 1) }))).toEqual([]);
  });

  test("by what is not registered yet", async () => {
    await permit(allow(["ram:*"]), allow("kms:*", [arn.key("k1"), arn.key("k2")]));
    await write("Given", allow("kms:*", `acs:kms:*:${ACCOUNT}:key/*`));
    expect(witness(await by(ann)(attachPolicy, GIVEN))).toEqual([
      ["WOULD_ESCALATE", expect.stringMatching(/^kms:/), `acs:kms:*:${ACCOUNT}:key/*`],
    ]);
  });

  test("for longer", async () => {
    const { db } = context.administration;
    const ends = new Date(Date.now() + 3_600_000);
    await db.attachment.updateMany({ where: { policy: { name: "Ann" } }, data: { expiresAt: ends } });
    await write("Given", allow("kms:Decrypt"));
    expect(codesOf(await by(ann)(attachPolicy, GIVEN))).toEqual(["WOULD_ESCALATE"]);
    expect(codesOf(await by(ann)(attachPolicy, { ...GIVEN, expiresAt: ends }))).toEqual([]);
    await db.attachment.updateMany({ where: { policy: { name: "Ann" } }, data: { expiresAt: null } });
  });

  test("by a group", async () => {
    const membership = { user: arn.user("ann"), group: arn.group("ops") };
    await run(attachPolicy, GROUP);
    expect(codesOf(await by(ann)(addUserToGroup, membership))).toEqual(["WOULD_ESCALATE"]);
    await write("Given", deny("kms:Decrypt"));
    await run(addUserToGroup, { ...membership, user: arn.user("bob") });
    await write("Other", allow("kms:*"));
    await run(attachPolicy, { policy: arn.policy("Other"), principal: arn.user("bob") });
    await permit(allow("ram:*"));
    expect(witness(await by(ann)(removeUserFromGroup, { ...membership, user: arn.user("bob") }))).toEqual([
      ["WOULD_ESCALATE", "kms:Decrypt", expect.any(String)],
    ]);
  });

  test("by taking a Deny away, from a group too", async () => {
    await write("Given", deny("kms:GenerateDataKey", arn.key("k1")));
    for (const input of [GIVEN, GROUP]) {
      await run(attachPolicy, input);
      await run(attachPolicy, { policy: "acs:ram::system:policy/AliyunKMSFullAccess", principal: arn.user("bob") });
      expect(witness(await by(ann)(detachPolicy, input))).toEqual([
        ["WOULD_ESCALATE", "kms:GenerateDataKey", arn.key("k1")],
      ]);
    }
  });

  test("by another version of a policy that somebody has", async () => {
    await run(attachPolicy, { ...GROUP, resourceGroup: "rg-1" });
    const version = { policy: arn.policy("Given"), document: document(allow("kms:*")) };
    expect(codesOf(await by(ann)(createPolicyVersion, version))).toEqual([]);
    const refused = await by(ann)(createPolicyVersion, { ...version, setAsDefault: true });
    expect(witness(refused)).toEqual([["WOULD_ESCALATE", expect.stringMatching(/^kms:/), arn.key("k1")]]);
    const { number } = await context.administration.db.policyVersion.findFirstOrThrow({
      where: { policy: { name: "Given" } },
      orderBy: { number: "desc" },
    });
    const put = { policy: arn.policy("Given"), version: `v${number}` };
    expect(codesOf(await by(ann)(setDefaultPolicyVersion, put))).toEqual(["WOULD_ESCALATE"]);
    await context.administration.db.attachment.deleteMany({ where: { policy: { name: "Given" } } });
    expect(codesOf(await by(ann)(setDefaultPolicyVersion, put))).toEqual([]); // nobody has it
    await by(ann)(setDefaultPolicyVersion, { ...put, version: "v1" });
  });

  test("by letting somebody assume a role that has more", async () => {
    const role = {
      role: arn.role("deploy"),
      trustPolicy: { ...TRUST, Statement: [{ ...TRUST.Statement[0], Principal: { RAM: [arn.user("bob")] } }] },
    };
    await run(attachPolicy, { policy: arn.policy("Given"), principal: arn.role("deploy") });
    expect(codesOf(await by(ann)(updateRole, role))).toEqual(["WOULD_ESCALATE"]);
    expect(codesOf(await by(ann)(updateRole, { role: role.role, description: "no more than that" }))).toEqual([]);
    await write("Given", allow("kms:Decrypt"));
    expect(codesOf(await by(ann)(updateRole, role))).toEqual([]);
  });

  test("by a policy whose document is not known", async () => {
    const { db } = context.administration;
    await db.policyVersion.updateMany({ where: { policy: { name: "Other" } }, data: { isDefault: false } });
    const input = { ...GIVEN, policy: arn.policy("Other") };
    expect(witness(await by(ann)(attachPolicy, input))).toEqual([["WOULD_ESCALATE", "*", "*"]]);
    await db.policyVersion.updateMany({ where: { policy: { name: "Other" } }, data: { isDefault: true } });
  });

  test("by a name that policies are about", async () => {
    const condition = { StringEquals: { "acs:PrincipalARN": [arn.user("boss")] } };
    await write("Given", allow("kms:*", "*", condition));
    await run(attachPolicy, GIVEN);
    const rename = { user: arn.user("bob"), newName: "boss" };
    expect(codesOf(await by(ann)(updateUser, rename))).toEqual(["WOULD_ESCALATE"]);
    await run(detachPolicy, GIVEN);
    expect(codesOf(await by(ann)(updateUser, rename))).toEqual([]);
    await run(updateUser, { user: arn.user("boss"), newName: "bob" });
  });

  test("and a session gives what its role has, however soon it ends", async () => {
    await write("Given", allow("kms:Decrypt"));
    await run(attachPolicy, { policy: arn.policy("Ann"), principal: arn.role("deploy") });
    const session = { role: arn.role("deploy"), sessionName: "ci", durationSeconds: 900 };
    const wide = await run(assumeRole, { ...session, sessionPolicy: document(allow(["ram:*", "kms:Decrypt"])) });
    expect(codesOf(wide)).toEqual([]);
    const ci = by(as(`acs:ram::${ACCOUNT}:assumed-role/deploy/ci`));
    expect(codesOf(await ci(attachPolicy, GIVEN))).toEqual([]);
    await run(detachPolicy, GIVEN);
    await run(revokeRoleSessions, { role: arn.role("deploy") });
    await expect(ci(attachPolicy, GIVEN)).rejects.toThrow(ForbiddenError);
    await run(assumeRole, { ...session, sessionPolicy: document(allow("ram:*")) });
    expect(codesOf(await ci(attachPolicy, GIVEN))).toEqual(["WOULD_ESCALATE"]);
  });

  test("unless he may", async () => {
    await permit(ADMIN, allow("ramgate:GrantBeyondSelf", arn.user("bob")));
    expect(codesOf(await by(ann)(attachPolicy, GIVEN))).toEqual([]);
    expect(codesOf(await by(ann)(attachPolicy, GROUP))).toEqual(["WOULD_ESCALATE"]);
  });

  test("and what the receiver has already is not given", async () => {
    await run(attachPolicy, { policy: "acs:ram::system:policy/AliyunKMSFullAccess", principal: arn.user("bob") });
    expect(codesOf(await by(ann)(attachPolicy, GIVEN))).toEqual([]);
  });
});
