import { beforeAll, describe, expect, test } from "vitest";
import { addUserToGroup } from "../../src/administration/add-user-to-group.js";
import { attachPolicies } from "../../src/administration/attach-policies.js";
import type { AttachPolicyInput } from "../../src/administration/attach-policy.js";
import { createAccount } from "../../src/administration/create-account.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createResourceGroup } from "../../src/administration/create-resource-group.js";
import { createUser } from "../../src/administration/create-user.js";
import { detachPolicies } from "../../src/administration/detach-policies.js";
import { ensureSystemPolicies } from "../../src/administration/ensure-system-policies.js";
import { importAccount } from "../../src/administration/import-account.js";
import { InvalidInputError } from "../../src/domain/errors.js";
import { recordStatements } from "../support/statements.js";
import { ACCOUNT, arn, codesOf, fingerprint, READ_ALL, request, TRUST, useAdministration } from "./setup.js";

const context = useAdministration("attach_policies");
const attach = (attachments: readonly AttachPolicyInput[], options = {}) =>
  attachPolicies(context.administration, { attachments }, request(options));
const detach = (attachments: readonly AttachPolicyInput[], options = {}) =>
  detachPolicies(context.administration, { attachments }, request(options));
const item = (policy: string, user: string, more: object = {}): AttachPolicyInput => ({
  policy: arn.policy(policy),
  principal: arn.user(user),
  ...more,
});

/** Users `n0` to `n999`, made at once. */
async function createManyUsers(): Promise<void> {
  const names = Array.from({ length: 1_000 }, (_, i) => `n${i}`);
  await context.administration.db.principal.createMany({
    data: names.map((name) => ({
      accountId: ACCOUNT,
      kind: "USER",
      name,
      arn: arn.user(name),
      arnKey: arn.user(name),
    })),
  });
}

beforeAll(async () => {
  const { administration } = context;
  await ensureSystemPolicies(administration.db);
  for (const account of [ACCOUNT, "77"]) await createAccount(administration, { account }, request());
  await createResourceGroup(administration, { account: ACCOUNT, id: "rg-a", name: "a" }, request());
  for (const name of ["Ann", "bob", "cy"]) await createUser(administration, { account: ACCOUNT, name }, request());
  await createUser(administration, { account: "77", name: "far" }, request());
  await createGroup(administration, { account: ACCOUNT, name: "team" }, request());
  await addUserToGroup(administration, { user: arn.user("ann"), group: arn.group("team") }, request());
  for (let i = 0; i < 12; i += 1) {
    await createPolicy(administration, { account: ACCOUNT, name: `P${i}`, document: READ_ALL }, request());
  }
  const roles = [{ name: "Linked", kind: "SERVICE_LINKED", service: "x.kms.aliyuncs.com", trustPolicy: TRUST }];
  const snapshot = { version: 1, account: { id: ACCOUNT }, roles };
  await importAccount(administration, { account: ACCOUNT, mode: "MERGE", snapshot }, request());
  await createManyUsers();
});

const stored = () => context.administration.db.attachment.count();

describe("attachPolicies", () => {
  test("attaches all, in the order of the list, and again changes nothing", async () => {
    const list: AttachPolicyInput[] = [
      item("p0", "ANN"),
      item("P1", "ann", { resourceGroup: "rg-a" }),
      { policy: arn.system("AliyunKMSReadOnlyAccess"), principal: arn.group("team") },
      item("p0", "bob", { expiresAt: new Date("2030-01-01T00:00:00Z") }),
    ];
    const first = await attach(list);
    expect(first).toMatchObject({ changed: true, userErrors: [], value: { changedCount: 4 } });
    const rows = await context.administration.db.attachment.findMany({
      where: { id: { in: [...(first.value?.attachmentIds ?? [])] } },
      include: { policy: true, principal: true },
    });
    const byId = new Map(rows.map((row) => [row.id, row]));
    const shown = first.value?.attachmentIds.map((id) => {
      const row = byId.get(id);
      return [row?.policy.name, row?.principal.name, row?.resourceGroupId, row?.expiresAt?.toISOString() ?? null];
    });
    expect(shown).toEqual([
      ["P0", "Ann", null, null],
      ["P1", "Ann", "rg-a", null],
      ["AliyunKMSReadOnlyAccess", "team", null, null],
      ["P0", "bob", null, "2030-01-01T00:00:00.000Z"],
    ]);
    const again = await attach(list);
    expect(again).toMatchObject({ changed: false, value: { ...first.value, changedCount: 0 } });
    expect((await attach([...list, item("p2", "ann")])).value?.changedCount).toBe(1);
  });

  test("sets windows anew, and keeps instants to the millisecond", async () => {
    const window = { notBefore: new Date("2029-12-31T23:59:59.123Z"), expiresAt: new Date("2030-06-01T00:00:00Z") };
    const before = await stored();
    const changed = await attach([item("P0", "bob", window), item("P0", "ann", window), item("P2", "ann")]);
    expect(changed).toMatchObject({ changed: true, value: { changedCount: 2 } });
    expect(await stored()).toBe(before);
    const rows = await context.administration.db.attachment.findMany({ where: { notBefore: { not: null } } });
    expect(rows.map(({ notBefore, expiresAt }) => ({ notBefore, expiresAt }))).toEqual([window, window]);
    expect(await attach([item("P0", "bob"), item("P0", "ann", window)])).toMatchObject({ value: { changedCount: 1 } });
  });

  test("a repeated item is one attachment, with another window it is an error", async () => {
    const { value } = await attach([
      item("P3", "bob"),
      item("p3", "BOB"),
      item("P3", "bob", { resourceGroup: "rg-a" }),
    ]);
    expect(value?.changedCount).toBe(2);
    expect(value?.attachmentIds[0]).toBe(value?.attachmentIds[1]);
    const refused = await attach([item("P4", "bob"), item("P4", "bob", { expiresAt: new Date("2031-01-01Z") })]);
    expect(refused.userErrors).toMatchObject([{ code: "INVALID_PARAMETER_WINDOW", field: ["attachments", "1"] }]);
  });

  test("a dry run shows nothing new and leaves nothing", async () => {
    const before = await fingerprint(context.administration.db);
    expect(await attach([item("P5", "cy")], { dryRun: true })).toMatchObject({
      changed: true,
      value: { changedCount: 1 },
    });
    expect(await fingerprint(context.administration.db)).toBe(before);
  });

  test("reports every problem of every item in their order, and writes nothing", async () => {
    const before = await fingerprint(context.administration.db);
    const window = { notBefore: new Date(5), expiresAt: new Date(5) };
    const { userErrors, value } = await attach([
      item("P5", "cy"),
      item("none", "nobody", { resourceGroup: "rg-none" }),
      { policy: arn.policy("P5"), principal: `acs:ram::${ACCOUNT}:root` },
      { policy: "acs:ram::77:policy/x", principal: "acs:ram::77:user/far" },
      { policy: arn.policy("P5"), principal: arn.role("Linked") },
      item("P6", "cy", window),
      item("P6", "cy", { resourceGroup: "rg-\0" }),
      { policy: arn.system("NoSuch"), principal: arn.user("cy") },
    ]);
    expect(value).toBeNull();
    expect(userErrors.map(({ code, field }) => [code, ...(field ?? [])])).toEqual([
      ["ENTITY_NOT_EXIST_POLICY", "attachments", "1", "policy"],
      ["ENTITY_NOT_EXIST_USER", "attachments", "1", "principal"],
      ["ENTITY_NOT_EXIST_RESOURCE_GROUP", "attachments", "1", "resourceGroup"],
      ["INVALID_PARAMETER_PRINCIPAL_TYPE", "attachments", "2", "principal"],
      ["INVALID_PARAMETER_ACCOUNT", "attachments", "3", "policy"],
      ["INVALID_PARAMETER_ACCOUNT", "attachments", "3", "principal"],
      ["SERVICE_LINKED_ROLE_IMMUTABLE", "attachments", "4", "principal"],
      ["INVALID_PARAMETER_WINDOW", "attachments", "5", "expiresAt"],
      ["ENTITY_NOT_EXIST_RESOURCE_GROUP", "attachments", "6", "resourceGroup"],
      ["ENTITY_NOT_EXIST_POLICY", "attachments", "7", "policy"],
    ]);
    expect(userErrors.find(({ code }) => code === "SERVICE_LINKED_ROLE_IMMUTABLE")?.message).toContain(
      "x.kms.aliyuncs",
    );
    expect(await fingerprint(context.administration.db)).toBe(before);
  });

  test("quotas count what the list itself adds, whatever the scope", async () => {
    const before = await stored();
    const eleven = Array.from({ length: 11 }, (_, i) => item(`P${i}`, "cy"));
    const refused = await attach([...eleven, item("P0", "cy", { resourceGroup: "rg-a" })]);
    expect(refused.userErrors).toMatchObject([
      { code: "LIMIT_EXCEEDED_USER_POLICY", field: ["attachments", "10", "principal"] },
    ]);
    expect(await stored()).toBe(before);
    const ten = [...eleven.slice(0, 10), item("P0", "cy", { resourceGroup: "rg-a" })];
    expect((await attach(ten)).value?.changedCount).toBe(11);
    expect(codesOf(await attach([item("P11", "cy")]))).toEqual(["LIMIT_EXCEEDED_USER_POLICY"]);
  });

  test("takes 1 to 1,000 attachments", async () => {
    const one = item("P0", "bob");
    for (const list of [[], Array(1_001).fill(one)]) {
      expect((await attach(list)).userErrors).toMatchObject([{ code: "INVALID_PARAMETER", field: ["attachments"] }]);
    }
    expect((await attach(Array(1_000).fill(one))).userErrors).toEqual([]);
  });

  test("a malformed arn is invalid input and says where", async () => {
    const failure = attach([item("P0", "bob"), { policy: "nonsense", principal: arn.user("bob") }]);
    await expect(failure).rejects.toBeInstanceOf(InvalidInputError);
    await expect(failure).rejects.toMatchObject({ pointer: "/input/attachments/1" });
  });

  test("concurrent lists that together exceed a quota are not all taken", async () => {
    await createUser(context.administration, { account: ACCOUNT, name: "raced" }, request());
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        attach(Array.from({ length: 6 }, (_, j) => item(`P${(i * 2 + j) % 12}`, "raced"))),
      ),
    );
    const held = await context.administration.db.attachment.findMany({ where: { principal: { name: "raced" } } });
    expect(held.length).toBeLessThanOrEqual(10);
    expect(results.filter(({ changed }) => changed).length).toBeGreaterThanOrEqual(1);
    expect(new Set(results.flatMap(codesOf))).toEqual(new Set(["LIMIT_EXCEEDED_USER_POLICY"]));
  });

  test("is one audit event, and the same key has one effect", async () => {
    const { db } = context.administration;
    const list = [item("P7", "n0"), item("P7", "n1")];
    const events = await db.auditEvent.count();
    const first = await attach(list, { idempotencyKey: "many" });
    expect(await attach(list, { idempotencyKey: "many" })).toEqual(first);
    expect(await db.auditEvent.count()).toBe(events + 1);
    expect(await db.auditEvent.findFirst({ orderBy: { sequence: "desc" } })).toMatchObject({
      action: "attachPolicies",
      targets: [arn.policy("P7"), arn.user("n0"), arn.user("n1")],
    });
  });
});

describe("a thousand attachments", () => {
  const many = (count: number, policy: string, more: object = {}) =>
    Array.from({ length: count }, (_, i) => item(policy, `n${i}`, more));

  test("take the SQL of ten, and seconds", { timeout: 60_000 }, async () => {
    const later = { expiresAt: new Date("2040-01-01T00:00:00Z") };
    const steps: [string, (count: number, policy: string) => Promise<{ userErrors: readonly unknown[] }>][] = [
      ["new ones", (count, policy) => attach(many(count, policy))],
      ["other windows", (count, policy) => attach(many(count, policy, later))],
      ["detached", (count, policy) => detach(many(count, policy))],
    ];
    for (const [what, step] of steps) {
      const few = await recordStatements(() => step(10, "P8"));
      const started = performance.now();
      const all = await recordStatements(() => step(1_000, "P9"));
      expect([what, few.userErrors, all.userErrors]).toEqual([what, [], []]);
      expect([what, all.statements.length]).toEqual([what, few.statements.length]);
      expect(all.statements.length).toBeLessThanOrEqual(18);
      expect(performance.now() - started).toBeLessThan(10_000);
    }
  });

  test("are all refused for the last one", async () => {
    const before = await stored();
    const { userErrors } = await attach([...many(999, "P10"), item("P10", "nobody")]);
    expect(userErrors).toMatchObject([{ code: "ENTITY_NOT_EXIST_USER", field: ["attachments", "999", "principal"] }]);
    expect(await stored()).toBe(before);
  });
});

describe("detachPolicies", () => {
  test("detaches what is attached, and again changes nothing", async () => {
    await attach([item("P6", "bob"), item("P6", "bob", { resourceGroup: "rg-a" })]);
    const list = [item("P6", "bob"), item("P11", "bob"), item("p6", "bob")];
    const { value, changed } = await detach(list);
    expect({ changed, count: value?.changedCount }).toEqual({ changed: true, count: 1 });
    expect(value?.detachments.map((each) => each.changed)).toEqual([true, false, true]);
    expect(await detach(list)).toMatchObject({ changed: false, userErrors: [], value: { changedCount: 0 } });
    expect((await detach([item("P6", "bob", { resourceGroup: "rg-a" })])).changed).toBe(true);
  });

  test("refuses all for one problem", async () => {
    await attach([item("P6", "bob")]);
    const before = await fingerprint(context.administration.db);
    const { userErrors } = await detach([
      item("P6", "bob"),
      { policy: arn.policy("P6"), principal: arn.role("linked") },
      item("none", "bob"),
    ]);
    expect(userErrors.map(({ code, field }) => [code, field?.[1]])).toEqual([
      ["SERVICE_LINKED_ROLE_IMMUTABLE", "1"],
      ["ENTITY_NOT_EXIST_POLICY", "2"],
    ]);
    expect(await fingerprint(context.administration.db)).toBe(before);
  });
});
