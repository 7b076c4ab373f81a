import { createHash, randomUUID } from "node:crypto";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ChangeRequest } from "../../src/administration/administration.js";
import { createAccount } from "../../src/administration/create-account.js";
import { type CreateApiKeyInput, createApiKey } from "../../src/administration/create-api-key.js";
import { createRole } from "../../src/administration/create-role.js";
import { createUser } from "../../src/administration/create-user.js";
import { deleteUser } from "../../src/administration/delete-user.js";
import { revokeApiKey } from "../../src/administration/revoke-api-key.js";
import { type RotateApiKeyInput, rotateApiKey } from "../../src/administration/rotate-api-key.js";
import { updateUser } from "../../src/administration/update-user.js";
import { verifyAuditTrail } from "../../src/administration/verify-audit-trail.js";
import type { Caller } from "../../src/domain/caller.js";
import type { Authenticator } from "../../src/store/authenticator.js";
import { ensureOperator } from "../../src/store/credentials.js";
import { brokenSignIn, SIGN_IN, type SignIn } from "../support/authenticator.js";
import { type Mutation, reportKilled } from "../support/mutation.js";
import { brokenUseCases } from "../support/use-cases.js";
import { ACCOUNT, arn, codesOf, request, TRUST, useAdministration } from "./setup.js";

const DAY = 86_400_000;
const context = useAdministration("api_keys");
const db = () => context.administration.db;
const as = (name: string): Caller => ({ kind: "PRINCIPAL", credentialId: "c", principalArn: arn.user(name) });

const create = (input: CreateApiKeyInput = {}, options: Partial<ChangeRequest> = {}) =>
  createApiKey(context.administration, input, request(options));
const rotate = (input: RotateApiKeyInput, options: Partial<ChangeRequest> = {}) =>
  rotateApiKey(context.administration, input, request(options));
const revoke = (apiKey: string, options: Partial<ChangeRequest> = {}) =>
  revokeApiKey(context.administration, { apiKey }, request(options));
const stored = (id: string) => db().credential.findUniqueOrThrow({ where: { id } });

/** A new key, which must come to be. */
async function made(input: CreateApiKeyInput = {}, options: Partial<ChangeRequest> = {}) {
  const { value, userErrors } = await create(input, options);
  expect(userErrors).toEqual([]);
  if (value === null || value.secret === null) throw new Error("there is no secret");
  return { id: value.keyId, secret: value.secret };
}

async function rotated(id: string, overlapSeconds = 0): Promise<string> {
  const { value } = await rotate({ apiKey: id, overlapSeconds });
  if (!value?.secret) throw new Error("there is no secret");
  return value.secret;
}

let pool: Pool;
let other: Pool;
/** Two gateways on one database. */
let authenticate: Authenticator;
let elsewhere: Authenticator;
const authenticatorOn = (on: Pool, { createAuthenticator, createRevisionReader }: SignIn = SIGN_IN) =>
  createAuthenticator(on, createRevisionReader(on));

beforeAll(async () => {
  const run =
    <I>(useCase: (a: typeof context.administration, input: I, r: ChangeRequest) => Promise<unknown>) =>
    (input: I) =>
      useCase(context.administration, input, request());
  await run(createAccount)({ account: ACCOUNT });
  for (const name of ["ann", "bob", "cid", "dan", "eve"]) await run(createUser)({ account: ACCOUNT, name });
  await run(createRole)({ account: ACCOUNT, name: "deploy", trustPolicy: TRUST });
  pool = new Pool({ connectionString: context.url, max: 2 });
  other = new Pool({ connectionString: context.url, max: 2 });
  authenticate = authenticatorOn(pool);
  elsewhere = authenticatorOn(other);
});
afterAll(() => Promise.all([pool?.end(), other?.end()]));

/** What the gateways say of a secret, each after it has said so before. */
async function ways(secret: string): Promise<boolean[]> {
  const told = [
    await authenticate(secret),
    await elsewhere(secret),
    await authenticate(secret),
    await elsewhere(secret),
  ];
  return [...new Set(told.map((caller) => caller !== null))];
}

describe("an api key", () => {
  test("signs in whom it is of, an operator or a principal", async () => {
    const [operator, user, role] = [
      await made(),
      await made({ principal: arn.user("ANN") }),
      await made({ principal: arn.role("deploy") }),
    ];
    expect(await authenticate(operator.secret)).toEqual({ kind: "OPERATOR", credentialId: operator.id });
    const principal = { kind: "PRINCIPAL", credentialId: user.id, principalArn: arn.user("ann") };
    expect(await authenticate(user.secret)).toEqual(principal);
    expect(await authenticate(role.secret)).toMatchObject({ principalArn: arn.role("deploy") });
  });

  test("has 256 random bits, of which only the digest is kept", async () => {
    const keys = await Promise.all([1, 2, 3].map(() => made()));
    expect(new Set(keys.map(({ secret }) => secret)).size).toBe(3);
    for (const { id, secret } of keys) {
      expect(secret).toMatch(new RegExp(`^rg_${id}_[A-Za-z0-9_-]{43}$`));
      const { secretDigest } = await stored(id);
      expect(Buffer.from(secretDigest)).toEqual(createHash("sha256").update(secret).digest());
    }
  });

  test("of a principal lives 90 days at most and by default, one of an operator until it is revoked", async () => {
    const [{ id }, operator] = [await made({ principal: arn.user("ann") }), await made()];
    const { createdAt, expiresAt } = await stored(id);
    expect((expiresAt?.getTime() ?? 0) - createdAt.getTime()).toBe(90 * DAY);
    expect((await stored(operator.id)).expiresAt).toBeNull();
    const late = new Date(Date.now() + 90 * DAY + 60_000);
    const refused = await create({ principal: arn.user("ann"), expiresAt: late });
    expect(codesOf(refused)).toEqual(["INVALID_PARAMETER_EXPIRES_AT"]);
    expect(codesOf(await create({ expiresAt: late }))).toEqual([]);
    expect(codesOf(await create({ expiresAt: new Date(Date.now() - 1_000) }))).toEqual([
      "INVALID_PARAMETER_EXPIRES_AT",
    ]);
    const shorter = { ...context.administration, limits: { ...context.administration.limits, apiKeyDays: 1 } };
    const { value } = await createApiKey(shorter, { principal: arn.user("ann") }, request());
    const short = await stored(value?.keyId ?? "");
    expect((short.expiresAt?.getTime() ?? 0) - short.createdAt.getTime()).toBe(DAY);
  });

  test("is good until the instant that it expires at", async () => {
    const { id, secret } = await made({ principal: arn.user("ann"), expiresAt: new Date(Date.now() + 1_000) });
    expect(await ways(secret)).toEqual([true]);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    expect(await ways(secret)).toEqual([false]);
    expect(codesOf(await rotate({ apiKey: id }))).toEqual(["API_KEY_INACTIVE"]);
  });

  test("that is revoked is of no use from then on, on any gateway", async () => {
    for (let round = 0; round < 20; round += 1) {
      const { id, secret } = await made({ principal: arn.user("bob") });
      expect(await ways(secret)).toEqual([true]);
      expect(await revoke(id)).toMatchObject({ changed: true, userErrors: [] });
      expect([await elsewhere(secret), await authenticate(secret)]).toEqual([null, null]);
      expect(await revoke(id)).toMatchObject({ changed: false, userErrors: [] });
    }
  });

  test("goes with its principal, and follows it under another name", async () => {
    const { id, secret } = await made({ principal: arn.user("eve") });
    expect(await ways(secret)).toEqual([true]);
    await updateUser(context.administration, { user: arn.user("eve"), newName: "eva" }, request());
    expect(await elsewhere(secret)).toMatchObject({ principalArn: arn.user("eva") });
    await deleteUser(context.administration, { user: arn.user("eva") }, request());
    expect(await ways(secret)).toEqual([false]);
    expect(codesOf(await revoke(id))).toEqual(["ENTITY_NOT_EXIST_API_KEY"]);
  });

  test("of nobody and one with a wrong secret are told the same", async () => {
    const { secret } = await made();
    const wrong = `${secret.slice(0, -6)}${secret.endsWith("AAAAAA") ? "BBBBBB" : "AAAAAA"}`;
    expect(await authenticate(wrong)).toBeNull();
    expect(await authenticate(wrong.replace(/^rg_[a-z0-9]+/, "rg_nobody"))).toBeNull();
    expect(await ways(secret)).toEqual([true]);
  });

  test("is one of ten that a principal may have active", async () => {
    const keys = [];
    for (let count = 0; count < 10; count += 1) keys.push(await made({ principal: arn.user("dan") }));
    expect(codesOf(await create({ principal: arn.user("dan") }))).toEqual(["LIMIT_EXCEEDED_API_KEY"]);
    await revoke(keys[0]?.id ?? "");
    await made({ principal: arn.user("dan") });
  });

  test.each([
    [{ principal: arn.group("none") }, "INVALID_PARAMETER_PRINCIPAL_TYPE"],
    [{ principal: `acs:ram::${ACCOUNT}:assumed-role/deploy/s1` }, "INVALID_PARAMETER_PRINCIPAL_TYPE"],
    [{ principal: arn.user("none") }, "ENTITY_NOT_EXIST_USER"],
    [{ description: "x".repeat(1_025) }, "INVALID_PARAMETER_TEXT"],
    [{ expiresAt: new Date("+010000-01-01T00:00:00Z") }, "INVALID_PARAMETER_EXPIRES_AT"],
  ])("is not made of %j", async (input, code) => {
    expect(codesOf(await create(input))).toEqual([code]);
  });
});

describe("secrets are compared in constant time", () => {
  const crypto = createRequire(import.meta.url)("node:crypto") as typeof import("node:crypto");

  /** The lengths, in bytes, of what one sign-in compares with the function made for it. */
  async function compared(authenticator: Authenticator, secret: string): Promise<number[][]> {
    const { timingSafeEqual } = crypto;
    const lengths: number[][] = [];
    crypto.timingSafeEqual = (a, b) => {
      lengths.push([a.byteLength, b.byteLength]);
      return timingSafeEqual(a, b);
    };
    syncBuiltinESMExports();
    try {
      await authenticator(secret);
      return lengths;
    } finally {
      crypto.timingSafeEqual = timingSafeEqual;
      syncBuiltinESMExports();
    }
  }

  const BOTH = [
    [32, 32],
    [32, 32],
  ];

  test("whether the id is known, the secret right, or there are two", async () => {
    const { id, secret } = await made();
    const wrong = `${secret.slice(0, -6)}abcdef`;
    expect(await compared(authenticate, secret)).toEqual(BOTH);
    expect(await compared(authenticate, wrong)).toEqual(BOTH);
    expect(await compared(authenticate, wrong.replace(id, "nobody"))).toEqual(BOTH);
    const next = await rotated(id, 60);
    for (const key of [secret, next, wrong]) expect(await compared(authenticate, key)).toEqual(BOTH);
  });

  test("else it is found out", async () => {
    const find = "timingSafeEqual(digest, known ?? UNKNOWN_DIGEST)";
    const replace = "digest.equals(known ?? UNKNOWN_DIGEST)";
    const mutation = { name: "secrets are compared as texts are", file: "store/authenticator.ts", find, replace };
    const broken = authenticatorOn(pool, await brokenSignIn(mutation));
    expect(await compared(broken, (await made()).secret)).not.toEqual(BOTH);
    reportKilled(mutation.name);
  });
});

describe("a rotation", () => {
  test("voids the secret at once unless asked otherwise", async () => {
    const { id, secret } = await made({ principal: arn.user("bob") });
    expect(await ways(secret)).toEqual([true]);
    const next = await rotated(id);
    expect([await elsewhere(secret), await authenticate(secret)]).toEqual([null, null]);
    expect(await ways(next)).toEqual([true]);
  });

  test("lets both secrets count for the overlap, and the older one no longer", async () => {
    const { id, secret } = await made();
    const next = await rotated(id, 1);
    const until = (await stored(id)).previousUntil?.getTime() ?? 0;
    expect([await ways(secret), await ways(next)]).toEqual([[true], [true]]);
    await new Promise((resolve) => setTimeout(resolve, until - Date.now() + 50));
    expect([await ways(secret), await ways(next)]).toEqual([[false], [true]]);
  });

  test("voids what is older than the secret before it, and a revocation all", async () => {
    const { id, secret } = await made();
    const second = await rotated(id, 3_600);
    const third = await rotated(id, 3_600);
    expect(await Promise.all([secret, second, third].map(ways))).toEqual([[false], [true], [true]]);
    await revoke(id);
    expect(await Promise.all([secret, second, third].map(ways))).toEqual([[false], [false], [false]]);
    expect(codesOf(await rotate({ apiKey: id }))).toEqual(["API_KEY_INACTIVE"]);
  });

  test("gives the key as long to live as it had, and the secret before it no longer than without", async () => {
    const { id } = await made({ principal: arn.user("cid"), expiresAt: new Date(Date.now() + 3_600_000) });
    const before = await stored(id);
    await rotated(id, 7_200);
    const after = await stored(id);
    const lifetime = (before.expiresAt?.getTime() ?? 0) - before.createdAt.getTime();
    expect((after.expiresAt?.getTime() ?? 0) - (after.rotatedAt?.getTime() ?? 0)).toBe(lifetime);
    expect(after.previousUntil).toEqual(before.expiresAt);
    const late = new Date(Date.now() + 91 * DAY);
    expect(codesOf(await rotate({ apiKey: id, expiresAt: late }))).toEqual(["INVALID_PARAMETER_EXPIRES_AT"]);
  });

  test.each([-1, 604_801, 1.5])("is refused an overlap of %d seconds", async (overlapSeconds) => {
    const { id } = await made();
    expect(codesOf(await rotate({ apiKey: id, overlapSeconds }))).toEqual(["INVALID_PARAMETER_OVERLAP_SECONDS"]);
  });

  test("leaves gateways that start with the secret before it in peace while it is good", async () => {
    const key = `rg_ops_${"s".repeat(43)}`;
    await ensureOperator(db(), key);
    await rotated("ops", 60);
    expect(await ensureOperator(db(), key)).toEqual({ created: null });
    await rotated("ops");
    await expect(ensureOperator(db(), key)).rejects.toThrow(/already belongs to another key/);
  });
});

describe("an answer that is repeated", () => {
  test("has no secret and says so", async () => {
    const options = { idempotencyKey: "make" };
    const first = await create({ description: "once" }, options);
    expect(first.value).toMatchObject({ secret: expect.stringMatching(/^rg_/), repeated: false });
    const again = await create({ description: "once" }, options);
    expect(again).toEqual({ ...first, value: { ...first.value, secret: null, repeated: true } });
    const id = first.value?.keyId ?? "";
    const turned = await rotate({ apiKey: id }, { idempotencyKey: "turn" });
    const [digest] = [(await stored(id)).secretDigest];
    const more = await rotate({ apiKey: id }, { idempotencyKey: "turn" });
    expect(more).toEqual({ ...turned, value: { keyId: id, secret: null, repeated: true } });
    expect((await stored(id)).secretDigest).toEqual(digest);
    expect(await ways(turned.value?.secret ?? "")).toEqual([true]);
  });

  test("of many at once is the same but for one secret, which is good", async () => {
    const { id } = await made();
    const options = { idempotencyKey: "storm" };
    const all = await Promise.all(Array.from({ length: 12 }, () => rotate({ apiKey: id }, options)));
    const secrets = all.flatMap(({ value }) => value?.secret ?? []);
    expect(secrets).toHaveLength(1);
    expect(await ways(secrets[0] ?? "")).toEqual([true]);
    expect(all.filter(({ value }) => value?.repeated)).toHaveLength(11);
  });

  test("on a dry run has none either", async () => {
    const { id, secret } = await made();
    expect((await create({}, { dryRun: true })).value).toBeNull();
    expect((await rotate({ apiKey: id }, { dryRun: true })).value).toEqual({
      keyId: id,
      secret: null,
      repeated: false,
    });
    expect(await ways(secret)).toEqual([true]);
  });
});

describe("principals", () => {
  test("make, rotate and revoke keys of themselves", async () => {
    const caller = as("cid");
    const { id } = await made({ principal: arn.user("CID") }, { caller });
    expect(codesOf(await rotate({ apiKey: id }, { caller }))).toEqual([]);
    expect(await revoke(id, { caller })).toMatchObject({ changed: true });
  });

  test("have nothing to do with other keys, and are not told whether there are any", async () => {
    const caller = as("cid");
    const [{ id }, operator] = [await made({ principal: arn.user("bob") }), await made()];
    for (const input of [{}, { principal: arn.user("bob") }, { principal: arn.user("none") }]) {
      expect(codesOf(await create(input, { caller }))).toEqual(["NO_PERMISSION"]);
    }
    const told = async (apiKey: string) => {
      const answers = [await rotate({ apiKey }, { caller }), await revoke(apiKey, { caller })];
      return JSON.stringify(answers).replaceAll(apiKey, "…");
    };
    const missing = await told("0123456789abcdef");
    expect(missing).toContain("ENTITY_NOT_EXIST_API_KEY");
    expect([await told(id), await told(operator.id)]).toEqual([missing, missing]);
  });

  test("are not their sessions", async () => {
    const session: Caller = {
      kind: "PRINCIPAL",
      credentialId: "s",
      principalArn: `acs:ram::${ACCOUNT}:assumed-role/deploy/s1`,
    };
    expect(codesOf(await create({ principal: arn.role("deploy") }, { caller: session }))).toEqual(["NO_PERMISSION"]);
  });
});

describe("whoever is shut out while it changes something", () => {
  /** A change that waits for its account until the caller was shut out; its codes. */
  async function overtaken(caller: Caller, shutOut: () => Promise<unknown>, useCase = updateUser): Promise<string[]> {
    const client = await other.connect();
    try {
      await client.query("BEGIN");
      await client.query("SELECT id FROM account WHERE id = $1 FOR UPDATE", [ACCOUNT]);
      const change = useCase(
        context.administration,
        { user: arn.user("cid"), comments: randomUUID() },
        request({ caller }),
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
      await shutOut();
      await client.query("COMMIT");
      return codesOf(await change);
    } finally {
      client.release();
    }
  }

  const operator = async (): Promise<Caller> => ({ kind: "OPERATOR", credentialId: (await made()).id });

  test("has changed nothing after that was acknowledged", async () => {
    const caller = await operator();
    expect(await overtaken(caller, async () => {})).toEqual([]);
    const before = await db().principal.findUnique({ where: { arnKey: arn.user("cid") } });
    expect(await overtaken(caller, () => revoke(caller.credentialId))).toEqual(["NO_PERMISSION"]);
    expect(await db().principal.findUnique({ where: { arnKey: arn.user("cid") } })).toEqual(before);
  });

  test("may itself be the one that does so", async () => {
    const caller = await operator();
    expect(await revoke(caller.credentialId, { caller })).toMatchObject({ changed: true, userErrors: [] });
  });

  test("else it is found out", async () => {
    const name = "callers are not held";
    const mutation = {
      name,
      file: "change-account.ts",
      find: "await holdCaller(tx, request.caller, change.targets);",
      replace: "",
    };
    const { updateUser: broken } = await brokenUseCases(mutation);
    const caller = await operator();
    expect(await overtaken(caller, () => revoke(caller.credentialId), broken)).toEqual([]);
    reportKilled(name);
  });

  test("in races of revocations and changes leaves nothing behind the acknowledgement", async () => {
    for (let round = 0; round < 50; round += 1) {
      const caller = await operator();
      const comments = `race ${round}`;
      const change = updateUser(context.administration, { user: arn.user("cid"), comments }, request({ caller }));
      await new Promise((resolve) => setTimeout(resolve, round % 10));
      await revoke(caller.credentialId);
      const read = () => db().principal.findUniqueOrThrow({ where: { arnKey: arn.user("cid") } });
      const acknowledged = (await read()).comments;
      await change;
      expect((await read()).comments).toBe(acknowledged);
    }
  });
});

describe("the audit trail", () => {
  test("keeps what was done to a key, and none of its secrets", async () => {
    const { id } = await made({ principal: arn.user("bob"), description: "d" });
    await rotated(id, 60);
    await revoke(id);
    const events = await db().auditEvent.findMany({
      where: { accountId: ACCOUNT, revision: { path: [`cred:${id}`], gte: 0 } },
    });
    expect(events.map(({ action, targets }) => [action, targets])).toEqual(
      ["createApiKey", "rotateApiKey", "revokeApiKey"].map((action) => [action, [arn.user("bob")]]),
    );
    const [born, turned, ended] = events;
    expect(born).toMatchObject({
      before: null,
      after: { id, principal: arn.user("bob"), description: "d", revokedAt: null },
    });
    expect(turned).toMatchObject({ before: born?.after, after: { previousUntil: expect.any(String) } });
    expect(ended).toMatchObject({ before: turned?.after, after: { revokedAt: expect.any(String) } });
    expect(JSON.stringify(events)).not.toMatch(/digest/i);
  });

  test("of the gateway has the keys of operators", async () => {
    const { id } = await made({ description: "for ops" });
    const events = await db().auditEvent.findMany({ where: { accountId: "gateway" }, orderBy: { sequence: "asc" } });
    expect(events.at(-1)).toMatchObject({ action: "createApiKey", targets: [], after: { id, principal: null } });
    const found = [];
    for await (const trail of verifyAuditTrail(context.administration)) found.push([trail.account, trail.broken]);
    expect(found).toEqual([
      [ACCOUNT, null],
      ["gateway", null],
    ]);
  });
});

describe("last use", () => {
  async function usesNoted(signIn: SignIn) {
    const { id, secret } = await made();
    let now = 0;
    const failures: unknown[] = [];
    const statements: unknown[] = [];
    const $executeRaw = (...query: [TemplateStringsArray]) => {
      statements.push(query);
      return db().$executeRaw(...query);
    };
    const clocks = { monotonic: () => now, wall: () => now };
    const use = signIn.createCredentialUse({ $executeRaw } as never, (error) => failures.push(error), clocks);
    const authenticator = signIn.createAuthenticator(pool, signIn.createRevisionReader(pool), { onKeyUsed: use.note });
    const scope = () => db().authzRevision.findUniqueOrThrow({ where: { scope: `cred:${id}` } });
    const before = await scope();
    for (let round = 0; round < 50; round += 1) await authenticator(secret);
    await use.settled();
    const first = statements.length;
    now = 59_999;
    await authenticator(secret);
    await authenticator(`${secret}x`);
    await use.settled();
    const second = statements.length;
    now = 60_001;
    await authenticator(secret);
    await use.settled();
    expect(failures).toEqual([]);
    const noted = await db().credentialUse.findUnique({ where: { credentialId: id } });
    return { writes: [first, second, statements.length], moved: (await scope()).tag !== before.tag, noted };
  }

  test("is noted at most once a minute, and moves no revision", async () => {
    const { writes, moved, noted } = await usesNoted(SIGN_IN);
    expect({ writes, moved }).toEqual({ writes: [1, 1, 2], moved: false });
    expect(Math.abs((noted?.lastUsedAt.getTime() ?? 0) - Date.now())).toBeLessThan(30_000);
  });

  test("is noted at most once a minute by all gateways together", async () => {
    const { id } = await made();
    const uses = [1, 2, 3].map(() => SIGN_IN.createCredentialUse(db(), () => {}));
    const times = [];
    for (const use of uses) {
      use.note(id);
      await use.settled();
      times.push((await db().credentialUse.findUniqueOrThrow({ where: { credentialId: id } })).lastUsedAt.getTime());
    }
    expect(new Set(times).size).toBe(1);
  });

  test("that cannot be noted hinders nobody, and is tried again", async () => {
    const failures: unknown[] = [];
    let down = true;
    const failing = { $executeRaw: () => (down ? Promise.reject(new Error("down")) : Promise.resolve(1)) };
    const use = SIGN_IN.createCredentialUse(failing as never, (error) => failures.push(error));
    use.note("a");
    await use.settled();
    expect(failures).toHaveLength(1);
    down = false;
    use.note("a");
    await use.settled();
    expect(failures).toHaveLength(1);
  });

  test("noted at each request is found out", async () => {
    const file = "store/credential-use.ts";
    const mutation = { name: "each use is written", file, find: "now - last < INTERVAL_MS", replace: "now - last < 0" };
    expect((await usesNoted(await brokenSignIn(mutation))).writes).not.toEqual([1, 1, 2]);
    reportKilled(mutation.name);
  });

  test("kept beside the secret is found out", async () => {
    const insert = "await db.$executeRaw`\n    INSERT INTO credential_use";
    const update = "await db.$executeRaw`UPDATE credential SET description = 'used'`;";
    const mutation = {
      ...{ name: "uses are written into the table of secrets", file: "store/credential-use.ts" },
      ...{ find: insert, replace: `${update}\n  ${insert}` },
    };
    expect((await usesNoted(await brokenSignIn(mutation))).moved).toBe(true);
    reportKilled(mutation.name);
  });
});

describe("a sign-in that is broken is found out", () => {
  const FILE = "store/authenticator.ts";
  const MUTANTS: (Mutation & { readonly sees: (authenticator: Authenticator) => Promise<unknown> })[] = [
    {
      ...{ name: "what is known is taken for current", file: FILE },
      ...{ find: "known.revisions.every(([scope, , tag]) => vector.get(scope)?.tag === tag)", replace: "vector" },
      sees: async (broken) => {
        const { id, secret } = await made();
        await broken(secret);
        await revoke(id);
        return broken(secret);
      },
    },
    {
      ...{ name: "the secret before a rotation never ends", file: FILE },
      ...{ find: "now < (signIn?.previous?.until ?? 0)", replace: "now > 0" },
      sees: async (broken) => {
        const { id, secret } = await made();
        await rotated(id, 1);
        await new Promise((resolve) => setTimeout(resolve, 1_100));
        return broken(secret);
      },
    },
    {
      ...{ name: "nothing is compared", file: FILE, find: "(current || previous) && ", replace: "" },
      sees: async (broken) => broken(`${(await made()).secret}x`),
    },
    {
      ...{ name: "keys never expire", file: FILE },
      ...{ find: "(until === null || now < until)", replace: "true" },
      sees: async (broken) => {
        const { secret } = await made({ expiresAt: new Date(Date.now() + 500) });
        await new Promise((resolve) => setTimeout(resolve, 600));
        return broken(secret);
      },
    },
  ];

  test.each(MUTANTS)("$name", async ({ sees, ...mutation }) => {
    expect(await sees(authenticatorOn(pool))).toBeNull();
    expect(await sees(authenticatorOn(pool, await brokenSignIn(mutation)))).not.toBeNull();
    reportKilled(mutation.name);
  });
});
