import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AccountState, LoadAccount } from "../../src/store/account-input.js";
import { createAccountLoader } from "../../src/store/account-input.js";
import { createPolicyCompiler } from "../../src/store/compiled-policies.js";
import { openLoadPool } from "../../src/store/evaluation-input.js";
import { ACCOUNT, attach, type Fixture, key, openFixture, role, secret } from "../decisions/fixture.js";
import { seedOf, times } from "../support/long-form.js";
import { type Mutation, reportKilled } from "../support/mutation.js";
import { randomFrom } from "../support/random-cases.js";
import { SQL_CHANGES } from "./random-changes.js";

// What a gateway keeps of a whole account is what it would load: whoever changes anything, psql included, moves the
// revision that it is kept under.

let fixture: Fixture;
beforeEach(open);
afterEach(() => fixture.close());

async function open(): Promise<void> {
  fixture = await openFixture("whole");
  await attach(fixture.sql, fixture.ids, "foreign", "Mixed");
  await attach(fixture.sql, fixture.ids, "built-in", "Mixed");
}

async function reopen(): Promise<void> {
  await fixture.close();
  await open();
}

const ROUNDS = 20;
const compile = createPolicyCompiler();
const RESOURCES = [key("k1"), key("k2"), secret("db"), role("bot")];
const REQUEST = { account: ACCOUNT, resources: RESOURCES, scopes: [] } as const;
const CHANGES = times({ short: 250, long: 2_500 });

/** All that answers are made of. */
function visible({ principals, resource, known }: AccountState): string {
  const facts = RESOURCES.map(resource).map((each) => ({ ...each, tags: [...each.tags] }));
  return JSON.stringify([known, principals.map(({ id, facts: held }) => ({ id, ...held })), facts]);
}

/** Changes the database at random, until what is kept is not what is there; null: that never happens. */
async function firstMissed(create: () => LoadAccount, seed: number, made = new Set<number>()): Promise<string | null> {
  const load = create();
  const random = randomFrom(seed);
  let tag = "";
  for (let turn = 0; turn < CHANGES; turn += 1) {
    const place = turn % SQL_CHANGES.length;
    const sql = SQL_CHANGES[place]?.sql((below) => Math.floor(random() * below), fixture.ids) ?? "";
    const changed = await fixture.sql.query(sql).then(
      ({ rowCount }) => (rowCount ?? 0) > 0,
      () => false, // checks of the database may forbid it
    );
    const request = { ...REQUEST, at: Date.now() };
    const [kept, there] = [await load(request), await create()(request)];
    if (visible(kept) !== visible(there)) return sql;
    if (kept.tag !== there.tag) return `another tag: ${sql}`;
    if (changed && kept.tag !== tag) made.add(place);
    tag = kept.tag;
  }
  return null;
}

describe("what is kept of an account", { timeout: 600_000 }, () => {
  it(`is what is there, after each of ${CHANGES} random changes`, async () => {
    const made = new Set<number>();
    expect(
      await firstMissed(() => createAccountLoader(fixture.loadPool, compile), seedOf("whole accounts"), made),
    ).toBeNull();
    console.log(`whole accounts: ${made.size} of ${SQL_CHANGES.length} kinds of change moved it`);
    expect(made.size).toBeGreaterThan(SQL_CHANGES.length / 2);
  });

  const without = (scope: string, name: string): Mutation => ({
    name: `the revision of an account leaves out ${name}`,
    file: "store/account-statement.ts",
    find: `\n    UNION ALL \${scopesFrom("'${scope}`,
    replace: `\n    UNION ALL \${scopesFrom("'z' || '${scope}`,
  });
  const MUTATIONS: readonly Mutation[] = [
    without("grp:acs:ram::' || $1 || ':'\", \"'grp", "its groups"),
    without("pol:acs:ram::' || $1 || ':'\", \"'pol", "its policies"),
    without("prin:acs:ram::' || $1 || ':assumed-role0'\", \"'prin", "its users"),
    {
      name: "policies of other accounts are named as they were",
      file: "store/account-input.ts",
      find: "foreign.every(([scope, , tag]) => tags.get(scope) === tag)",
      replace: "tags.size > 0",
    },
    {
      name: "what is kept is taken whatever the revision is",
      file: "store/account-input.ts",
      find: "revision === row.revision && foreign",
      replace: "foreign",
    },
  ];

  it.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))("is found out: %s", async (_, mutation) => {
    const query = Buffer.from(JSON.stringify(mutation)).toString("base64url");
    const broken = (await import(/* @vite-ignore */ `../../src/store/account-input.js?mutant=${query}`)) as {
      createAccountLoader: typeof createAccountLoader;
    };
    let found: string | null = null;
    for (let round = 1; round <= ROUNDS && found === null; round += 1) {
      if (round > 1) await reopen();
      const pool = openLoadPool(fixture.url, 2); // of its own: here a known name is another statement
      found = await firstMissed(() => broken.createAccountLoader(pool, compile), round);
      await pool.end();
    }
    expect(found).not.toBeNull();
    reportKilled(mutation.name);
  });
});
