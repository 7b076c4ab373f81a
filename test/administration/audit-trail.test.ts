import { beforeAll, describe, expect, test } from "vitest";
import { addUserToGroup } from "../../src/administration/add-user-to-group.js";
import type { Administration } from "../../src/administration/administration.js";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { hashOf, sealOf, targetKey } from "../../src/administration/audit-record.js";
import { createAccount } from "../../src/administration/create-account.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createPolicyVersion } from "../../src/administration/create-policy-version.js";
import { createResourceGroup } from "../../src/administration/create-resource-group.js";
import { createRole } from "../../src/administration/create-role.js";
import { createUser } from "../../src/administration/create-user.js";
import { detachPolicy } from "../../src/administration/detach-policy.js";
import { importAccount } from "../../src/administration/import-account.js";
import { moveToResourceGroup } from "../../src/administration/move-to-resource-group.js";
import { registerAlias } from "../../src/administration/register-alias.js";
import { registerKey } from "../../src/administration/register-key.js";
import { registerSecret } from "../../src/administration/register-secret.js";
import { removeUserFromGroup } from "../../src/administration/remove-user-from-group.js";
import { setDefaultPolicyVersion } from "../../src/administration/set-default-policy-version.js";
import { tagResource } from "../../src/administration/tag-resource.js";
import { untagResource } from "../../src/administration/untag-resource.js";
import {
  type Verification,
  type VerifiedTrail,
  verifyAuditTrail,
  verifyTrail,
} from "../../src/administration/verify-audit-trail.js";
import { NotFoundError } from "../../src/domain/errors.js";
import type { Transaction } from "../../src/store/prisma-client.js";
import { ACCOUNT, AUDIT_KEY, arn, READ_ALL, request, TRUST, useAdministration } from "./setup.js";

const REASON = 'for "good", it\'s 3:a\\,b ü\u2028\u007f😀';
const OTHER = "2000000000000002";
const context = useAdministration("audit_trail", 10);
const attachment = { policy: arn.policy("P"), principal: arn.user("Ann") };

beforeAll(async () => {
  const { administration } = context;
  await createAccount(administration, { account: ACCOUNT, alias: "main" }, request({ reason: "start" }));
  await createAccount(administration, { account: OTHER }, request());
  for (const name of ["Ann", "bob", "carol"]) await createUser(administration, { account: ACCOUNT, name }, request());
  await createUser(administration, { account: OTHER, name: "dave" }, request());
  await createPolicy(administration, { account: ACCOUNT, name: "P", document: READ_ALL }, request());
  await createRole(administration, { account: ACCOUNT, name: "Bot", trustPolicy: TRUST }, request());
  await registerKey(administration, { arn: arn.key("k"), tags: [{ key: "a", value: "1" }] }, request());
  await tagResource(administration, { resource: arn.key("k"), tags: [{ key: "b", value: "2" }] }, request());
  await attachPolicy(administration, { ...attachment, expiresAt: new Date("2030-01-01T00:00:00Z") }, request());
  await attachPolicy(administration, attachment, request({ reason: REASON }));
});

async function verified(
  administration: Administration,
  account?: string,
  known: NonNullable<Verification["known"]> = new Map(),
): Promise<VerifiedTrail[]> {
  const trails: VerifiedTrail[] = [];
  for await (const trail of verifyAuditTrail(administration, { account, known })) trails.push(trail);
  return trails;
}

async function lastEvent(account = ACCOUNT) {
  return context.administration.db.auditEvent.findFirstOrThrow({
    where: { accountId: account },
    orderBy: { sequence: "desc" },
  });
}

describe("an event", () => {
  test("says who did what, why, and what it came to", async () => {
    const scope = `prin:${arn.user("ann")}`;
    const { rev } = await context.administration.db.authzRevision.findUniqueOrThrow({ where: { scope } });
    expect(await lastEvent()).toMatchObject({
      actor: "operator:test",
      action: "attachPolicy",
      targets: [arn.policy("P"), arn.user("Ann")],
      targetKeys: [arn.policy("p"), arn.user("ann")],
      reason: REASON,
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      before: { ...attachment, resourceGroup: null, notBefore: null, expiresAt: "2030-01-01T00:00:00.000Z" },
      after: { ...attachment, resourceGroup: null, notBefore: null, expiresAt: null },
      revision: { [scope]: Number(rev) },
    });
  });

  test("follows the one before it", async () => {
    const events = await context.administration.db.auditEvent.findMany({
      where: { accountId: ACCOUNT },
      orderBy: { sequence: "asc" },
    });
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    const hashes = events.map(({ hash }) => Buffer.from(hash).toString("hex"));
    const previous = events.map(({ previousHash }) => Buffer.from(previousHash).toString("hex"));
    expect(previous).toEqual(["0".repeat(64), ...hashes.slice(0, -1)]);
    const times = events.map(({ at }) => at.getTime());
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test("has no before of what was made and no after of what is gone", async () => {
    const { administration } = context;
    const { db } = administration;
    const made = await db.auditEvent.findFirstOrThrow({ where: { action: "registerKey" } });
    expect([made.before, made.after]).toEqual([null, expect.objectContaining({ arn: arn.key("k"), tags: { a: "1" } })]);
    await untagResource(administration, { resource: arn.key("k"), tagKeys: ["a", "none"] }, request());
    const untagged = await lastEvent();
    expect([untagged.before, untagged.after]).toEqual([{ tags: { a: "1", b: "2" } }, { tags: { b: "2" } }]);
    await detachPolicy(administration, attachment, request());
    expect(await lastEvent()).toMatchObject({ before: attachment, after: null });
  });

  test("is left by neither a dry run, nor a refused change, nor one that changes nothing; a replay leaves one", async () => {
    const { administration } = context;
    const count = () => administration.db.auditEvent.count();
    const before = await count();
    await createUser(administration, { account: ACCOUNT, name: "ghost" }, request({ dryRun: true }));
    await createUser(administration, { account: ACCOUNT, name: "Ann" }, request());
    await createUser(administration, { account: ACCOUNT, name: "no name" }, request());
    await detachPolicy(administration, attachment, request());
    expect(await count()).toBe(before);
    for (let i = 0; i < 3; i += 1) {
      await createUser(administration, { account: ACCOUNT, name: "once" }, request({ idempotencyKey: "once" }));
    }
    expect(await count()).toBe(before + 1);
  });

  test("of an import holds the plan, not the snapshot", async () => {
    const snapshot = { version: 1, account: { id: OTHER, alias: "other" }, users: [{ name: "erin" }] };
    await importAccount(context.administration, { account: OTHER, snapshot, mode: "REPLACE" }, request());
    expect(await lastEvent(OTHER)).toMatchObject({
      action: "importAccount",
      input: { mode: "REPLACE", snapshotSha256: expect.any(String) },
      before: { alias: null },
      after: {
        alias: "other",
        plan: { account: "UPDATE", counts: [{ kind: "PRINCIPAL", created: 1, updated: 0, deleted: 1 }] },
      },
    });
    expect(await context.administration.db.auditEvent.count({ where: { accountId: OTHER } })).toBe(3);
  });
});

describe("every change says what was and what is", () => {
  const membership = { user: arn.user("carol"), group: arn.group("G") };
  const steps: [string, () => Promise<unknown>, Record<string, unknown> | null, Record<string, unknown> | null][] = [
    [
      "createAccount",
      () => createAccount(context.administration, { account: "10", alias: "ten" }, request()),
      null,
      { account: "10", alias: "ten" },
    ],
    [
      "createResourceGroup",
      () => createResourceGroup(context.administration, { account: ACCOUNT, id: "rg-1", name: "one" }, request()),
      null,
      { id: "rg-1", name: "one" },
    ],
    [
      "createUser",
      () =>
        createUser(
          context.administration,
          { account: ACCOUNT, name: "Zoe", displayName: "Z", tags: [{ key: "t", value: "1" }] },
          request(),
        ),
      null,
      { arn: arn.user("Zoe"), kind: "USER", name: "Zoe", displayName: "Z", tags: { t: "1" } },
    ],
    [
      "createGroup",
      () => createGroup(context.administration, { account: ACCOUNT, name: "G", comments: "g" }, request()),
      null,
      { arn: arn.group("G"), kind: "GROUP", name: "G", comments: "g", tags: {} },
    ],
    [
      "createRole",
      () => createRole(context.administration, { account: ACCOUNT, name: "R", trustPolicy: TRUST }, request()),
      null,
      {
        ...{ arn: arn.role("r"), kind: "ROLE", name: "R", roleKind: "REGULAR" },
        ...{ maxSessionDuration: 3_600, trustPolicy: TRUST, tags: {} },
      },
    ],
    [
      "createPolicy",
      () => createPolicy(context.administration, { account: ACCOUNT, name: "Q", document: READ_ALL }, request()),
      null,
      { account: ACCOUNT, name: "Q", description: null, document: READ_ALL, defaultVersion: "v1" },
    ],
    [
      "createPolicyVersion",
      () =>
        createPolicyVersion(
          context.administration,
          { policy: arn.policy("Q"), document: READ_ALL, setAsDefault: true },
          request(),
        ),
      { defaultVersion: "v1", versions: ["v1"] },
      { defaultVersion: "v2", versions: ["v1", "v2"], document: READ_ALL },
    ],
    [
      "setDefaultPolicyVersion",
      () => setDefaultPolicyVersion(context.administration, { policy: arn.policy("Q"), version: "v1" }, request()),
      { defaultVersion: "v2" },
      { defaultVersion: "v1" },
    ],
    ["addUserToGroup", () => addUserToGroup(context.administration, membership, request()), null, membership],
    ["removeUserFromGroup", () => removeUserFromGroup(context.administration, membership, request()), membership, null],
    [
      "registerSecret",
      () =>
        registerSecret(
          context.administration,
          { arn: arn.secret("s"), encryptionKey: arn.key("k"), resourceGroup: "rg-1" },
          request(),
        ),
      null,
      { arn: arn.secret("s"), type: "SECRET", resourceGroup: "rg-1", secretType: null, key: arn.key("k"), tags: {} },
    ],
    [
      "registerAlias",
      () => registerAlias(context.administration, { arn: arn.alias("a"), key: arn.key("k") }, request()),
      null,
      { arn: arn.alias("a"), type: "ALIAS", key: arn.key("k"), tags: {} },
    ],
    [
      "moveToResourceGroup",
      () => moveToResourceGroup(context.administration, { resource: arn.secret("s") }, request()),
      { resourceGroup: "rg-1" },
      { resourceGroup: null },
    ],
    [
      "tagResource",
      () =>
        tagResource(context.administration, { resource: arn.user("Zoe"), tags: [{ key: "t", value: "2" }] }, request()),
      { tags: { t: "1" } },
      { tags: { t: "2" } },
    ],
  ];

  test.each(steps)("%s", async (action, make, before, after) => {
    expect(await make()).toMatchObject({ changed: true, userErrors: [] });
    const event = await lastEvent(action === "createAccount" ? "10" : ACCOUNT);
    expect(event).toMatchObject({ action });
    expect({ before: event.before, after: event.after }).toEqual({ before, after });
    expect(Object.keys(event.revision as object)).not.toEqual([]);
  });
});

describe("the chain", () => {
  test("of 50 concurrent changes has no gap", async () => {
    const { administration } = context;
    const { sequence } = await lastEvent();
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        i % 2 === 0
          ? createUser(administration, { account: ACCOUNT, name: `u${i}` }, request())
          : registerKey(administration, { arn: arn.key(`k${i}`) }, request()),
      ),
    );
    expect(results.flatMap(({ userErrors }) => userErrors)).toEqual([]);
    expect((await lastEvent()).sequence).toBe(sequence + 50);
    const [trail] = await verified(administration, ACCOUNT);
    expect(trail).toMatchObject({ events: sequence + 50, broken: null });
  });

  test("begins once when 8 concurrent imports make an account", async () => {
    const { administration } = context;
    const account = "3000000000000003";
    const snapshot = (i: number) => ({ version: 1, account: { id: account }, users: [{ name: `u${i}` }] });
    await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        importAccount(administration, { account, snapshot: snapshot(i), mode: "MERGE" }, request()),
      ),
    );
    expect(await verified(administration, account)).toMatchObject([{ account, events: 8, broken: null }]);
  });

  test("may only be added to, also for the owner of the tables, unless the owner switches the triggers off", async () => {
    const { db } = context.administration;
    const forbidden = [
      "UPDATE audit_event SET reason = 'x'",
      "UPDATE audit_event SET reason = 'x' WHERE false",
      "DELETE FROM audit_event WHERE sequence = 1",
      "TRUNCATE audit_event",
      "DELETE FROM audit_head",
      "TRUNCATE audit_head",
      "UPDATE audit_head SET sequence = sequence - 1",
      "UPDATE audit_head SET seal = NULL",
      "UPDATE audit_head SET sequence = sequence + 2",
    ];
    for (const statement of forbidden) {
      for (const role of ["origin", "replica"]) {
        const attempt = db.$transaction([
          db.$executeRawUnsafe(`SET LOCAL session_replication_role = ${role}`),
          db.$executeRawUnsafe(statement),
        ]);
        await expect(attempt, `${statement} as ${role}`).rejects.toThrow(/is forbidden/);
      }
    }
    await rolledBack(async (tx) => {
      await disableTriggers(tx);
      expect(await tx.$executeRawUnsafe("UPDATE audit_event SET reason = 'x' WHERE sequence = 1")).toBeGreaterThan(0);
    });
    expect((await verified(context.administration)).every(({ broken }) => broken === null)).toBe(true);
  });

  test("outlives its account", async () => {
    const { administration } = context;
    const account = "4000000000000004";
    await createAccount(administration, { account }, request());
    await administration.db.account.delete({ where: { id: account } });
    expect(await verified(administration, account)).toMatchObject([{ account, events: 1, broken: null }]);
    expect((await verified(administration)).map((trail) => trail.account)).toContain(account);
    await createAccount(administration, { account }, request());
    expect(await verified(administration, account)).toMatchObject([{ events: 2, broken: null }]);
  });

  test("of an account that nobody knows cannot be verified", async () => {
    await expect(verified(context.administration, "404")).rejects.toBeInstanceOf(NotFoundError);
  });

  test("a change does not mend a seal that somebody else has broken", async () => {
    await rolledBack(async (tx) => {
      await disableTriggers(tx);
      const { sequence } = await lastEvent();
      await tx.$executeRaw`DELETE FROM audit_event WHERE account_id = ${ACCOUNT} AND sequence = ${sequence}`;
      await tx.$executeRaw`UPDATE audit_head SET sequence = e.sequence, hash = e.hash FROM audit_event e
        WHERE audit_head.account_id = ${ACCOUNT} AND e.account_id = ${ACCOUNT} AND e.sequence = ${sequence - 1}`;
      const within: Administration = { ...context.administration, db: inside(tx) };
      const { changed } = await createUser(within, { account: ACCOUNT, name: "late" }, request());
      expect(changed).toBe(true);
      const trail = await verifyTrail(tx, AUDIT_KEY, ACCOUNT);
      expect(trail).toMatchObject({ events: sequence, broken: { sequence: null, problem: expect.any(String) } });
    });
  });
});

describe("records", () => {
  const record = {
    ...{ account: "1", sequence: 1, at: "0", actor: "a", action: "b", targets: "[]", targetKeys: "[]" },
    ...{ reason: null, requestId: null, input: "{}", before: null, after: null, revision: null },
  };

  test("that differ in any way have different hashes", () => {
    const variants = [
      record,
      { ...record, actor: "a1:b,", action: "" },
      { ...record, actor: "", action: "ab" },
      { ...record, actor: "ab", action: "" },
      { ...record, reason: "" },
      { ...record, requestId: "" },
      { ...record, reason: "-" },
      { ...record, input: '{"a": 1}' },
      { ...record, input: '{"a": "1"}' },
      { ...record, input: '{"a": 1.0}' },
      { ...record, before: "{}" },
      { ...record, after: "{}" },
      { ...record, after: "null" },
      { ...record, revision: "{}" },
      { ...record, account: "11", sequence: 1 },
      { ...record, account: "1", sequence: 11 },
    ];
    const zeros = new Uint8Array(32);
    const hashes = variants.map((variant) => Buffer.from(hashOf(zeros, variant)).toString("hex"));
    expect(new Set(hashes).size).toBe(variants.length);
    expect(hashOf(new Uint8Array(32).fill(1), record)).not.toEqual(hashOf(zeros, record));
    expect(hashes[0]).toBe("dde2ed2554bf05141e536373d4e6dd06dead6866ddf470280628969bcd1b91e5");
  });

  test("name their targets in one spelling", () => {
    const spellings: [string, string][] = [
      ["acs:ram:*:1:user/Ann", "acs:ram::1:user/ann"],
      ["acs:ram::1:role/Bot/S", "acs:ram::1:assumed-role/bot/S"],
      ["acs:ram:*:1:policy/ReadAll", "acs:ram::1:policy/readall"],
      ["acs:ram::system:policy/AliyunKMSFullAccess", "acs:ram::system:policy/aliyunkmsfullaccess"],
      ["acs:KMS:cn-hangzhou:1:secret/A", "acs:kms:cn-hangzhou:1:secret/A"],
      ["acs:resourcemanager::1:resourcegroup/rg-A", "acs:resourcemanager::1:resourcegroup/rg-A"],
    ];
    expect(spellings.map(([text]) => targetKey(text))).toEqual(spellings.map(([, key]) => key));
  });
});

/** Where the first thing is wrong: an event, or null for the head. */
type Place = number | null;
type Tamper = (tx: Transaction, random: Random, length: number) => Promise<Place | undefined>;
type Random = (below: number) => number;

/** mulberry32: the same numbers in every run. */
function seeded(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) % 1_000_003) % below;
  };
}

const TEXT = (random: Random) => `'forged ${random(1_000)}'`;
const JSON_VALUE = (random: Random) => `'{"forged": ${random(1_000)}}'::jsonb`;
const BYTES = (random: Random) => `sha256('${random(1_000_000)}'::bytea)`;
const NEW_VALUES: Record<string, (random: Random) => string> = {
  account_id: (random) => `'9${random(1_000_000)}'`,
  sequence: (random) => `sequence + ${1_000 + random(1_000)}`,
  at: (random) => `at ${random(2) ? "+" : "-"} interval '${1 + random(1_000_000)} milliseconds'`,
  actor: TEXT,
  action: TEXT,
  targets: (random) =>
    ["targets || 'x'::text", "targets || NULL::text", "'{}'", "ARRAY[targets, targets]"][random(4)] ?? "",
  target_keys: (random) => ["target_keys || 'x'::text", "'{}'", "NULL", "ARRAY['acs:ram::1:user/x']"][random(4)] ?? "",
  reason: TEXT,
  request_id: (random) => (random(2) ? TEXT(random) : "NULL"),
  input: (random) =>
    ["input || '{\"x\": 1}'", "'null'", "jsonb_build_array(input)", JSON_VALUE(random)][random(4)] ?? "",
  before: JSON_VALUE,
  after: (random) => (random(2) ? JSON_VALUE(random) : "'null'"),
  revision: (random) => (random(2) ? "NULL" : JSON_VALUE(random)),
  previous_hash: BYTES,
  hash: BYTES,
};
const COLUMNS = Object.keys(NEW_VALUES);

const at = (sequence: number) => `account_id = '${ACCOUNT}' AND sequence = ${sequence}`;
const run = (tx: Transaction, sql: string) => tx.$executeRawUnsafe(sql);
const mine = `account_id = '${ACCOUNT}'`;

/** The head as whoever cannot make a seal would leave it. */
async function pointHead(tx: Transaction, random: Random, sequence: number): Promise<void> {
  const seals = ["seal", "NULL", BYTES(random), `(SELECT seal FROM audit_head WHERE account_id = '${OTHER}')`];
  await run(
    tx,
    `UPDATE audit_head SET sequence = ${sequence}, hash = (SELECT hash FROM audit_event WHERE ${at(sequence)}),
       seal = ${seals[random(seals.length)]} WHERE ${mine}`,
  );
}

/** Computes the hashes from `first` on again, as anybody can. */
async function rehash(tx: Transaction, first: number, last: number): Promise<void> {
  for (let sequence = first; sequence <= last; sequence += 1) {
    const [row] = await tx.$queryRawUnsafe<never[]>(
      `SELECT e.account_id AS account, e.sequence, trunc(extract(epoch FROM e.at) * 1000)::text AS at, e.actor, e.action,
         array_to_json(e.targets)::text AS targets, array_to_json(e.target_keys)::text AS "targetKeys", e.reason,
         e.request_id AS "requestId", e.input::text AS input, e.before::text AS before, e.after::text AS after,
         e.revision::text AS revision, coalesce(p.hash, decode(repeat('00', 32), 'hex')) AS previous
       FROM audit_event e LEFT JOIN audit_event p ON p.account_id = e.account_id AND p.sequence = e.sequence - 1
       WHERE e.account_id = '${ACCOUNT}' AND e.sequence = ${sequence}`,
    );
    const { previous, ...record } = row as unknown as Parameters<typeof hashOf>[1] & { previous: Uint8Array };
    const hash = hashOf(previous, record);
    await tx.$executeRaw`UPDATE audit_event SET previous_hash = ${previous}, hash = ${hash}
      WHERE account_id = ${ACCOUNT} AND sequence = ${sequence}`;
  }
}

const TAMPERS: Record<string, Tamper> = {
  async edit(tx, random, length) {
    const [sequence, column] = [1 + random(length), COLUMNS[random(COLUMNS.length)] ?? ""];
    await run(tx, `UPDATE audit_event SET ${column} = ${NEW_VALUES[column]?.(random)} WHERE ${at(sequence)}`);
    return sequence;
  },
  async delete(tx, random, length) {
    const sequence = 1 + random(length);
    await run(tx, `DELETE FROM audit_event WHERE ${at(sequence)}`);
    return sequence;
  },
  async "delete and close the gap"(tx, random, length) {
    const sequence = 1 + random(length - 1);
    await run(tx, `DELETE FROM audit_event WHERE ${at(sequence)}`);
    await run(tx, `UPDATE audit_event SET sequence = sequence + 1000000 WHERE ${mine} AND sequence > ${sequence}`);
    await run(tx, `UPDATE audit_event SET sequence = sequence - 1000001 WHERE ${mine} AND sequence > 1000000`);
    return sequence;
  },
  async swap(tx, random, length) {
    const first = 1 + random(length - 1);
    const second = first + 1 + random(length - first);
    await run(tx, `UPDATE audit_event SET sequence = 1000000 WHERE ${at(first)}`);
    await run(tx, `UPDATE audit_event SET sequence = ${first} WHERE ${at(second)}`);
    await run(tx, `UPDATE audit_event SET sequence = ${second} WHERE ${at(1_000_000)}`);
    return first;
  },
  async truncate(tx, random, length) {
    const kept = random(length);
    await run(tx, `DELETE FROM audit_event WHERE ${mine} AND sequence > ${kept}`);
    return kept + 1;
  },
  async "truncate and move the head"(tx, random, length) {
    const kept = 1 + random(length - 1);
    await run(tx, `DELETE FROM audit_event WHERE ${mine} AND sequence > ${kept}`);
    await pointHead(tx, random, kept);
    return null;
  },
  async "remove everything"(tx) {
    await run(tx, `DELETE FROM audit_event WHERE ${mine}`);
    await run(tx, `DELETE FROM audit_head WHERE ${mine}`);
    return null;
  },
  async insert(tx, random, length) {
    const place = 1 + random(length);
    await copyTo(tx, place, length + 1 + random(3));
    return length + 1;
  },
  async "insert in the middle"(tx, random, length) {
    const place = 2 + random(length - 1);
    await run(tx, `UPDATE audit_event SET sequence = sequence + 1000000 WHERE ${mine} AND sequence >= ${place}`);
    await run(tx, `UPDATE audit_event SET sequence = sequence - 999999 WHERE ${mine} AND sequence >= 1000000`);
    await copyTo(tx, place - 1, place);
    return place;
  },
  async "append with a right hash and move the head"(tx, random, length) {
    await copyTo(tx, 1 + random(length), length + 1);
    await rehash(tx, length + 1, length + 1);
    await pointHead(tx, random, length + 1);
    return null;
  },
  async "edit and compute all hashes again"(tx, random, length) {
    const sequence = 1 + random(length);
    await run(tx, `UPDATE audit_event SET actor = ${TEXT(random)} WHERE ${at(sequence)}`);
    await rehash(tx, sequence, length);
    await pointHead(tx, random, length);
    return null;
  },
  async "change the head"(tx, random, length) {
    const changes: [string, Place][] = [
      [`hash = ${BYTES(random)}`, null],
      [`seal = ${BYTES(random)}`, null],
      ["seal = NULL", null],
      [`seal = (SELECT seal FROM audit_head WHERE account_id = '${OTHER}')`, null],
      ["sequence = sequence + 1", length + 1],
      ["sequence = sequence - 1", length],
      ["sequence = 0", 1],
    ];
    const [change, place] = changes[random(changes.length)] ?? ["", null];
    await run(tx, `UPDATE audit_head SET ${change} WHERE ${mine}`);
    return place;
  },
  async "remove the head"(tx) {
    await run(tx, `DELETE FROM audit_head WHERE ${mine}`);
    return null;
  },
  async "bring an old head back, with its seal"(tx, random, length) {
    const sequence = 1 + random(length - 1);
    const { hash } = await tx.auditEvent.findUniqueOrThrow({
      where: { accountId_sequence: { accountId: ACCOUNT, sequence } },
    });
    const seal = sealOf(AUDIT_KEY, { account: ACCOUNT, sequence, hash });
    await tx.$executeRaw`UPDATE audit_head SET sequence = ${sequence}, hash = ${hash}, seal = ${seal}
      WHERE account_id = ${ACCOUNT}`;
    return sequence + 1;
  },
};

async function copyTo(tx: Transaction, from: number, to: number): Promise<void> {
  await run(
    tx,
    `INSERT INTO audit_event SELECT e.* FROM audit_event o, jsonb_populate_record(o, '{"sequence": ${to}}') e
     WHERE o.account_id = '${ACCOUNT}' AND o.sequence = ${from}`,
  );
}

async function disableTriggers(tx: Transaction): Promise<void> {
  for (const table of ["audit_event", "audit_head"]) await run(tx, `ALTER TABLE ${table} DISABLE TRIGGER USER`);
}

async function rolledBack(work: (tx: Transaction) => Promise<void>): Promise<void> {
  const done = new Error("done");
  const attempt = context.administration.db.$transaction(
    async (tx) => {
      await work(tx);
      throw done;
    },
    { timeout: 240_000 },
  );
  await expect(attempt).rejects.toBe(done);
}

/** A database whose transactions are parts of `tx`. */
function inside(tx: Transaction): Administration["db"] {
  return new Proxy(context.administration.db, {
    get: (target, property, receiver) =>
      property === "$transaction"
        ? (work: (tx: Transaction) => Promise<unknown>) => work(tx)
        : Reflect.get(target, property, receiver),
  });
}

describe("verification", () => {
  test("catches 1,000 random tamperings and names the first broken record", { timeout: 240_000 }, async () => {
    const random = seeded(20_261_125);
    const kinds = Object.keys(TAMPERS);
    const tally = new Map<string, number>();
    await rolledBack(async (tx) => {
      const untouched = await verifyTrail(tx, AUDIT_KEY, ACCOUNT);
      expect(untouched.broken).toBeNull();
      await disableTriggers(tx);
      for (let round = 0; round < 1_000; round += 1) {
        // edits most: there is a column for each kind of damage
        const kind = random(3) === 0 ? "edit" : (kinds[random(kinds.length)] ?? "edit");
        await run(tx, "SAVEPOINT tampering");
        const place = await TAMPERS[kind]?.(tx, random, untouched.events);
        const { broken } = await verifyTrail(tx, AUDIT_KEY, ACCOUNT);
        expect(broken, `round ${round}: ${kind}`).toMatchObject({ sequence: place });
        await run(tx, "ROLLBACK TO SAVEPOINT tampering");
        tally.set(kind, (tally.get(kind) ?? 0) + 1);
      }
      expect(await verifyTrail(tx, AUDIT_KEY, ACCOUNT)).toEqual(untouched);
    });
    expect([...tally.keys()].sort()).toEqual(kinds.sort());
    expect((await verified(context.administration, ACCOUNT))[0]?.broken).toBeNull();
  });

  test("catches an edit of every single column", async () => {
    await rolledBack(async (tx) => {
      await disableTriggers(tx);
      const columns = await tx.$queryRaw<{ name: string }[]>`
        SELECT attname AS name FROM pg_attribute
        WHERE attrelid = 'audit_event'::regclass AND attnum > 0 AND NOT attisdropped`;
      expect(columns.map(({ name }) => name).sort()).toEqual([...COLUMNS].sort());
      for (const column of COLUMNS) {
        await run(tx, "SAVEPOINT tampering");
        await run(tx, `UPDATE audit_event SET ${column} = ${NEW_VALUES[column]?.(seeded(7))} WHERE ${at(4)}`);
        const { broken } = await verifyTrail(tx, AUDIT_KEY, ACCOUNT);
        expect(broken, column).toMatchObject({ sequence: 4 });
        await run(tx, "ROLLBACK TO SAVEPOINT tampering");
      }
    });
  });

  test("finds a trail that was put back to an earlier state with its seal, when a later one is known", async () => {
    const { administration } = context;
    const account = "7000000000000007";
    await createAccount(administration, { account }, request());
    const { db } = administration;
    const old = await db.auditHead.findUniqueOrThrow({ where: { accountId: account } });
    await createUser(administration, { account, name: "a" }, request());
    const [now] = await verified(administration, account);
    const known = new Map([[account, { sequence: 2, hash: now?.hash ?? "" }]]);
    expect(await verified(administration, account, known)).toMatchObject([{ broken: null }]);
    await createUser(administration, { account, name: "b" }, request());
    expect(await verified(administration, account, known)).toMatchObject([{ events: 3, broken: null }]);
    const other = new Map([[account, { sequence: 2, hash: "0".repeat(64) }]]);
    expect(await verified(administration, account, other)).toMatchObject([{ events: 1, broken: { sequence: 2 } }]);
    await rolledBack(async (tx) => {
      await disableTriggers(tx);
      await tx.$executeRaw`DELETE FROM audit_event WHERE account_id = ${account} AND sequence > 1`;
      await tx.$executeRaw`UPDATE audit_head SET sequence = 1, hash = ${old.hash}, seal = ${old.seal}
        WHERE account_id = ${account}`;
      expect(await verifyTrail(tx, AUDIT_KEY, account)).toMatchObject({ broken: null });
      const trail = await verifyTrail(tx, AUDIT_KEY, account, known.get(account));
      expect(trail.broken).toMatchObject({ sequence: 2 });
    });
    const gone = new Map([["404", { sequence: 1, hash: "0".repeat(64) }]]);
    expect((await verified(administration, undefined, gone)).at(-1)).toMatchObject({
      account: "404",
      broken: { sequence: 1 },
    });
  });

  test("with another key finds no seal", async () => {
    const [trail] = await verified({ ...context.administration, auditKey: Buffer.alloc(32, 1) }, ACCOUNT);
    expect(trail?.broken).toEqual({ sequence: null, problem: "no gateway has sealed this head" });
  });

  test("of an account that was made behind the gateway's back finds no trail", async () => {
    const account = "5000000000000005";
    await context.administration.db.account.create({ data: { id: account } });
    const [trail] = await verified(context.administration, account);
    expect(trail?.broken).toEqual({ sequence: null, problem: "the account has no audit trail" });
  });

  test("reads trails that are longer than a batch", async () => {
    const { administration } = context;
    const account = "6000000000000006";
    await createAccount(administration, { account }, request());
    const resource = `acs:kms:cn-hangzhou:${account}:key/k`;
    await registerKey(administration, { arn: resource }, request());
    for (let i = 0; i < 403; i += 1) {
      await tagResource(administration, { resource, tags: [{ key: "n", value: `${i}` }] }, request());
    }
    expect(await verified(administration, account)).toMatchObject([{ account, events: 405, broken: null }]);
  });
});
