import { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ChangeRequest } from "../../src/administration/administration.js";
import { type AssumeRoleInput, assumeRole } from "../../src/administration/assume-role.js";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createAccount } from "../../src/administration/create-account.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createRole } from "../../src/administration/create-role.js";
import { createUser } from "../../src/administration/create-user.js";
import { detachPolicy } from "../../src/administration/detach-policy.js";
import { type RevokeRoleSessionsInput, revokeRoleSessions } from "../../src/administration/revoke-role-sessions.js";
import { setDefaultPolicyVersion } from "../../src/administration/set-default-policy-version.js";
import type { Caller } from "../../src/domain/caller.js";
import { ForbiddenError } from "../../src/domain/errors.js";
import { type Authenticator, createAuthenticator } from "../../src/store/authenticator.js";
import { createRevisionReader } from "../../src/store/revisions.js";
import { sessionIdOf } from "../../src/store/session-tokens.js";
import { ACCOUNT, arn, codesOf, fingerprint, READ_ALL, request, TRUST, useAdministration } from "./setup.js";

const OTHER = "2000000000000002";
const context = useAdministration("sessions");
const db = () => context.administration.db;

const POLICIES = {
  Assume: { Effect: "Allow", Action: "sts:AssumeRole", Resource: "*" },
  NoAssume: { Effect: "Deny", Action: "sts:AssumeRole", Resource: "*" },
  FromOffice: {
    Effect: "Allow",
    Action: "sts:AssumeRole",
    Resource: "*",
    Condition: { IpAddress: { "acs:SourceIp": "10.0.0.0/8" } },
  },
};
const document = (statement: object) => ({ Version: "1", Statement: [statement] });
const trust = (...principals: string[]) =>
  document({ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: principals } });
const as = (principalArn: string): Caller => ({ kind: "PRINCIPAL", credentialId: "c", principalArn });
const sessionArn = (role: string, name: string) => `acs:ram::${ACCOUNT}:assumed-role/${role}/${name}`;

const assume = (input: Partial<AssumeRoleInput>, options: Partial<ChangeRequest> = {}) =>
  assumeRole(context.administration, { role: arn.role("deploy"), sessionName: "s1", ...input }, request(options));
const revoke = (input: Partial<RevokeRoleSessionsInput> = {}, options: Partial<ChangeRequest> = {}) =>
  revokeRoleSessions(context.administration, { role: arn.role("deploy"), ...input }, request(options));
const stored = (id: string | undefined) => db().roleSession.findUniqueOrThrow({ where: { id: id ?? "" } });

let pool: Pool;
beforeAll(async () => {
  const make =
    <I>(useCase: (a: typeof context.administration, input: I, r: ChangeRequest) => Promise<unknown>) =>
    (input: I) =>
      useCase(context.administration, input, request());
  for (const account of [ACCOUNT, OTHER]) await make(createAccount)({ account });
  for (const name of ["ann", "bob", "cid", "dan"]) await make(createUser)({ account: ACCOUNT, name });
  await make(createUser)({ account: OTHER, name: "eve" });
  await make(createGroup)({ account: ACCOUNT, name: "ops" });
  await make(createRole)({ account: ACCOUNT, name: "Deploy", trustPolicy: TRUST, maxSessionDuration: 7_200 });
  const narrow = trust(
    arn.user("ann"),
    sessionArn("deploy", "chain"),
    arn.role("deploy"),
    `acs:ram::${OTHER}:user/eve`,
  );
  await make(createRole)({ account: ACCOUNT, name: "narrow", trustPolicy: narrow, maxSessionDuration: 43_200 });
  await make(createRole)({ account: ACCOUNT, name: "service", trustPolicy: TRUST, service: "ecs.aliyuncs.com" });
  await db().principal.create({
    data: {
      ...{ accountId: ACCOUNT, kind: "ROLE", name: "AliyunServiceRoleForX", roleKind: "SERVICE_LINKED" },
      ...{
        arn: arn.role("aliyunserviceroleforx"),
        arnKey: arn.role("aliyunserviceroleforx"),
        service: "x.aliyuncs.com",
      },
      trustPolicy: JSON.stringify(TRUST),
    },
  });
  for (const [name, statement] of Object.entries(POLICIES)) {
    for (const account of [ACCOUNT, OTHER]) await make(createPolicy)({ account, name, document: document(statement) });
  }
  const attach = (policy: string, principal: string) => make(attachPolicy)({ policy: arn.policy(policy), principal });
  for (const name of ["ann", "cid"]) await attach("Assume", arn.user(name));
  await attach("NoAssume", arn.user("cid"));
  await attach("FromOffice", arn.user("dan"));
  await attach("Assume", arn.role("deploy"));
  await make(attachPolicy)({ policy: `acs:ram::${OTHER}:policy/Assume`, principal: `acs:ram::${OTHER}:user/eve` });
  pool = new Pool({ connectionString: context.url, max: 2 });
});
afterAll(() => pool?.end());
beforeEach(() => db().roleSession.deleteMany());

describe("assumeRole", () => {
  test("gives a session with a token that is kept as a digest only", async () => {
    const before = Date.now();
    const { value, userErrors, changed, revision } = await assume(
      { sessionPolicy: READ_ALL },
      { caller: as(arn.user("ann")) },
    );
    expect({ userErrors, changed }).toEqual({ userErrors: [], changed: true });
    expect(revision).toMatch(/^v1\./);
    expect(value?.token).toMatch(/^rgs_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$/);
    expect(sessionIdOf(value?.token ?? "")).toBe(value?.sessionId);
    const row = await stored(value?.sessionId);
    expect(row).toMatchObject({
      arn: sessionArn("deploy", "s1"),
      sessionName: "s1",
      issuedTo: arn.user("ann"),
      revokedAt: null,
    });
    expect(row.expiresAt.getTime() - row.issuedAt.getTime()).toBe(3_600_000);
    expect(Math.abs(row.issuedAt.getTime() - before)).toBeLessThan(60_000);
    expect(JSON.parse(row.sessionPolicy ?? "")).toEqual(READ_ALL);
    const everything = await db().$queryRaw<{ text: string }[]>`
      SELECT coalesce(string_agg(t::text, ''), '') AS text FROM
        (SELECT to_jsonb(s)::text FROM role_session s UNION ALL SELECT to_jsonb(a)::text FROM audit_event a
         UNION ALL SELECT to_jsonb(i)::text FROM idempotency_record i) t`;
    expect(everything[0]?.text).not.toContain(value?.token?.slice(-43)); // a secret may hold `_`
  });

  test("folds the role's name, not the session's", async () => {
    const { value } = await assume({ role: `acs:ram::${ACCOUNT}:role/DEPLOY`, sessionName: "Run.1@x_y-z" });
    expect((await stored(value?.sessionId)).arn).toBe(sessionArn("deploy", "Run.1@x_y-z"));
  });

  test("a dry run gives nothing and leaves nothing", async () => {
    const before = await fingerprint(db());
    expect(await assume({}, { dryRun: true })).toMatchObject({ value: null, userErrors: [], changed: true });
    expect(await fingerprint(db())).toBe(before);
  });

  test("a repetition gives the same session without its token", async () => {
    const first = await assume({}, { idempotencyKey: "k1" });
    const again = await assume({}, { idempotencyKey: "k1" });
    expect(first.value?.token).toMatch(/^rgs_/);
    expect(again).toEqual({ ...first, value: { sessionId: first.value?.sessionId, token: null } });
    expect(await db().roleSession.count()).toBe(1);
    const record = await db().idempotencyRecord.findFirstOrThrow({ where: { key: "k1" } });
    expect(JSON.stringify(record.response)).not.toContain("rgs_");
    expect(codesOf(await assume({ sessionName: "other" }, { idempotencyKey: "k1" }))).toEqual([
      "IDEMPOTENCY_KEY_REUSED",
    ]);
  });

  test("of several with one key at once, one opens a session and has its token", async () => {
    const results = await Promise.all([1, 2, 3, 4].map(() => assume({}, { idempotencyKey: "k2" })));
    expect(new Set(results.map(({ value }) => value?.sessionId)).size).toBe(1);
    expect(results.filter(({ value }) => value?.token !== null)).toHaveLength(1);
  });

  test("the same expected revision lets one of two through", async () => {
    const { revision } = await assume({});
    const both = await Promise.all([1, 2].map(() => assume({}, { expectedRevision: revision })));
    expect(both.flatMap(codesOf)).toEqual(["CONFLICT"]);
  });

  test("is in the audit trail with who asked, whom it is for and what it came to, and so is its end", async () => {
    const asked = { sessionName: "audited", onBehalfOf: arn.user("ann"), sessionPolicy: READ_ALL };
    const { value } = await assume(asked, { reason: "release" });
    const event = await db().auditEvent.findFirstOrThrow({ orderBy: { sequence: "desc" } });
    expect(event).toMatchObject({
      ...{ action: "assumeRole", actor: "operator:test", reason: "release" },
      targets: [arn.role("deploy"), sessionArn("deploy", "audited"), arn.user("ann")],
      before: null,
    });
    expect(event.input).toMatchObject({ onBehalfOf: arn.user("ann") });
    const { tokenDigest, accountId, roleId, sessionName, ...session } = await stored(value?.sessionId);
    expect(event.after).toEqual(JSON.parse(JSON.stringify(session)));
    await revoke();
    expect(await db().auditEvent.findFirstOrThrow({ orderBy: { sequence: "desc" } })).toMatchObject({
      ...{ action: "revokeRoleSessions", before: { active: 1 } },
      after: { active: 0, revokedAt: (await stored(value?.sessionId)).revokedAt?.toISOString() },
    });
  });

  test.each<[string, Partial<AssumeRoleInput>, number | null]>([
    ["the shortest", { durationSeconds: 900 }, 900],
    ["the role's longest", { durationSeconds: 7_200 }, 7_200],
    ["too short", { durationSeconds: 899 }, null],
    ["longer than the role's", { durationSeconds: 7_201 }, null],
    [
      "longer than an hour for a role that assumes another",
      { durationSeconds: 3_601, role: arn.role("narrow"), onBehalfOf: arn.role("deploy") },
      null,
    ],
    [
      "an hour for a role that assumes another",
      { durationSeconds: 3_600, role: arn.role("narrow"), onBehalfOf: arn.role("deploy") },
      3_600,
    ],
    [
      "half a day for a user",
      { durationSeconds: 43_200, role: arn.role("narrow"), onBehalfOf: arn.user("ann") },
      43_200,
    ],
  ])("duration: %s", async (_what, input, seconds) => {
    const { value, userErrors } = await assume(input);
    expect(codesOf({ userErrors })).toEqual(seconds === null ? ["INVALID_PARAMETER_DURATION_SECONDS"] : []);
    if (seconds === null) return;
    const { issuedAt, expiresAt } = await stored(value?.sessionId);
    expect(expiresAt.getTime() - issuedAt.getTime()).toBe(seconds * 1_000);
  });

  test("a role whose longest session is shorter than the default gives that", async () => {
    await db().principal.update({ where: { arnKey: arn.role("service") }, data: { maxSessionDuration: 1_800 } });
    const { value } = await assume({ role: arn.role("service") });
    const { issuedAt, expiresAt } = await stored(value?.sessionId);
    expect(expiresAt.getTime() - issuedAt.getTime()).toBe(1_800_000);
  });

  test("a malformed session policy is refused with its places", async () => {
    const { userErrors } = await assume({ sessionPolicy: '{"Version": "1",\n "Statement": [{"Effect": "allow "}]}' });
    expect(userErrors.length).toBeGreaterThan(0);
    for (const error of userErrors) {
      expect(error).toMatchObject({ code: "MALFORMED_POLICY_DOCUMENT", field: ["sessionPolicy"], line: 2 });
    }
  });

  test("a session policy has at most 2,048 characters", async () => {
    const text = JSON.stringify(READ_ALL);
    expect(codesOf(await assume({ sessionPolicy: text.padEnd(2_048) }))).toEqual([]);
    expect(codesOf(await assume({ sessionPolicy: text.padEnd(2_049) }))).toEqual([
      "INVALID_PARAMETER_POLICY_DOCUMENT_LENGTH",
    ]);
  });

  const refused: [string, Partial<AssumeRoleInput>, Caller | undefined][] = [
    ["INVALID_PARAMETER_ROLE_SESSION_NAME", { sessionName: "x" }, undefined],
    ["INVALID_PARAMETER_ROLE_SESSION_NAME", { sessionName: "a/b" }, undefined],
    ["INVALID_PARAMETER_ROLE_SESSION_NAME", { sessionName: "x".repeat(65) }, undefined],
    ["ENTITY_NOT_EXIST_ROLE", { role: arn.role("none") }, undefined],
    ["ENTITY_NOT_EXIST_ACCOUNT", { role: "acs:ram::3:role/none" }, undefined],
    ["INVALID_PARAMETER_PRINCIPAL_TYPE", { role: arn.user("ann") }, undefined],
    ["INVALID_PARAMETER_PRINCIPAL_TYPE", { onBehalfOf: arn.group("ops") }, undefined],
    ["ENTITY_NOT_EXIST_USER", { onBehalfOf: arn.user("nobody") }, undefined],
    ["ENTITY_NOT_EXIST_ROLE", { onBehalfOf: sessionArn("none", "s1") }, undefined],
    ["ENTITY_NOT_EXIST_ACCOUNT", { onBehalfOf: "acs:ram::3:root" }, undefined],
    ["NO_PERMISSION", { role: arn.role("AliyunServiceRoleForX") }, undefined],
    ["NO_PERMISSION", { onBehalfOf: arn.user("ann") }, as(arn.user("ann"))],
    ["INVALID_PARAMETER_TEXT", {}, undefined],
  ];
  test.each(refused)("%s: %j", async (code, input, caller) => {
    const before = await fingerprint(db());
    const reason = code === "INVALID_PARAMETER_TEXT" ? "r".repeat(1_025) : null;
    expect(codesOf(await assume(input, { reason, ...(caller && { caller }) }))).toEqual([code]);
    expect(await fingerprint(db())).toBe(before);
  });
});

describe("who may assume a role", () => {
  const both = async (principal: string, role = "deploy") => {
    const own = await assume({ role: arn.role(role) }, { caller: as(principal) });
    const named = await assume({ role: arn.role(role), onBehalfOf: principal });
    expect(codesOf(named)).toEqual(codesOf(own));
    for (const { field } of named.userErrors) expect(field).toEqual(["onBehalfOf"]);
    return own.userErrors.map(({ code, message }) => `${code}: ${message}`).join() || "assumed";
  };

  test("one whom its policies and the trust policy allow", async () => {
    expect(await both(arn.user("ann"))).toBe("assumed");
    expect(await both(arn.user("ann"), "narrow")).toBe("assumed");
    expect(await both(`acs:ram::${ACCOUNT}:root`)).toBe("assumed");
    expect(await both(`acs:ram::${OTHER}:user/eve`, "narrow")).toBe("assumed");
  });

  test.each<[string, string, RegExp]>([
    [arn.user("bob"), "deploy", /the identity policies of the caller do not allow it$/],
    [arn.user("cid"), "deploy", /the identity policies of the caller deny it$/],
    [
      arn.user("dan"),
      "deploy",
      /the identity policies of the caller make it depend on `acs:SourceIp`, which the gateway/,
    ],
    [`acs:ram::${OTHER}:user/eve`, "deploy", /user\/eve` may not assume the role$/],
    [`acs:ram::${ACCOUNT}:root`, "narrow", /the trust policy of the role does not allow it$/],
    [`acs:ram::${OTHER}:root`, "deploy", /:root` may not assume the role$/],
  ])("not %s for `%s`", async (principal, role, message) => {
    const told = await both(principal, role);
    expect(told).toMatch(/^NO_PERMISSION: `acs:ram::/);
    expect(told).toMatch(message);
  });

  test("a session as far as its role, its own policy and its life let it", async () => {
    const chain = sessionArn("deploy", "chain");
    expect(await both(chain, "narrow")).toBe("assumed");
    await assume({ sessionName: "chain", sessionPolicy: READ_ALL });
    expect(await both(chain, "narrow")).toMatch(/the session policy of the caller does not allow it$/);
    await revoke();
    expect(await both(chain, "narrow")).toMatch(/`.*chain` has expired or was revoked$/);
  });

  test("a change of policies that is under way comes before or after", async () => {
    const detached = { policy: arn.policy("Assume"), principal: arn.user("ann") };
    for (let round = 0; round < 5; round += 1) {
      const [assumed] = await Promise.all([
        assume({}, { caller: as(arn.user("ann")) }),
        detachPolicy(context.administration, detached, request()),
      ]);
      const late = await assume({}, { caller: as(arn.user("ann")) });
      expect(codesOf(late)).toEqual(["NO_PERMISSION"]);
      expect([0, 1]).toContain(assumed.userErrors.length);
      await attachPolicy(context.administration, detached, request());
    }
  });

  test("no principal may do anything else", async () => {
    const asAnn = request({ caller: as(arn.user("ann")) });
    const role = arn.role("deploy");
    await expect(revokeRoleSessions(context.administration, { role }, asAnn)).rejects.toThrow(ForbiddenError);
    const version = { policy: arn.policy("Assume"), version: "v1" };
    await expect(setDefaultPolicyVersion(context.administration, version, asAnn)).rejects.toThrow(ForbiddenError);
  });
});

describe("revokeRoleSessions", () => {
  test("ends what is active and counts it", async () => {
    const ids = [];
    for (const sessionName of ["s1", "s1", "s2"]) ids.push((await assume({ sessionName })).value?.sessionId);
    await assume({ role: arn.role("narrow") });
    await db().roleSession.update({
      where: { id: ids[2] ?? "" },
      data: { issuedAt: new Date(Date.now() - 9e6), expiresAt: new Date(Date.now() - 5e6) },
    });
    expect(await revoke({}, { dryRun: true })).toMatchObject({ value: { revoked: 2 }, changed: true });
    expect(await revoke()).toMatchObject({ value: { revoked: 2 }, changed: true });
    expect(await revoke()).toMatchObject({ value: { revoked: 0 }, changed: false, userErrors: [] });
    expect(await db().roleSession.count({ where: { revokedAt: null } })).toBe(2);
  });

  test("leaves alone what was issued at the instant or later", async () => {
    const { issuedAt } = await stored((await assume({})).value?.sessionId);
    expect(await revoke({ before: issuedAt })).toMatchObject({ value: { revoked: 0 }, changed: false });
    expect(await revoke({ before: new Date(issuedAt.getTime() + 1) })).toMatchObject({ value: { revoked: 1 } });
  });

  test("misses no session that is being issued", async () => {
    for (let round = 0; round < 5; round += 1) {
      const [, revoked] = await Promise.all([
        Promise.all([1, 2, 3].map((n) => assume({ sessionName: `r${n}` }))),
        revoke(),
      ]);
      expect(revoked.userErrors).toEqual([]);
      const revokedAt = await db().roleSession.findFirst({
        where: { revokedAt: { not: null } },
        orderBy: { revokedAt: "desc" },
      });
      const left = await db().roleSession.findMany({ where: { revokedAt: null } });
      for (const { issuedAt } of left) {
        if (revokedAt?.revokedAt) expect(issuedAt.getTime()).toBeGreaterThanOrEqual(revokedAt.revokedAt.getTime());
      }
    }
  });

  test("its token names a revision that the next change has moved", async () => {
    await assume({});
    const { revision } = await revoke();
    await assume({});
    await revoke();
    expect(codesOf(await revoke({}, { expectedRevision: revision }))).toEqual(["CONFLICT"]);
  });

  test.each([
    ["ENTITY_NOT_EXIST_ROLE", { role: arn.role("none") }],
    ["INVALID_PARAMETER_PRINCIPAL_TYPE", { role: arn.user("ann") }],
    ["INVALID_PARAMETER", { before: new Date("0000-06-01T00:00:00Z") }],
  ])("%s: %j", async (code, input) => {
    expect(codesOf(await revoke(input))).toEqual([code]);
  });
});

describe("what is kept of the sessions of one name", () => {
  const fill = (count: number, from: string, to: string) =>
    db().$executeRawUnsafe(
      `INSERT INTO role_session (id, account_id, role_id, arn, session_name, token_digest, issued_to, issued_at, expires_at)
     SELECT gen_random_uuid(), '${ACCOUNT}', p.id, '${sessionArn("deploy", "s1")}', 's1', sha256(''), 'x', ${from}, ${to}
     FROM principal p, generate_series(1, ${count}) WHERE p.arn_key = '${arn.role("deploy")}'`,
    );

  test("a thousand may be active", async () => {
    await fill(1_000, "now() - interval '1 minute'", "now() + interval '1 hour'");
    expect(codesOf(await assume({}))).toEqual(["LIMIT_EXCEEDED_ROLE_SESSION"]);
    expect(codesOf(await assume({ sessionName: "s2" }))).toEqual([]);
    await revoke();
    expect(codesOf(await assume({}))).toEqual([]);
    expect(await db().roleSession.count({ where: { sessionName: "s1" } })).toBe(101);
  });

  test("a hundred that have ended stay", async () => {
    await fill(130, "now() - interval '2 hours'", "now() - interval '1 hour'");
    await assume({});
    expect(await db().roleSession.count()).toBe(101);
  });
});

describe("a session's token", () => {
  let authenticate: Authenticator;
  beforeAll(() => {
    authenticate = createAuthenticator(pool, createRevisionReader(pool));
  });

  test("is a credential until the session ends", async () => {
    const { value } = await assume({});
    const token = value?.token ?? "";
    const caller = {
      kind: "PRINCIPAL",
      credentialId: value?.sessionId,
      principalArn: sessionArn("deploy", "s1"),
      signedInBy: "SESSION_TOKEN",
    };
    expect(await authenticate(token)).toEqual(caller);
    const other = (await assume({})).value?.token ?? "";
    expect(await authenticate(token.slice(0, 37) + other.slice(37))).toBeNull();
    expect(await authenticate(`${token}A`)).toBeNull();
    await revoke();
    expect(await authenticate(token)).toBeNull();
  });

  test("is none once the session has expired", async () => {
    const { value } = await assume({});
    const expired = { issuedAt: new Date(Date.now() - 9e6), expiresAt: new Date(Date.now() - 5e6) };
    await db().roleSession.update({ where: { id: value?.sessionId ?? "" }, data: expired });
    expect(await authenticate(value?.token ?? "")).toBeNull();
  });

  test.each(["rgs_", `rgs_${"0".repeat(32)}_${"a".repeat(43)}`, `rgs_${"0".repeat(31)}_${"a".repeat(43)}`])(
    "`%s` is none",
    async (text) => expect(await authenticate(text)).toBeNull(),
  );
});
