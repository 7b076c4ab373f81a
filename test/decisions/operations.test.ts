import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canPerform } from "../../src/decisions/can-perform.js";
import { checkAccess } from "../../src/decisions/check-access.js";
import type { Ask, Question } from "../../src/decisions/decide-many.js";
import { effectivePermissions } from "../../src/decisions/effective-permissions.js";
import { InvalidInputError, NotFoundError } from "../../src/domain/errors.js";
import {
  ACCOUNT,
  alias,
  allow,
  attach,
  deny,
  type Fixture,
  key,
  openFixture,
  secret,
  session,
  user,
} from "./fixture.js";

let fixture: Fixture;
let ask: Ask;
let asked: Question[] = [];
beforeAll(async () => {
  fixture = await openFixture("operations");
  const decisions = fixture.decisions();
  ask = async (question) => {
    asked.push(question);
    const [answer] = await decisions.decideMany([question]);
    if (answer === undefined || answer instanceof Error) throw answer;
    return answer;
  };
});
afterAll(() => fixture.close());

describe("checkAccess", () => {
  it("gives the one decision", async () => {
    const input = { principal: user("ann"), action: "KMS:encrypt", resource: key("k1") };
    expect(await checkAccess(ask, input)).toMatchObject({ action: "kms:Encrypt", outcome: "ALLOW" });
    await expect(checkAccess(ask, { ...input, principal: user("nobody") })).rejects.toBeInstanceOf(NotFoundError);
  });
});

describe("effectivePermissions", () => {
  it("has a row for each action and each operation of a key", async () => {
    const result = await effectivePermissions(ask, { principal: user("ann"), resource: key("k2") });
    expect(result.permissions.map(({ action }) => action)).toContain("kms:ScheduleKeyDeletion");
    const encrypt = result.operations.find(({ operation }) => operation === "Encrypt");
    expect(encrypt).toMatchObject({ outcome: "ALLOW", allowed: true, usableNow: false, blockedByKeyState: "DISABLED" });
    expect(encrypt?.legs).toMatchObject([{ action: "kms:Encrypt", resource: key("k2") }]);
    expect(result.revision()).toMatch(/^v1\./);
  });

  it("asks for the legs on other resources, and only for those", async () => {
    asked = [];
    const result = await effectivePermissions(ask, { principal: session("bot"), resource: secret("db") });
    const read = result.operations.find(({ operation }) => operation === "GetSecretValue");
    expect(read?.legs.map(({ action, resource, outcome }) => [action, resource, outcome])).toEqual([
      ["kms:GetSecretValue", secret("db"), "ALLOW"],
      ["kms:Decrypt", key("k1"), "IMPLICIT_DENY"],
    ]);
    expect(read).toMatchObject({ outcome: "IMPLICIT_DENY", allowed: false, usableNow: true });
    expect(new Set(asked.map(({ resource }) => resource))).toEqual(new Set([secret("db"), key("k1")]));
  });

  it("gives the rows that are asked for, all operations, or none", async () => {
    const input = { principal: user("ann"), resource: key("k1"), actions: ["kms:Decrypt"] };
    const result = await effectivePermissions(ask, input);
    expect(result.permissions.map(({ action }) => action)).toEqual(["kms:Decrypt"]);
    expect(result.operations.length).toBeGreaterThan(20);
    expect((await effectivePermissions(ask, { ...input, withOperations: false })).operations).toEqual([]);
  });

  it("is a hit only when nothing at all was evaluated", async () => {
    const input = { principal: user("Mixed"), resource: secret("db") };
    expect((await effectivePermissions(ask, input)).cache).toBe("MISS");
    expect((await effectivePermissions(ask, input)).cache).toBe("HIT");
    expect((await effectivePermissions(ask, { ...input, withOperations: false })).cache).toBe("HIT");
  });

  it("passes context and session policy on to every leg", async () => {
    const id = await attach(fixture.sql, fixture.ids, "group", "bot");
    const input = { principal: session("bot"), resource: secret("db") };
    const outcome = async (extra: object): Promise<unknown> => {
      const { operations } = await effectivePermissions(ask, { ...input, ...extra });
      return operations.find(({ operation }) => operation === "GetSecretValue")?.outcome;
    };
    expect(await outcome({})).toBe("ALLOW");
    expect(await outcome({ sessionPolicy: allow("kms:GetSecretValue") })).toBe("IMPLICIT_DENY");
    expect(await outcome({ sessionPolicy: deny("kms:Decrypt") })).not.toBe("ALLOW");
    await fixture.sql.query("DELETE FROM attachment WHERE id = $1", [id]);
    expect(await outcome({})).toBe("IMPLICIT_DENY");
  });

  it("has nothing to say about resources of other services", async () => {
    const resource = `acs:oss:*:${ACCOUNT}:bucket`;
    const result = await effectivePermissions(ask, { principal: user("ann"), resource });
    expect(result).toMatchObject({ permissions: [], operations: [] });
  });
});

describe("canPerform", () => {
  const input = { principal: user("ann"), operation: "Encrypt", targets: { key: key("k1") } };
  const legsOf = (result: { legs: readonly { action: string; resource: string }[] }): string[][] =>
    result.legs.map(({ action, resource }) => [action, resource]);

  it("decides on the key", async () => {
    expect(await canPerform(ask, input)).toMatchObject({ operation: "Encrypt", outcome: "ALLOW", usableNow: true });
    expect(await canPerform(ask, { ...input, principal: user("bob") })).toMatchObject({ outcome: "IMPLICIT_DENY" });
  });

  it("finds the key behind an alias", async () => {
    const result = await canPerform(ask, { ...input, targets: { key: alias("one") } });
    expect(legsOf(result)).toEqual([
      ["kms:Encrypt", key("k1")],
      ["kms:Encrypt", alias("one")],
    ]);
  });

  it("finds the keys of many secrets, all at once", async () => {
    asked = [];
    const secrets = [secret("db"), secret("unknown")];
    const result = await canPerform(ask, {
      principal: session("bot"),
      operation: "BatchGetSecretValue",
      targets: { secrets },
    });
    expect(legsOf(result)).toEqual([
      ["kms:GetSecretValue", secret("db")],
      ["kms:Decrypt", key("k1")],
      ["kms:GetSecretValue", secret("unknown")],
    ]);
  });

  it("takes the old key of an alias from the model", async () => {
    const targets = { alias: alias("one"), key: key("k2") };
    const result = await canPerform(ask, { ...input, operation: "UpdateAlias", targets });
    expect(legsOf(result)).toEqual([
      ["kms:UpdateAlias", alias("one")],
      ["kms:UpdateAlias", key("k1")],
      ["kms:UpdateAlias", key("k2")],
    ]);
  });

  it("asks about containers of the principal's account", async () => {
    const result = await canPerform(ask, { ...input, operation: "CreateKey", targets: { region: "cn-beijing" } });
    expect(legsOf(result)).toEqual([["kms:CreateKey", `acs:kms:cn-beijing:${ACCOUNT}:key`]]);
  });

  it("knows its principal even where nothing needs to be allowed", async () => {
    const free = { ...input, operation: "DescribeRegions", targets: {} };
    expect(await canPerform(ask, free)).toMatchObject({ outcome: "ALLOW", legs: [], usableNow: null });
    await expect(canPerform(ask, { ...free, principal: user("nobody") })).rejects.toBeInstanceOf(NotFoundError);
    await expect(canPerform(ask, { ...free, sessionPolicy: allow("*") })).rejects.toBeInstanceOf(InvalidInputError);
  });

  it("refuses what it cannot understand", async () => {
    for (const wrong of [
      { operation: "Encrpt" },
      { targets: {} },
      { targets: { key: "k1" } },
      { targets: { key: key("k1"), secret: secret("db") } },
      { targets: { key: alias("unknown") } },
      { principal: "ann" },
    ]) {
      await expect(canPerform(ask, { ...input, ...wrong })).rejects.toBeInstanceOf(InvalidInputError);
    }
    await expect(canPerform(ask, { ...input, principal: user("nobody") })).rejects.toBeInstanceOf(NotFoundError);
  });
});
