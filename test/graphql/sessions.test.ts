import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Caller } from "../../src/domain/caller.js";
import { ACCOUNT, APOLLO_KEY, role, user } from "../support/demo.js";
import { type Fixture, openFixture } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("demo");
});
afterAll(() => fixture?.close());
beforeEach(() => fixture.db.roleSession.deleteMany());

const SESSION = `__typename id arn kind name account { accountId } tags { key } attachments { totalCount }
  ... on RoleSession { sessionName role { arn } issuedTo issuedAt expiresAt revokedAt active sessionPolicy }`;
const ASSUME = `mutation ($input: AssumeRoleInput!) { assumeRole(input: $input) {
  session { ${SESSION} } token expiration changed revision userErrors { code message field } } }`;
const REVOKE = `mutation ($input: RevokeRoleSessionsInput!) { revokeRoleSessions(input: $input) {
  role { arn sessions { totalCount } } revoked changed revision userErrors { code message field } } }`;
const READ = `query ($arn: Arn!) { principal(arn: $arn) { ${SESSION} } }`;
const NODE = `query ($id: ID!) { node(id: $id) { ... on RoleSession { ${SESSION} } } }`;
const POLICY = { Version: "1", Statement: [{ Effect: "Allow", Action: "kms:List*", Resource: "*" }] };

const TRUST = {
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [user("ann")] } }],
};

const arnOf = (name: string) => `acs:ram::${ACCOUNT}:assumed-role/deploy-bot/${name}`;
const assume = async (input: object) =>
  (await fixture.ask(ASSUME, { input: { role: role("deploy-bot"), sessionName: "Run-1", ...input } })).assumeRole;
const revoke = async (input: object = {}) =>
  (await fixture.ask(REVOKE, { input: { role: role("deploy-bot"), ...input } })).revokeRoleSessions;
const read = async (arn: string) => (await fixture.ask(READ, { arn })).principal;

describe("assumeRole and revokeRoleSessions", () => {
  it("show the session, its token once, and its end", async () => {
    const payload = await assume({ sessionPolicy: POLICY, durationSeconds: 900 });
    expect(payload).toMatchObject({ changed: true, userErrors: [], token: expect.stringMatching(/^rgs_/) });
    expect(payload.session).toMatchObject({
      ...{ __typename: "RoleSession", arn: arnOf("Run-1"), kind: "ROLE_SESSION", name: "deploy-bot" },
      ...{ sessionName: "Run-1", role: { arn: role("deploy-bot") }, account: { accountId: ACCOUNT } },
      ...{ issuedTo: "operator:test", revokedAt: null, active: true, sessionPolicy: POLICY },
    });
    const { issuedAt, expiresAt } = payload.session;
    expect(payload.expiration).toBe(expiresAt);
    expect(Date.parse(expiresAt) - Date.parse(issuedAt)).toBe(900_000);
  });

  it("a dry run and a refusal show no session", async () => {
    const empty = { session: null, token: null, expiration: null };
    expect(await assume({ dryRun: true })).toMatchObject({ ...empty, changed: true, userErrors: [] });
    expect(await assume({ durationSeconds: 1, sessionPolicy: "{" })).toMatchObject({ ...empty, changed: false });
    const refused = await assume({ onBehalfOf: user("bob") });
    expect(refused).toMatchObject({ ...empty, userErrors: [{ code: "NO_PERMISSION", field: ["onBehalfOf"] }] });
    expect(await fixture.fail(ASSUME, { input: { role: "bot", sessionName: "x" } })).toMatchObject({
      code: "BAD_USER_INPUT",
    });
  });

  it("a repetition shows the session without its token", async () => {
    const first = await assume({ idempotencyKey: "g1" });
    const again = await assume({ idempotencyKey: "g1" });
    expect(again).toEqual({ ...first, token: null });
  });

  it("end what decisions allow, and what they say then", async () => {
    const DECIDE = `query ($principal: Arn!) { checkAccess(input: { principal: $principal, action: "kms:Decrypt", resource: "${APOLLO_KEY}" }) {
      outcome decidedBy reason validUntil diagnostics { code } } }`;
    const decide = async () => (await fixture.ask(DECIDE, { principal: arnOf("Run-1") })).checkAccess;
    const before = await decide();
    const { expiration } = await assume({});
    expect(await decide()).toEqual({ ...before, validUntil: expiration });
    await assume({ sessionPolicy: POLICY });
    expect(await decide()).toMatchObject({ outcome: "IMPLICIT_DENY", decidedBy: "SESSION_POLICY" });
    expect(await revoke()).toMatchObject({ revoked: 2, changed: true, role: { sessions: { totalCount: 2 } } });
    expect(await decide()).toMatchObject({
      outcome: "IMPLICIT_DENY",
      reason: "The session has expired or was revoked.",
      diagnostics: [{ code: "SESSION_INACTIVE" }],
    });
    expect(await revoke()).toMatchObject({ revoked: 0, changed: false, userErrors: [] });
    expect(await revoke({ role: role("none") })).toMatchObject({
      ...{ role: null, revoked: 0, changed: false, userErrors: [{ code: "ENTITY_NOT_EXIST_ROLE" }] },
    });
  });
});

describe("sessions as records", () => {
  it("by ARN stand for all of that name and show the one that lives longest", async () => {
    const never = {
      issuedTo: null,
      issuedAt: null,
      expiresAt: null,
      revokedAt: null,
      active: true,
      sessionPolicy: null,
    };
    expect(await read(arnOf("Run-1"))).toMatchObject(never);
    await assume({ durationSeconds: 900 });
    const long = await assume({ durationSeconds: 3_600, sessionPolicy: POLICY });
    const shown = await read(arnOf("Run-1"));
    expect(shown).toEqual({ ...long.session, id: shown.id });
    expect(shown.id).not.toBe(long.session.id);
    expect(await read(arnOf("run-1"))).toMatchObject(never);
    await revoke();
    expect(await read(arnOf("Run-1"))).toMatchObject({ active: false, revokedAt: expect.any(String) });
    const { session } = await assume({ durationSeconds: 900 });
    expect(await read(arnOf("Run-1"))).toMatchObject({ active: true, expiresAt: session.expiresAt });
  });

  it("are not active under a new role of the same name until they are issued there", async () => {
    const CHANGE = `mutation ($old: Arn!, $new: CreateRoleInput!) {
      deleteRole(input: { role: $old }) { userErrors { code } } createRole(input: $new) { userErrors { code } } }`;
    const made = { account: ACCOUNT, name: "Fleeting", trustPolicy: TRUST };
    await fixture.ask(CHANGE, { old: role("fleeting"), new: made });
    const [there, never] = ["s1", "s2"].map((name) => `acs:ram::${ACCOUNT}:assumed-role/fleeting/${name}`);
    await assume({ role: role("fleeting"), sessionName: "s1", sessionPolicy: POLICY });
    await fixture.ask(CHANGE, { old: role("fleeting"), new: made });
    expect(await read(there ?? "")).toMatchObject({ active: false, issuedAt: null });
    expect(await read(never ?? "")).toMatchObject({ active: true, issuedAt: null });
    await assume({ role: role("fleeting"), sessionName: "s1" });
    expect(await read(there ?? "")).toMatchObject({ active: true, sessionPolicy: null });
  });

  it("are found again by id, each by its own", async () => {
    const one = (await assume({})).session;
    const two = (await assume({ durationSeconds: 900 })).session;
    const all = await read(arnOf("Run-1"));
    for (const session of [one, two, all]) expect((await fixture.ask(NODE, { id: session.id })).node).toEqual(session);
    await fixture.db.roleSession.deleteMany();
    expect((await fixture.ask(NODE, { id: one.id })).node).toBeNull();
  });

  it("are listed with their role, newest first, in pages", async () => {
    for (const sessionName of ["a1", "a2", "a3"]) await assume({ sessionName });
    await revoke();
    for (const sessionName of ["b1", "b2"]) await assume({ sessionName });
    const LIST = `query ($arn: Arn = "${role("deploy-bot")}", $first: Int, $last: Int, $after: String, $before: String, $active: Boolean) {
      principal(arn: $arn) { ... on Role { sessions(first: $first, last: $last, after: $after, before: $before, active: $active) {
        totalCount nodes { sessionName active } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }`;
    const list = async (variables: Record<string, unknown> = {}) =>
      (await fixture.ask(LIST, variables)).principal.sessions;
    const names = ({ nodes }: { nodes: { sessionName: string }[] }) => nodes.map(({ sessionName }) => sessionName);
    expect(names(await list())).toEqual(["b2", "b1", "a3", "a2", "a1"]);
    expect(await list({ active: true })).toMatchObject({
      totalCount: 2,
      nodes: [{ sessionName: "b2" }, { sessionName: "b1" }],
    });
    expect(names(await list({ active: false }))).toEqual(["a3", "a2", "a1"]);
    const page = await list({ first: 2 });
    expect(page).toMatchObject({ totalCount: 5, pageInfo: { hasNextPage: true, hasPreviousPage: false } });
    const next = await list({ first: 2, after: page.pageInfo.endCursor });
    expect(names(next)).toEqual(["a3", "a2"]);
    expect(names(await list({ last: 2, before: next.pageInfo.startCursor }))).toEqual(["b2", "b1"]);
    expect(names(await list({ last: 2 }))).toEqual(["a2", "a1"]);
    expect(await fixture.fail(LIST, { after: "x" })).toMatchObject({ code: "BAD_USER_INPUT" });
    expect(await fixture.fail(LIST, { first: 101 })).toMatchObject({ code: "BAD_USER_INPUT" });
  });

  it("are listed among principals, each name once", async () => {
    for (const sessionName of ["c3", "c1", "c2", "c1"]) await assume({ sessionName });
    const LIST = `query ($first: Int, $last: Int, $after: String, $before: String, $nameContains: String) {
      principals(account: "${ACCOUNT}", kind: ROLE_SESSION, first: $first, last: $last, after: $after, before: $before, nameContains: $nameContains) {
        totalCount nodes { ${SESSION} } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
    const list = async (variables: Record<string, unknown> = {}) => (await fixture.ask(LIST, variables)).principals;
    const arns = ({ nodes }: { nodes: { arn: string }[] }) => nodes.map(({ arn }) => arn);
    const all = await list();
    expect(all.totalCount).toBe(3);
    expect(arns(all)).toEqual(["c1", "c2", "c3"].map(arnOf));
    expect(all.nodes[0]).toEqual(await read(arnOf("c1")));
    const page = await list({ first: 2 });
    expect(page.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const next = await list({ first: 2, after: page.pageInfo.endCursor });
    expect(arns(next)).toEqual([arnOf("c3")]);
    expect(next.pageInfo).toMatchObject({ hasNextPage: false });
    expect(arns(await list({ last: 1, before: next.pageInfo.startCursor }))).toEqual([arnOf("c2")]);
    expect(arns(await list({ last: 2 }))).toEqual(["c2", "c3"].map(arnOf));
    expect(arns(await list({ nameContains: "DEPLOY" }))).toHaveLength(3);
    expect(arns(await list({ nameContains: "c1" }))).toEqual([]);
  });

  it("are what a caller with a session's token is", async () => {
    const { session } = await assume({});
    const stored = await fixture.db.roleSession.findFirstOrThrow();
    const caller: Caller = { kind: "PRINCIPAL", credentialId: stored.id, principalArn: session.arn };
    const { data } = await fixture.run(`{ viewer { kind credential { id } principal { ${SESSION} } } }`, {}, caller);
    expect(data.viewer).toMatchObject({
      kind: "PRINCIPAL",
      credential: { id: stored.id },
      principal: { arn: session.arn },
    });
  });
});
