import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { PrincipalFacts } from "../../src/domain/evaluation/access-request.js";
import { parsePrincipalArn } from "../../src/domain/principal.js";
import { createPolicyCompiler } from "../../src/store/compiled-policies.js";
import { createInputLoader, type EvaluationInput } from "../../src/store/evaluation-input.js";
import { scopesOf } from "../../src/store/revisions.js";
import {
  ACCOUNT,
  alias,
  allow,
  attach,
  type Fixture,
  group,
  key,
  OTHER_ACCOUNT,
  openFixture,
  role,
  secret,
  session,
  user,
} from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("input");
});
afterAll(() => fixture.close());
afterEach(() => fixture.sql.query("DELETE FROM attachment WHERE id <> ALL($1)", [original()]));

const original = (): (string | undefined)[] => ["a-own", "a-group", "a-bots"].map((name) => fixture.ids[name]);

async function load(principals: string[], resources: string[] = []): Promise<EvaluationInput> {
  const names = principals.map(parsePrincipalArn);
  const scopes = names.flatMap((name) => scopesOf(name, "*"));
  return createInputLoader(fixture.loadPool, createPolicyCompiler())({ principals: names, resources, scopes });
}

async function factsOf(principal: string): Promise<PrincipalFacts | null> {
  return (await load([principal])).principal(parsePrincipalArn(principal));
}

const attachmentsOf = (facts: PrincipalFacts | null): unknown[] =>
  (facts?.attachments ?? []).map(({ policy, attachedTo, scope }) => [policy.reference.name, attachedTo, scope.kind]);

describe("evaluation input: principals", () => {
  it("a user has its own policies and those of its groups", async () => {
    const facts = await factsOf(user("ann"));
    expect(facts).toMatchObject({ kind: "USER", arn: user("ann"), account: ACCOUNT });
    expect(attachmentsOf(facts)).toEqual([
      ["own", user("ann"), "ACCOUNT"],
      ["group", group("ops"), "ACCOUNT"],
    ]);
    const reference = { id: fixture.ids["own"], arn: `acs:ram::${ACCOUNT}:policy/own`, name: "own", type: "CUSTOM" };
    expect(facts?.attachments[0]?.policy).toMatchObject({ reference, version: "v1" });
    expect(facts?.attachments[0]?.policy.compiled).not.toBeNull();
  });

  it("names are found without case and reported as stored", async () => {
    expect(await factsOf(user("mIXED"))).toMatchObject({ arn: user("Mixed") });
  });

  it("a session has the policies of its role, under its own name, however its role is spelled", async () => {
    const facts = await factsOf(`acs:sts::${ACCOUNT}:assumed-role/BOT/s1`);
    expect(facts).toMatchObject({ kind: "ROLE_SESSION", arn: `acs:ram::${ACCOUNT}:assumed-role/bot/s1` });
    expect(attachmentsOf(facts)).toEqual([["bots", role("bot"), "ACCOUNT"]]);
    expect((await factsOf(role("bot")))?.kind).toBe("ROLE");
  });

  it("a role and its session can be asked about together", async () => {
    const input = await load([role("bot"), session("bot"), user("bob")]);
    expect(input.principal(parsePrincipalArn(role("bot")))?.kind).toBe("ROLE");
    expect(input.principal(parsePrincipalArn(session("bot")))?.kind).toBe("ROLE_SESSION");
    expect(input.principal(parsePrincipalArn(user("bob")))?.attachments).toEqual([]);
  });

  it("groups and the account owner are principals too", async () => {
    expect(await factsOf(`acs:ram::${ACCOUNT}:root`)).toMatchObject({ kind: "ACCOUNT_OWNER", attachments: [] });
    expect(attachmentsOf(await factsOf(group("ops")))).toEqual([["group", group("ops"), "ACCOUNT"]]);
  });

  it.each([user("nobody"), session("nobody"), "acs:ram::9:root", "acs:ram::9:user/ann"])(
    "%s is unknown",
    async (arn) => {
      expect(await factsOf(arn)).toBeNull();
    },
  );
});

describe("evaluation input: policies", () => {
  it("without a default version have no document", async () => {
    await attach(fixture.sql, fixture.ids, "lost", "bob");
    expect((await factsOf(user("bob")))?.attachments[0]?.policy).toMatchObject({ version: null, compiled: null });
  });

  it.each(["{", "{}", "null", '{"Version":"1"}', ""])("whose stored text is %j have no document", async (text) => {
    await attach(fixture.sql, fixture.ids, "spare", "bob");
    const update = "UPDATE policy_version SET document = $1 WHERE policy_id = $2";
    await fixture.sql.query(update, [text, fixture.ids["spare"]]);
    expect((await factsOf(user("bob")))?.attachments[0]?.policy).toMatchObject({ version: null, compiled: null });
    await fixture.sql.query(update, [allow("kms:*"), fixture.ids["spare"]]);
  });

  it("of another account have no document: no revision of this account moves with them", async () => {
    await attach(fixture.sql, fixture.ids, "foreign", "bob");
    expect((await factsOf(user("bob")))?.attachments[0]?.policy).toMatchObject({ version: null, compiled: null });
  });

  it("that the account overrides count instead of the built-in ones", async () => {
    await attach(fixture.sql, fixture.ids, "built-in", "bob");
    const builtIn = (await factsOf(user("bob")))?.attachments[0]?.policy;
    expect(builtIn).toMatchObject({ reference: { id: fixture.ids["built-in"], type: "SYSTEM" }, version: "v1" });
    const { rows } = await fixture.sql.query<{ id: string }>(
      `INSERT INTO policy (id, account_id, type, name, name_key, arn)
       VALUES (gen_random_uuid(), $1, 'SYSTEM', 'Built-In', 'built-in', 'acs:ram::system:policy/Built-In') RETURNING id`,
      [ACCOUNT],
    );
    const own = (await factsOf(user("bob")))?.attachments[0]?.policy;
    expect(own).toMatchObject({ reference: { id: rows[0]?.id, name: "Built-In" }, version: null, compiled: null });
    await fixture.sql.query("DELETE FROM policy WHERE id = $1", [rows[0]?.id]);
  });

  it("are compiled once", async () => {
    const compile = createPolicyCompiler();
    expect(compile(allow("kms:*"), "identity")).toBe(compile(allow("kms:*"), "identity"));
    expect(compile(allow("kms:*"), "trust")).toBeNull();
  });

  it.each<[Record<string, unknown>, number | null, number | null]>([
    [{}, null, null],
    [{ not_before: "2026-01-01T00:00:00.001Z", expires_at: "2030-01-01T08:00:00+08" }, 1767225600001, 1893456000000],
    [{ not_before: "infinity" }, 8640000000000000, null],
    [{ expires_at: "infinity" }, null, 8640000000000000],
    [{ expires_at: "-infinity" }, null, -8640000000000000],
    [{ not_before: "4714-11-24 00:00:00+00 BC", expires_at: "294276-12-31" }, -210866803200000, 8640000000000000],
  ])("attached with the window %j", async (columns, notBefore, expiresAt) => {
    await attach(fixture.sql, fixture.ids, "spare", "bob", "w", { ...columns, resource_group_id: "rg-1" });
    expect((await factsOf(user("bob")))?.attachments[0]).toMatchObject({
      notBefore,
      expiresAt,
      scope: { kind: "RESOURCE_GROUP", resourceGroup: "rg-1" },
    });
  });
});

describe("evaluation input: resources", () => {
  const UNKNOWN = {
    registered: false,
    resourceGroup: null,
    keyState: null,
    encryptionKeyArn: null,
    aliasTargetArn: null,
  };

  it("come with tags, group, state and the keys they point to", async () => {
    const input = await load([], [key("k1"), key("k2"), secret("db"), alias("one")]);
    expect(input.resource(key("k1"))).toEqual({
      ...UNKNOWN,
      arn: key("k1"),
      registered: true,
      resourceGroup: "rg-1",
      tags: new Map([["Project", "Apollo"]]),
      keyState: "ENABLED",
      trustPolicy: null,
    });
    expect(input.resource(key("k2"))).toMatchObject({ keyState: "DISABLED", resourceGroup: null, tags: new Map() });
    expect(input.resource(secret("db"))).toMatchObject({ encryptionKeyArn: key("k1"), aliasTargetArn: null });
    expect(input.resource(alias("one"))).toMatchObject({ encryptionKeyArn: null, aliasTargetArn: key("k1") });
  });

  it("are exact: another case or spelling is another resource", async () => {
    const others = [key("K1"), key("k1").replace("cn-hangzhou", "*"), "acs:ecs:cn-hangzhou:1:instance/i"];
    const input = await load([], others);
    for (const arn of others) expect(input.resource(arn)).toMatchObject({ ...UNKNOWN, arn });
  });

  it.each(["*", `acs:kms:cn-hangzhou:${ACCOUNT}:key`, `acs:kms:cn-hangzhou:${ACCOUNT}:secret`])(
    "%s is always known",
    async (arn) => {
      expect((await load([], [arn])).resource(arn)).toMatchObject({ ...UNKNOWN, arn, registered: true });
    },
  );

  it("roles come with their trust policy, without case", async () => {
    const asked = [role("BOT"), role("nobody"), user("ann")];
    const input = await load([], asked);
    expect(input.resource(role("BOT"))).toMatchObject({ arn: role("BOT"), registered: true });
    expect(input.resource(role("BOT")).trustPolicy).not.toBeNull();
    expect(input.resource(role("nobody"))).toMatchObject({ registered: false, trustPolicy: null });
    expect(input.resource(user("ann")).trustPolicy).toBeNull();
  });

  it("names of object members are only names", async () => {
    await fixture.sql.query("INSERT INTO resource_tag VALUES ($1, '__proto__', 'x'), ($1, 'constructor', 'y')", [
      fixture.ids["k2"],
    ]);
    const { tags } = (await load([], [key("k2")])).resource(key("k2"));
    expect([...tags].sort()).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });
});

describe("evaluation input: followed scopes", () => {
  const grp = (name: string): string => `grp:${group(name)}`;
  const pol = (name: string, account = ACCOUNT): string => `pol:acs:ram::${account}:policy/${name}`;
  const followedOf = async (...principals: string[]) => [...(await load(principals)).followed];

  it("of a user are its groups and the policies that it or they have", async () => {
    expect(await followedOf(user("ANN"))).toEqual([[user("ann"), [grp("ops"), pol("group"), pol("own")]]]);
  });

  it("name a policy that comes from several places once", async () => {
    const { sql, ids } = fixture;
    await attach(sql, ids, "group", "ann");
    await attach(sql, ids, "group", "ann", "again", { resource_group_id: "rg-1" });
    await attach(sql, ids, "own", "ops");
    expect(await followedOf(user("ann"))).toEqual([[user("ann"), [grp("ops"), pol("group"), pol("own")]]]);
  });

  it("of a session are those of its role", async () => {
    const followed = [[role("bot"), [pol("bots")]]];
    expect(await followedOf(`acs:sts::${ACCOUNT}:assumed-role/BOT/s1`)).toEqual(followed);
    expect(await followedOf(role("bot"))).toEqual(followed);
    expect(await followedOf(session("bot"), role("bot"))).toEqual(followed);
  });

  it("of a group are its policies", async () => {
    expect(await followedOf(group("ops"))).toEqual([[group("ops"), [pol("group")]]]);
  });

  it("are none for whom nothing is attached, and for unknown ones", async () => {
    const unknown = [user("nobody"), role("nobody"), `acs:ram::${OTHER_ACCOUNT}:root`];
    const names = [user("bob"), user("mixed"), `acs:ram::${ACCOUNT}:root`, ...unknown];
    expect(await followedOf(...names)).toEqual(names.map((name) => [name, []]));
    expect(await followedOf(session("nobody"))).toEqual([[role("nobody"), []]]);
  });

  it("are those of each, of several together", async () => {
    expect(await followedOf(session("bot"), user("bob"), user("ann"))).toEqual([
      [role("bot"), [pol("bots")]],
      [user("bob"), []],
      [user("ann"), [grp("ops"), pol("group"), pol("own")]],
    ]);
  });

  it("hold policies without a document, with a window that is over and of another account", async () => {
    const { sql, ids } = fixture;
    await attach(sql, ids, "lost", "bob");
    await attach(sql, ids, "foreign", "bob");
    await attach(sql, ids, "spare", "bob", "over", { expires_at: "2020-01-01" });
    expect(await followedOf(user("bob"))).toEqual([
      [user("bob"), [pol("lost"), pol("spare"), pol("foreign", OTHER_ACCOUNT)]],
    ]);
  });

  it("hold no policies of the system: those move what every question names", async () => {
    const { sql, ids } = fixture;
    await attach(sql, ids, "built-in", "bob");
    expect(await followedOf(user("bob"))).toEqual([[user("bob"), []]]);
    await sql.query(
      `INSERT INTO policy (id, account_id, type, name, name_key, arn)
       VALUES (gen_random_uuid(), $1, 'SYSTEM', 'built-in', 'built-in', 'acs:ram::system:policy/built-in')`,
      [ACCOUNT],
    );
    expect(await followedOf(user("bob"))).toEqual([[user("bob"), []]]);
    await sql.query("DELETE FROM policy WHERE account_id = $1 AND type = 'SYSTEM'", [ACCOUNT]);
  });

  it("are folded as the revisions are", async () => {
    const { sql } = fixture;
    await sql.query(
      `WITH g AS (
         INSERT INTO principal (id, account_id, kind, name, arn, arn_key)
         VALUES (gen_random_uuid(), $1, 'GROUP', 'Team', $2, lower($2)) RETURNING id
       ), p AS (
         INSERT INTO policy (id, account_id, type, name, name_key, arn)
         VALUES (gen_random_uuid(), $1, 'CUSTOM', 'ReadAll', 'readall', $3) RETURNING id
       ), m AS (
         INSERT INTO group_membership SELECT g.id, $4, $1 FROM g
       )
       INSERT INTO attachment (id, account_id, policy_id, principal_id)
       SELECT gen_random_uuid(), $1, p.id, g.id FROM p, g`,
      [ACCOUNT, group("Team"), `acs:ram::${ACCOUNT}:policy/ReadAll`, fixture.ids["bob"]],
    );
    const { followed, vector } = await load([user("bob")]);
    expect([...followed]).toEqual([[user("bob"), [grp("team"), pol("readall")]]]);
    expect(vector.get(grp("team"))).not.toBeNull();
    expect(vector.get(pol("readall"))).not.toBeNull();
    await sql.query("DELETE FROM principal WHERE name = 'Team'");
    await sql.query("DELETE FROM policy WHERE name = 'ReadAll'");
  });

  it("are read with their revisions, exactly those, in the one statement", async () => {
    const { sql } = fixture;
    const { rows } = await sql.query<{ scope: string; tag: string }>("SELECT scope, tag FROM scope_revision");
    const tags = new Map(rows.map(({ scope, tag }) => [scope, tag]));
    fixture.countStatements();
    const { vector } = await load([user("ann"), session("bot"), user("nobody")]);
    expect(fixture.countStatements()).toBe(1);
    const asked = [user("ann"), session("bot"), user("nobody")].flatMap((name) =>
      scopesOf(parsePrincipalArn(name), "*"),
    );
    const followed = [grp("ops"), pol("group"), pol("own"), pol("bots")];
    expect([...vector.keys()].sort()).toEqual([...new Set([...asked, ...followed])].sort());
    for (const scope of followed) expect(vector.get(scope)?.tag).toBe(tags.get(scope));
    expect(vector.get(`prin:${user("nobody")}`)).toBeNull();
  });
});

describe("evaluation input: one snapshot", () => {
  it("reads the revisions of just the state it reads", async () => {
    const before = await load([user("bob")]);
    await attach(fixture.sql, fixture.ids, "spare", "bob");
    const after = await load([user("bob")]);
    const scope = `prin:${user("bob")}`;
    expect(after.vector.get(scope)?.tag).not.toBe(before.vector.get(scope)?.tag);
    expect(Math.abs(after.now - Date.now())).toBeLessThan(60_000);
  });

  it("takes one statement for any number of principals and resources", async () => {
    fixture.countStatements();
    await load([user("ann")], [key("k1")]);
    expect(fixture.countStatements()).toBe(1);
    const many = Array.from({ length: 500 }, (_, index) => user(`u${index}`));
    await load(
      [...many, user("ann"), role("bot")],
      many.map((_, index) => key(`x${index}`)),
    );
    expect(fixture.countStatements()).toBe(1);
  });

  it("is never torn: while a writer moves a policy between two groups, a reader sees exactly one", async () => {
    const { sql, ids } = fixture;
    await sql.query(`INSERT INTO group_membership VALUES ($1, $2, '${ACCOUNT}') ON CONFLICT DO NOTHING`, [
      ids["devs"],
      ids["ann"],
    ]);
    let stop = false;
    const writer = (async () => {
      for (let turn = 0; !stop; turn += 1) {
        await sql.query("UPDATE attachment SET principal_id = $1 WHERE id = $2", [
          ids[turn % 2 ? "ops" : "devs"],
          ids["a-group"],
        ]);
      }
    })();
    const counts = new Set<number>();
    for (let turn = 0; turn < 150; turn += 1) counts.add((await factsOf(user("ann")))?.attachments.length ?? -1);
    stop = true;
    await writer;
    await sql.query("DELETE FROM group_membership WHERE group_id = $1", [ids["devs"]]);
    await sql.query("UPDATE attachment SET principal_id = $1 WHERE id = $2", [ids["ops"], ids["a-group"]]);
    expect([...counts]).toEqual([2]);
  });
});
