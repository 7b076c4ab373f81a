import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fixture, openFixture } from "./fixture.js";

const ACCOUNT = "7000000000000007";
const OTHER = "8000000000000008";
const user = (name: string) => `acs:ram::${ACCOUNT}:user/${name}`;
const KEY = `acs:kms:cn-hangzhou:${ACCOUNT}:key/K-1`;
const USERS = 60;
const LIST = `query ($account: String!, $principal: Arn, $resource: Arn, $first: Int, $after: String, $last: Int, $before: String) {
  auditEvents(account: $account, principal: $principal, resource: $resource, first: $first, after: $after, last: $last, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id sequence at actor action targets reason requestId input before after revision previousHash hash } } } }`;

let fixture: Fixture;

async function change(name: string, input: Record<string, unknown>): Promise<void> {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const document = `mutation ($input: ${type}!) { ${name}(input: $input) { changed userErrors { code message } } }`;
  expect((await fixture.ask(document, { input }))[name]).toEqual({ changed: true, userErrors: [] });
}

beforeAll(async () => {
  fixture = await openFixture();
  await change("createAccount", { account: ACCOUNT });
  await change("createAccount", { account: OTHER });
  await change("createUser", { account: OTHER, name: "ann" });
  for (let i = 0; i < USERS; i += 1) await change("createUser", { account: ACCOUNT, name: `User-${i}` });
  await change("registerKey", { arn: KEY });
  await change("tagResource", { resource: KEY, tags: [{ key: "a", value: "1" }], reason: "because" });
  await change("attachPolicy", { policy: "acs:ram::system:policy/AliyunKMSFullAccess", principal: user("USER-1") });
});
afterAll(() => fixture?.close());

interface Edge {
  readonly cursor: string;
  readonly node: { readonly sequence: number; readonly [field: string]: unknown };
}

interface Page {
  readonly totalCount: number;
  readonly pageInfo: { readonly startCursor: string | null; readonly endCursor: string | null };
  readonly edges: readonly Edge[];
}

async function list(variables: Record<string, unknown>) {
  const page: Page = (await fixture.ask(LIST, { account: ACCOUNT, ...variables })).auditEvents;
  return { ...page, sequences: page.edges.map(({ node }) => node.sequence) };
}

describe("auditEvents", () => {
  test("shows all of an event", async () => {
    const { edges } = await list({ resource: KEY, last: 1 });
    expect(edges[0]?.node).toEqual({
      id: expect.any(String),
      sequence: USERS + 3,
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      actor: "operator:test",
      action: "tagResource",
      targets: [KEY],
      reason: "because",
      requestId: "request-1",
      input: { resource: KEY, tags: [{ key: "a", value: "1" }] },
      before: { tags: {} },
      after: { tags: { a: "1" } },
      revision: { [`res:${KEY}`]: expect.any(Number) },
      previousHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test("pages through the whole trail, oldest first, and resumes where it ended", async () => {
    const seen: number[] = [];
    let after: string | null = null;
    for (let pages = 0; pages < 9; pages += 1) {
      const page: Awaited<ReturnType<typeof list>> = await list({ first: 10, after });
      seen.push(...page.sequences);
      if (page.pageInfo.endCursor !== null) after = page.pageInfo.endCursor;
    }
    expect(seen).toEqual(Array.from({ length: USERS + 4 }, (_, i) => i + 1));
    const end = await list({ after });
    expect(end).toMatchObject({
      totalCount: USERS + 4,
      edges: [],
      pageInfo: { hasNextPage: false, startCursor: null, endCursor: null },
    });
    await change("createUser", { account: ACCOUNT, name: "late" });
    expect((await list({ after })).sequences).toEqual([USERS + 5]);
    expect((await list({})).edges).toHaveLength(20);
  });

  test("pages backwards too", async () => {
    const last = await list({ last: 3 });
    expect(last.pageInfo).toMatchObject({ hasPreviousPage: true });
    const before = await list({ last: 2, before: last.pageInfo.startCursor });
    const [first = 0] = last.sequences;
    expect(before.sequences).toEqual([first - 2, first - 1]);
  });

  test("filters by principal and by resource, whatever their spelling", async () => {
    const one = USERS + 4;
    for (const principal of [user("User-1"), user("user-1"), `acs:ram:*:${ACCOUNT}:user/USER-1`]) {
      expect(await list({ principal })).toMatchObject({ sequences: [3, one], totalCount: 2 });
    }
    expect((await list({ resource: KEY })).sequences).toEqual([USERS + 2, USERS + 3]);
    expect((await list({ resource: KEY.replace(":kms:", ":KMS:") })).sequences).toHaveLength(2);
    expect((await list({ resource: KEY.toLowerCase() })).sequences).toEqual([]);
    const resource = "acs:ram::system:policy/aliyunkmsfullaccess";
    expect((await list({ resource })).sequences).toEqual([one]);
    expect((await list({ resource, principal: user("user-1") })).sequences).toEqual([one]);
    expect((await list({ resource, principal: user("user-2") })).sequences).toEqual([]);
    expect((await list({ principal: `acs:ram::${ACCOUNT}:assumed-role/r/s` })).sequences).toEqual([]);
  });

  test("uses an index for the filter", async () => {
    const { statements } = await fixture.run(LIST, { account: ACCOUNT, principal: user("user-1") });
    const sql = statements.find((statement) => statement.includes("target_keys")) ?? "";
    expect(sql).toContain("@>");
    const [, , plan] = await fixture.db.$transaction([
      fixture.db.$executeRaw`SET LOCAL enable_seqscan = off`,
      fixture.db.$executeRaw`SET LOCAL enable_indexscan = off`,
      fixture.db.$queryRaw`EXPLAIN SELECT * FROM audit_event WHERE target_keys @> ARRAY['x']`,
    ]);
    expect(JSON.stringify(plan)).toContain("Bitmap Index Scan on audit_event_target_keys_idx");
  });

  test("refuses cursors of another account, filter or list, and what is none", async () => {
    const { pageInfo } = await list({ first: 2 });
    const after = pageInfo.endCursor ?? "";
    const users = `{ principals(account: "${ACCOUNT}", first: 1) { pageInfo { endCursor } } }`;
    const wrong: Record<string, unknown>[] = [
      { account: OTHER, after },
      { account: ACCOUNT, after, principal: user("user-1") },
      { account: ACCOUNT, after, resource: KEY },
      { account: ACCOUNT, before: (await list({ resource: KEY })).pageInfo.endCursor },
      { account: ACCOUNT, after: "nonsense" },
      { account: ACCOUNT, after: "" },
      { account: ACCOUNT, after: (await fixture.ask(users)).principals.pageInfo.endCursor },
    ];
    for (const variables of wrong) {
      expect(await fixture.fail(LIST, variables), JSON.stringify(variables)).toEqual({
        code: "BAD_USER_INPUT",
        message: `\`${variables["after"] ?? variables["before"]}\` is no cursor of this list: take one from a page with the same arguments`,
      });
    }
    const same = await list({ principal: user("USER-1"), first: 1 });
    const next = await list({ principal: user("user-1"), after: same.pageInfo.endCursor });
    expect(next.sequences).toEqual([USERS + 4]);
  });

  test("refuses what is malformed, and accounts nobody knows", async () => {
    expect(await fixture.fail(LIST, { account: ACCOUNT, principal: "ann" })).toMatchObject({ code: "BAD_USER_INPUT" });
    expect(await fixture.fail(LIST, { account: ACCOUNT, resource: "key" })).toMatchObject({ code: "BAD_USER_INPUT" });
    expect(await fixture.fail(LIST, { account: ACCOUNT, first: 101 })).toMatchObject({ code: "BAD_USER_INPUT" });
    expect(await fixture.fail(LIST, { account: "404" })).toMatchObject({ code: "NOT_FOUND" });
    const anonymous = await fixture.run(LIST, { account: ACCOUNT }, null);
    expect(anonymous.errors[0]?.extensions["code"]).toBe("UNAUTHENTICATED");
  });

  test("is there when the account is gone", async () => {
    const account = "9000000000000009";
    await change("createAccount", { account });
    await fixture.db.account.delete({ where: { id: account } });
    expect((await list({ account })).edges.map(({ node }) => node["action"])).toEqual(["createAccount"]);
  });
});

describe("nodes", () => {
  test("are found by their ids, in one statement", async () => {
    const { edges } = await list({ first: 50 });
    const ids = edges.map(({ node }) => node["id"]);
    const document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on AuditEvent { sequence } } }";
    const { data, statements } = await fixture.run(document, { ids });
    expect(data.nodes).toEqual(edges.map(({ node: { id, sequence } }) => ({ id, sequence })));
    expect(statements).toHaveLength(1);
  });

  test("that do not exist are null", async () => {
    const ids = [`${ACCOUNT}/99999`, `${ACCOUNT}/0`, `${ACCOUNT}/99999999999`, "x", `${ACCOUNT}/1.5`].map((key) =>
      Buffer.from(`AuditEvent:${key}`).toString("base64"),
    );
    const document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    expect((await fixture.ask(document, { ids })).nodes).toEqual([null, null, null, null, null]);
  });
});
