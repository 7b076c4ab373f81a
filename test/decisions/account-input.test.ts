import type pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePrincipalArn } from "../../src/domain/principal.js";
import { createAccountLoader, type LoadAccount } from "../../src/store/account-input.js";
import { createPolicyCompiler } from "../../src/store/compiled-policies.js";
import { createInputLoader } from "../../src/store/evaluation-input.js";
import { ACCOUNT, allow, attach, type Fixture, key, openFixture, role, secret, session, user } from "./fixture.js";

let fixture: Fixture;
let load: LoadAccount;
const compile = createPolicyCompiler();
beforeEach(async () => {
  fixture = await openFixture("account");
  load = createAccountLoader(fixture.loadPool, compile);
});
afterEach(() => fixture.close());

const REQUEST = { account: ACCOUNT, resources: [], at: null, scopes: [] } as const;
const sql = (text: string, values: unknown[] = []) => fixture.sql.query(text, values);

async function openSession(name: string, expires = "1 hour", policy: string | null = null): Promise<void> {
  await sql(
    `INSERT INTO role_session (id, account_id, role_id, arn, session_name, token_digest, session_policy, issued_to, issued_at, expires_at)
     VALUES (gen_random_uuid(), '${ACCOUNT}', $1, $2, $3, decode(repeat('00', 32), 'hex'), $4, 'operator:x',
       now() - interval '2 hours', now() + $5::interval)`,
    [fixture.ids["bot"], `acs:ram::${ACCOUNT}:assumed-role/bot/${name}`, name, policy, expires],
  );
}

describe("an account that is loaded", () => {
  it("has everybody in it with what a question about each would load", async () => {
    await attach(fixture.sql, fixture.ids, "built-in", "Mixed");
    await attach(fixture.sql, fixture.ids, "foreign", "Mixed");
    await attach(fixture.sql, fixture.ids, "lost", "ops");
    await sql("INSERT INTO group_membership (group_id, user_id, account_id) VALUES ($1, $2, $3)", [
      ...[fixture.ids["devs"], fixture.ids["ann"], ACCOUNT],
    ]);
    await openSession("s1", "1 hour", allow("kms:Decrypt"));
    await openSession("s1");
    await openSession("over", "-1 hour");
    const { principals } = await load(REQUEST);
    const names = principals.map(({ facts }) => facts.arn);
    const owner = `acs:ram::${ACCOUNT}:root`;
    expect(names).toEqual([role("bot"), owner, user("ann"), user("bob"), user("Mixed"), session("bot")]);
    const one = createInputLoader(fixture.loadPool, compile);
    const input = await one({ principals: names.map(parsePrincipalArn), resources: [], scopes: ["glob"] });
    for (const { facts } of principals) expect(facts).toEqual(input.principal(parsePrincipalArn(facts.arn)));
  });

  it("has the resources that are asked about, and what they rest on", async () => {
    const asked = await load({ ...REQUEST, resources: [secret("db"), role("bot")] });
    expect(asked.resource(secret("db")).encryptionKeyArn).toBe(key("k1"));
    expect(asked.resource(key("k1"))).toMatchObject({ registered: true, resourceGroup: "rg-1", keyState: "ENABLED" });
    expect(asked.resource(role("bot")).trustPolicy).not.toBeNull();
    expect(asked.resource(key("none")).registered).toBe(false);
  });

  it("takes one statement for as long as nothing moves, and two where something has", async () => {
    fixture.countStatements();
    await load(REQUEST);
    expect(fixture.countStatements()).toBe(1);
    const first = await load(REQUEST);
    expect(fixture.countStatements()).toBe(1);
    await attach(fixture.sql, fixture.ids, "spare", "bob");
    const second = await load(REQUEST);
    expect(fixture.countStatements()).toBe(2);
    expect(second.tag).not.toBe(first.tag);
  });

  it("takes one more where policies of other accounts have come to be attached", async () => {
    await load(REQUEST);
    fixture.countStatements();
    await attach(fixture.sql, fixture.ids, "foreign", "Mixed");
    await load(REQUEST);
    expect(fixture.countStatements()).toBe(3);
    await attach(fixture.sql, fixture.ids, "spare", "bob");
    await load(REQUEST);
    expect(fixture.countStatements()).toBe(2);
  });

  it("leaves out the documents of policies that have not moved", async () => {
    const loaded: number[] = [];
    const query = fixture.loadPool.query.bind(fixture.loadPool);
    const listening = async (asked: pg.QueryConfig) => {
      const result: pg.QueryResult<{ policies?: unknown[][] }> = await query(asked);
      const policies = result.rows[0]?.policies ?? [];
      if (policies.length > 0)
        loaded.push(policies.filter((policy) => policy.at(-1) !== null && policy[1] !== null).length);
      return result;
    };
    fixture.loadPool.query = listening as typeof query;
    const before = await load(REQUEST);
    await attach(fixture.sql, fixture.ids, "spare", "bob");
    const after = await load(REQUEST);
    expect(loaded[0]).toBeGreaterThan(1);
    expect(loaded[1]).toBe(1);
    const policiesOf = ({ principals }: typeof before) =>
      principals.find(({ facts }) => facts.arn === user("ann"))?.facts;
    expect(policiesOf(after)).toEqual(policiesOf(before));
  });

  it("is loaded once for all who want it at the same time", async () => {
    const names: unknown[] = [];
    const query = fixture.loadPool.query.bind(fixture.loadPool);
    fixture.loadPool.query = ((asked: pg.QueryConfig) => [names.push(asked.name), query(asked)][1]) as typeof query;
    await Promise.all(Array.from({ length: 5 }, () => load(REQUEST)));
    expect(names.filter((name) => name === "ramgate_account")).toHaveLength(1);
  });

  it("is not known when there is none", async () => {
    expect(await load({ ...REQUEST, account: "9999999999999999" })).toMatchObject({ known: false, principals: [] });
  });

  it("has the sessions that were open at an instant", async () => {
    await openSession("over", "-1 hour");
    const before = Date.now() - 90 * 60_000;
    const arns = async (at: number | null) => (await load({ ...REQUEST, at })).principals.map(({ facts }) => facts.arn);
    expect(await arns(before)).toContain(`acs:ram::${ACCOUNT}:assumed-role/bot/over`);
    expect(await arns(null)).not.toContain(`acs:ram::${ACCOUNT}:assumed-role/bot/over`);
  });

  it("is refused where the revisions do not show", async () => {
    await load(REQUEST);
    await sql("DELETE FROM gateway_secret");
    await sql("ALTER TABLE scope_revision DISABLE TRIGGER authz_revision_keep");
    await sql("DELETE FROM scope_revision");
    await expect(load(REQUEST)).rejects.toThrow("does not show its revisions");
  });
});
