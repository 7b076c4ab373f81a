import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Administration, ChangeResult } from "../../src/administration/administration.js";
import type { Database } from "../../src/store/prisma-client.js";
import { countBlocked } from "../support/blocked.js";
import { withClient } from "../support/databases.js";
import type { Mutation } from "../support/mutation.js";
import { insist, runStorm } from "../support/storm.js";
import { brokenUseCases, USE_CASES, type UseCases } from "../support/use-cases.js";
import { ACCOUNT, arn, codesOf, READ_ALL, request, useAdministration } from "./setup.js";

// Many changes at once. Every check is also made of broken use cases, which it must find out.

vi.setConfig({ testTimeout: 120_000 }); // a loaded machine is slow, not wrong

const context = useAdministration("contention", 10);
const attachment = { policy: arn.policy("P"), principal: arn.user("ann") };

beforeAll(async () => {
  const { administration } = context;
  await USE_CASES.createAccount(administration, { account: ACCOUNT }, request());
  await USE_CASES.createUser(administration, { account: ACCOUNT, name: "ann" }, request());
  await USE_CASES.createPolicy(administration, { account: ACCOUNT, name: "P", document: READ_ALL }, request());
  await USE_CASES.registerKey(administration, { arn: arn.key("k") }, request());
});

const fifty = <T>(change: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: 50 }, (_, index) => insist(() => change(index))));

describe("50 concurrent updates with one expected revision", () => {
  const wanted = { won: 1, refused: Array(49).fill("CONFLICT"), events: 1, currentIsCurrent: true };

  async function race({ tagResource }: UseCases) {
    const { administration } = context;
    const tag = (value: string, expectedRevision: string | null) =>
      tagResource(
        administration,
        { resource: arn.key("k"), tags: [{ key: "n", value }] },
        request({ expectedRevision }),
      );
    const { revision } = await tag(`start ${Math.random()}`.replace(" ", "-"), null);
    const events = await administration.db.auditEvent.count();
    const results = await fifty((index) => tag(`${index}`, revision));
    const done = (await administration.db.auditEvent.count()) - events;
    const current = results.flatMap(({ userErrors }) =>
      userErrors.map(({ currentRevision }) => currentRevision ?? null),
    );
    const again = await Promise.all(current.map((token) => tag("again", token)));
    return {
      won: results.filter(({ changed }) => changed).length,
      refused: results.flatMap(codesOf),
      events: done,
      currentIsCurrent: again.filter(({ changed }) => changed).length === 1,
    };
  }

  test("one wins, 49 learn the current revision", async () => {
    expect(await race(USE_CASES)).toEqual(wanted);
  });

  test.each<Mutation>([
    {
      name: "the expected revision is ignored",
      file: "change-account.ts",
      find: "if (!moved) return;",
      replace: "if (moved !== null) return;",
    },
    {
      name: "the scopes are read without locking them",
      file: "change-account.ts",
      find: "ORDER BY scope FOR UPDATE",
      replace: "ORDER BY scope",
    },
    {
      name: "a conflict does not say what is current",
      file: "change-account.ts",
      find: "const currentRevision = tokens.issue(guards, now);",
      replace: `const before = [...guards.keys()].map((scope) => [scope, { rev: expected.get(scope) ?? 0, tag: "" }] as const);
  const currentRevision = tokens.issue(new Map(before), now);`,
    },
  ])("finds out that $name", async (mutation) => {
    expect(await race(await brokenUseCases(mutation))).not.toEqual(wanted);
  });
});

describe("50 concurrent calls with one idempotency key", () => {
  const wanted = { payloads: 1, changed: true, events: 1, attached: false, third: "as the first" };

  async function race({ attachPolicy, detachPolicy }: UseCases) {
    const { administration } = context;
    await USE_CASES.detachPolicy(administration, attachment, request());
    const events = await administration.db.auditEvent.count();
    const [k1, k2] = [`k1-${Math.random()}`, `k2-${Math.random()}`];
    const results = await fifty(() => attachPolicy(administration, attachment, request({ idempotencyKey: k1 })));
    const done = (await administration.db.auditEvent.count()) - events;
    await fifty(() => detachPolicy(administration, attachment, request({ idempotencyKey: k2 })));
    const again = await fifty(() => attachPolicy(administration, attachment, request({ idempotencyKey: k1 })));
    const payloads = new Set([...results, ...again].map((result) => JSON.stringify(result, sortedMembers)));
    return {
      payloads: payloads.size,
      changed: results[0]?.changed,
      events: done,
      attached: (await administration.db.attachment.count()) > 0,
      third: JSON.stringify(again[0]?.value) === JSON.stringify(results[0]?.value) ? "as the first" : "another",
    };
  }

  test("have one effect and one answer, which later calls get too, whatever came between", async () => {
    expect(await race(USE_CASES)).toEqual(wanted);
  });

  test.each<Mutation>([
    {
      name: "the key is not looked at",
      file: "idempotency.ts",
      find: "if (inserted === 1) return key;",
      replace: "if (inserted <= 1) return key;",
    },
    {
      name: "the answer is not kept",
      file: "change-account.ts",
      find: "if (claim !== null) await storeResponse(tx, claim, result);",
      replace: "",
    },
    {
      name: "no idempotency record is made",
      file: "change-account.ts",
      find: "if (!isGiven(key) || request.dryRun) return null;",
      replace: "if (key !== undefined || request.dryRun) return null;",
    },
  ])("finds out that $name", async (mutation) => {
    expect(await race(await brokenUseCases(mutation))).not.toEqual(wanted);
  });
});

describe("quotas of what is changed by many at once", () => {
  const [POLICIES, VERSIONS, MORE] = [3, 5, 12];
  let round = 0;

  /** How many policies a group has, how many versions a policy has, and how many policies the account has then. */
  async function race({ attachPolicy, createPolicy, createPolicyVersion }: UseCases) {
    const { administration } = context;
    round += 1;
    const limited = limitedTo({ customPoliciesPerIdentity: POLICIES, versionsPerPolicy: VERSIONS });
    const [group, names] = [`quota-${round}`, Array.from({ length: MORE }, (_, i) => `Quota-${round}-${i}`)];
    await USE_CASES.createGroup(administration, { account: ACCOUNT, name: group }, request());
    for (const name of names)
      await USE_CASES.createPolicy(administration, { account: ACCOUNT, name, document: READ_ALL }, request());
    const attached = await atOnce(names, (name) =>
      attachPolicy(limited, { policy: arn.policy(name), principal: arn.group(group) }, request()),
    );
    const versions = await atOnce(names, () =>
      createPolicyVersion(limited, { policy: arn.policy(names[0] ?? ""), document: READ_ALL }, request()),
    );
    const most = await administration.db.policy.count({ where: { accountId: ACCOUNT } });
    const full = limitedTo({ customPoliciesPerAccount: most + POLICIES });
    const policies = await atOnce(names, (name) =>
      createPolicy(full, { account: ACCOUNT, name: `${name}-more`, document: READ_ALL }, request()),
    );
    return { attached, versions, policies };
  }

  const atOnce = async (names: readonly string[], change: (name: string) => Promise<ChangeResult<unknown>>) => {
    const results = await Promise.all(names.map((name) => insist(() => change(name))));
    return { made: results.filter(({ changed }) => changed).length, refused: [...new Set(results.flatMap(codesOf))] };
  };

  const wanted = {
    attached: { made: POLICIES, refused: ["LIMIT_EXCEEDED_GROUP_POLICY"] },
    versions: { made: VERSIONS - 1, refused: ["LIMIT_EXCEEDED_POLICY_VERSION"] },
    policies: { made: POLICIES, refused: ["LIMIT_EXCEEDED_POLICY"] },
  };

  test("hold", async () => {
    expect(await race(USE_CASES)).toEqual(wanted);
  });

  test.each<Mutation & { quota: keyof typeof wanted }>([
    {
      quota: "attached",
      name: "what is attached to a group locks another scope",
      file: "attachment-target.ts",
      find: `principal.kind === "GROUP" ? "grp" : "prin"`,
      replace: `principal.kind === "GROUP" ? policy.arn : "prin"`,
    },
    {
      quota: "versions",
      name: "changes of a policy lock no scope",
      file: "policy-change.ts",
      find: "scopes: policyScopes(name)",
      replace: "scopes: []",
    },
    {
      quota: "policies",
      name: "new policies do not wait for one another",
      file: "create-policy.ts",
      find: `lock: "counted"`,
      replace: `lock: "shared"`,
    },
  ])("find out that $name", async ({ quota, ...mutation }) => {
    const found = await race(await brokenUseCases(mutation));
    expect(found[quota].made).toBeGreaterThan(wanted[quota].made);
  });
});

describe("changes of what is being made at the moment", () => {
  let round = 0;

  /** Six changes, of which one may be made, have looked for the scope of a thing when its maker commits. */
  async function race(
    make: (name: string) => string,
    change: (name: string, index: number) => Promise<ChangeResult<unknown>>,
  ) {
    const { administration, url } = context;
    round += 1;
    const name = `fresh-${round}`;
    return withClient(url, async (maker) => {
      await maker.query("BEGIN; LOCK TABLE principal, policy IN ACCESS EXCLUSIVE MODE");
      await maker.query(make(name));
      const changes = Promise.all(Array.from({ length: 6 }, (_, index) => change(name, index)));
      await waitUntilBlocked(administration.db, 6);
      await maker.query("COMMIT");
      const results = await changes;
      return { made: results.filter(({ changed }) => changed).length, refused: results.flatMap(codesOf) };
    });
  }
  const attachTo = ({ attachPolicy }: UseCases) =>
    race(
      (name) => `INSERT INTO principal (id, account_id, kind, name, arn, arn_key)
        VALUES (gen_random_uuid(), '${ACCOUNT}', 'GROUP', '${name}', '${arn.group(name)}', '${arn.group(name)}')`,
      (name, index) => {
        const input = { policy: arn.policy(`Made-${index}`), principal: arn.group(name) };
        return attachPolicy(limitedTo({ customPoliciesPerIdentity: 1 }), input, request());
      },
    );
  const addTo = ({ createPolicyVersion }: UseCases) =>
    race(
      (name) => `WITH p AS (
          INSERT INTO policy (id, account_id, type, name, name_key, arn, last_version)
          VALUES (gen_random_uuid(), '${ACCOUNT}', 'CUSTOM', '${name}', '${name}', '${arn.policy(name)}', 1) RETURNING id)
        INSERT INTO policy_version (id, policy_id, number, document, is_default)
        SELECT gen_random_uuid(), id, 1, '{}', true FROM p`,
      (name) => {
        const input = { policy: arn.policy(name), document: READ_ALL };
        return createPolicyVersion(limitedTo({ versionsPerPolicy: 2 }), input, request());
      },
    );

  beforeAll(async () => {
    for (let index = 0; index < 6; index += 1) {
      const input = { account: ACCOUNT, name: `Made-${index}`, document: READ_ALL };
      await USE_CASES.createPolicy(context.administration, input, request());
    }
  });

  const UNGUARDED: Mutation = {
    name: "scopes that are not there are not locked",
    file: "change-account.ts",
    find: "if (rows.length < scopes.length)",
    replace: "if (rows.length > scopes.length)",
  };

  test("wait for one another too: a new group's quota holds", async () => {
    expect(await attachTo(USE_CASES)).toEqual({ made: 1, refused: Array(5).fill("LIMIT_EXCEEDED_GROUP_POLICY") });
    expect((await attachTo(await brokenUseCases(UNGUARDED))).made).toBeGreaterThan(1);
  });

  test("wait for one another too: a new policy's quota holds", async () => {
    expect(await addTo(USE_CASES)).toEqual({ made: 1, refused: Array(5).fill("LIMIT_EXCEEDED_POLICY_VERSION") });
    expect((await addTo(await brokenUseCases(UNGUARDED))).made).toBeGreaterThan(1);
  });
});

describe("changes that run into serialization failures and deadlocks", () => {
  const strained = useAdministration("strained", 10);
  const places = ["idempotency_record", "attachment", "principal_tag", "resource_tag", "audit_event", "commit"];
  const oneIn = 50;

  beforeAll(async () => {
    await withClient(strained.url, (client) => client.query(STRIKES));
  });

  let accounts = 100;
  const storm = (useCases: UseCases, changes: number, seed: number) => {
    accounts += 10;
    const own = [accounts, accounts + 1, accounts + 2].map(String);
    const administration = generous(strained.administration);
    return runStorm({ useCases, administration, accounts: own, changes, inFlight: 16, seed });
  };

  test("2,000 contended changes: no failure reaches a caller, none is lost, none is doubled", {
    timeout: 300_000,
  }, async () => {
    expect((await storm(USE_CASES, 2_000, 1)).problems).toEqual([]);
    const failures = await strikesOf(strained.administration.db);
    expect(Object.keys(failures).sort()).toEqual([...places].sort());
    for (const place of places) expect([place, (failures[place] ?? 0) >= 2]).toEqual([place, true]);
    expect(Object.values(failures).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100);
  });

  test.each<Mutation>([
    {
      name: "nothing is retried",
      file: "change-account.ts",
      find: "const ATTEMPTS = 6;",
      replace: "const ATTEMPTS = 1;",
    },
    {
      name: "serialization failures and deadlocks are not retried",
      file: "change-account.ts",
      find: "const raced = isRetryable(error) || isUniqueViolation(error)",
      replace: "const raced = isUniqueViolation(error)",
    },
    {
      name: "a change that failed is acknowledged: lost",
      file: "change-account.ts",
      find: "await sleep(Math.random() * 10 * 2 ** attempts);",
      replace: "return { result: { value: null, userErrors: [], changed: true, revision: null }, moved: [] } as T;",
    },
    {
      name: "a change is made twice: doubled",
      file: "change-account.ts",
      find: "const after = effect.changed ? await readRevisions(tx, change.scopes) : before;",
      replace:
        "const after = before; if (effect.changed) await recordAuditEvent(tx, administration, request, change, effect, { before, after });",
    },
  ])("finds out that $name", async (mutation) => {
    expect((await storm(await brokenUseCases(mutation), 200, 2)).problems).not.toEqual([]);
  });

  test("so slow that locks are not to be had in time: who comes again with the same key makes a change once", async () => {
    const slow = { useCases: USE_CASES, administration: generous(strained.administration), accounts: ["777"] };
    const { busy, problems } = await runStorm({ ...slow, changes: 30, inFlight: 9, seed: 3 });
    expect(problems).toEqual([]);
    expect(busy).toBeGreaterThan(0);
  });

  /** In each place, one statement in so many fails as PostgreSQL fails, in turn for either reason. */
  const STRIKES = `
    CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE strikes bigint := nextval('strike_' || TG_ARGV[0]);
    BEGIN
      IF strikes % ${oneIn} = 0 THEN
        RAISE EXCEPTION 'struck' USING ERRCODE = CASE WHEN strikes % ${2 * oneIn} = 0 THEN '40001' ELSE '40P01' END;
      END IF;
      RETURN NULL;
    END $$;
    ${places.map((place) => `CREATE SEQUENCE strike_${place};`).join("\n")}
    ${places
      .filter((place) => place !== "commit")
      .map(
        (place) => `CREATE TRIGGER zz_strike AFTER INSERT OR UPDATE OR DELETE ON ${place}
          FOR EACH STATEMENT EXECUTE FUNCTION strike('${place}');`,
      )
      .join("\n")}
    CREATE CONSTRAINT TRIGGER zz_strike_commit AFTER INSERT ON audit_event DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION strike('commit');
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.account_id = '777' AND NEW.request_id <> 'furnish' THEN PERFORM pg_sleep(0.5); END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER zz_dawdle AFTER INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION dawdle();`;

  /** How many statements have failed, by place. */
  async function strikesOf(db: Database): Promise<Record<string, number>> {
    const rows = await db.$queryRaw<{ name: string; last: bigint }[]>`
      SELECT sequencename::text AS name, last_value AS last FROM pg_sequences WHERE sequencename LIKE 'strike%'`;
    return Object.fromEntries(rows.map(({ name, last }) => [name.slice(7), Math.floor(Number(last) / oneIn)]));
  }
});

test("a real deadlock with another transaction is retried behind it", async () => {
  const { administration, url } = context;
  // on a slow machine the lock may time out before the deadlock is there: then once more
  const result = await insist(() =>
    withClient(url, async (other) => {
      await other.query("BEGIN; SET LOCAL deadlock_timeout = '20s'"); // so that the change is the one to give way
      await other.query("SELECT FROM audit_head WHERE account_id = $1 FOR UPDATE", [ACCOUNT]);
      const tag = { resource: arn.user("ann"), tags: [{ key: "deadlocked", value: "yes" }] };
      const change = USE_CASES.tagResource(administration, tag, request());
      await waitUntilBlocked(administration.db);
      await other.query("SELECT FROM scope_revision WHERE scope = $1 FOR UPDATE", [`prin:${arn.user("ann")}`]);
      await other.query("COMMIT");
      return await change;
    }),
  );
  expect(result).toMatchObject({ changed: true, userErrors: [] });
});

async function waitUntilBlocked(db: Database, count = 1): Promise<void> {
  await expect.poll(() => countBlocked(db), { timeout: 10_000, interval: 20 }).toBe(count);
}

function limitedTo(limits: Partial<Administration["limits"]>): Administration {
  const { administration } = context;
  return { ...administration, limits: { ...administration.limits, ...limits } };
}

/** Quotas that a storm does not reach, but for the versions of a policy. */
function generous(administration: Administration): Administration {
  const limits = Object.fromEntries(Object.keys(administration.limits).map((limit) => [limit, 10_000]));
  return { ...administration, limits: { ...administration.limits, ...limits, versionsPerPolicy: 5 } };
}

function sortedMembers(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort());
}
