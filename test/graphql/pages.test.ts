import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fixture, openFixture } from "./fixture.js";
import { createLargeAccount, nth } from "./scale.js";

const ACCOUNT = "7000000000000007";
const arn = (kind: string, index: number) => `acs:ram::${ACCOUNT}:${kind}/${nth(kind, index)}`;
let fixture: Fixture;

beforeAll(async () => {
  fixture = await openFixture();
  await createLargeAccount(fixture.db, ACCOUNT, 30);
  await fixture.db.account.createMany({ data: ["8", "80", "9"].map((id) => ({ id })) });
});
afterAll(() => fixture?.close());

/** A list: what leads to it, its name and arguments, and what is around it. */
interface List {
  readonly before: string;
  readonly field: string;
  readonly filter?: string;
}

const on = (start: string, field: string): List => ({ before: start, field });
const user = `{ principal(arn: "${arn("user", 5)}")`;
const group = `{ principal(arn: "${arn("group", 5)}")`;
const policy = `{ policy(arn: "${arn("policy", 5)}")`;
const key = `{ resource(arn: "acs:kms:cn-hangzhou:${ACCOUNT}:key/${nth("key", 5)}") { ... on Key`;
const account = `account: "${ACCOUNT}"`;

const LISTS: readonly List[] = [
  on("", "accounts"),
  { before: "", field: "principals", filter: account },
  { before: "", field: "policies", filter: account },
  { before: "", field: "resources", filter: account },
  { before: "", field: "resources", filter: `${account}, tag: { key: "Project" }, type: KEY` },
  { before: "", field: "auditEvents", filter: account },
  {
    before: "",
    field: "auditEvents",
    filter: `${account}, resource: "acs:kms:cn-hangzhou:${ACCOUNT}:key/${nth("key", 0)}"`,
  },
  on(user, "groups"),
  on(group, "members"),
  on(user, "attachments"),
  on(user, "effectivePolicies"),
  on(policy, "versions"),
  on(policy, "attachments"),
  on(key, "aliases"),
  on(key, "secrets"),
  on("{ accounts(first: 1) { nodes", "resourceGroups"),
];

interface Page {
  readonly totalCount: number;
  readonly edges: readonly { readonly cursor: string; readonly node: object }[];
  readonly pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
}

const PAGE =
  "{ totalCount edges { cursor node { __typename } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }";

function documentOf({ before, field, filter }: List, args: string): string {
  const all = [filter, args].filter(Boolean).join(", ");
  const list = `${field}${all === "" ? "" : `(${all})`} ${PAGE}`;
  return before === "" ? `{ ${list} }` : `${before} { ${list} }${" }".repeat(before.split("{ ").length - 1)}`;
}

async function pageOf(list: List, args: string): Promise<Page> {
  return listIn(await fixture.ask(documentOf(list, args)), list.field);
}

// biome-ignore lint/suspicious/noExplicitAny: walks down whatever leads to the list
function listIn(data: any, field: string): Page {
  if (data[field]) return data[field];
  const [inner] = Object.values(data);
  return listIn(Array.isArray(inner) ? inner[0] : inner, field);
}

const refusal = async (list: List, args: string) => {
  const { errors } = await fixture.run(documentOf(list, args));
  return errors.map(({ extensions }) => [extensions["code"], extensions["reason"]]);
};

describe.each(LISTS)("$before $field $filter", (list) => {
  const cursorsOf = ({ edges }: Page) => edges.map(({ cursor }) => cursor);

  it("gives the same rows from both ends, each once", async () => {
    const { totalCount, ...all } = await pageOf(list, "first: 100");
    expect(totalCount).toBeGreaterThan(0);
    const cursors = cursorsOf({ ...all, totalCount });
    expect(cursors).toHaveLength(Math.min(totalCount, 100));
    const size = Math.max(1, Math.ceil(cursors.length / 4));
    const forward: string[] = [];
    for (let after: string | null = null; forward.length < cursors.length; ) {
      const page: Page = await pageOf(list, `first: ${size}${after === null ? "" : `, after: "${after}"`}`);
      expect(page.pageInfo.hasPreviousPage).toBe(after !== null);
      forward.push(...cursorsOf(page));
      expect(page.pageInfo.hasNextPage).toBe(forward.length < totalCount);
      after = page.pageInfo.endCursor;
    }
    expect(forward.slice(0, cursors.length)).toEqual(cursors);
    const end = all.pageInfo.endCursor;
    const back = await pageOf(list, `last: ${size}, before: "${end}"`);
    expect(cursorsOf(back)).toEqual(cursors.slice(-size - 1, -1));
    expect(back.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: cursors.length > size + 1 });
  });

  it("takes its own cursors only", async () => {
    const { pageInfo } = await pageOf(list, "first: 1");
    const at = LISTS.indexOf(list);
    for (const step of [1, 3, 6]) {
      const other = LISTS[(at + step) % LISTS.length] ?? list;
      expect(await refusal(other, `after: "${pageInfo.endCursor}"`)).toEqual([["BAD_USER_INPUT", "INVALID_CURSOR"]]);
    }
    const forged = Buffer.from(JSON.stringify(["", "a"])).toString("base64url");
    for (const cursor of ["", "?", forged, `${pageInfo.endCursor}A`.slice(4)]) {
      expect(await refusal(list, `before: "${cursor}"`)).toEqual([["BAD_USER_INPUT", "INVALID_CURSOR"]]);
    }
  });

  it("refuses cursors whose keys were tampered with, or finds nothing out of order", async () => {
    const { pageInfo } = await pageOf(list, "first: 1");
    const [binding, ...keys] = JSON.parse(Buffer.from(pageInfo.endCursor, "base64url").toString());
    for (const tampered of ["\0", "99999999999999999999", "é'; --"]) {
      const cursor = Buffer.from(JSON.stringify([binding, ...keys.map(() => tampered)])).toString("base64url");
      for (const [code] of await refusal(list, `after: "${cursor}"`)) expect(code).toBe("BAD_USER_INPUT");
    }
    const short = Buffer.from(JSON.stringify([binding, ...keys, "x"])).toString("base64url");
    expect(await refusal(list, `after: "${short}"`)).toEqual([["BAD_USER_INPUT", "INVALID_CURSOR"]]);
  });
});

describe("cursors", () => {
  const principals = (filter: string): List => ({ before: "", field: "principals", filter: `${account}${filter}` });

  it("are bound to the values of the filter, and to nothing else", async () => {
    const { pageInfo } = await pageOf(principals(', kind: USER, nameContains: "user"'), "first: 2");
    const after = `after: "${pageInfo.endCursor}"`;
    for (const filter of [
      "",
      ", kind: USER",
      ', kind: GROUP, nameContains: "user"',
      ', kind: USER, nameContains: "u"',
    ]) {
      expect(await refusal(principals(filter), after)).toEqual([["BAD_USER_INPUT", "INVALID_CURSOR"]]);
    }
    const same = await pageOf(principals(', nameContains: "user", kind: USER'), `first: 50, ${after}`);
    expect(same.edges).toHaveLength(28);
    const unfiltered = await pageOf(principals(", kind: null"), "first: 2");
    await pageOf(principals(""), `after: "${unfiltered.pageInfo.endCursor}"`);
  });

  it("are bound to the object that has the list", async () => {
    const { pageInfo } = await pageOf(on(user, "attachments"), "first: 1");
    const other = on(user.replace(nth("user", 5), nth("user", 6)), "attachments");
    expect(await refusal(other, `after: "${pageInfo.endCursor}"`)).toEqual([["BAD_USER_INPUT", "INVALID_CURSOR"]]);
  });

  it("go on where they were when their row is gone", async () => {
    const list: List = { before: "", field: "resources", filter: `${account}, type: ALIAS` };
    const all = await pageOf(list, "first: 100");
    const { pageInfo } = await pageOf(list, "first: 3");
    await fixture.db.kmsResource.deleteMany({ where: { type: "ALIAS", name: `alias/${nth("alias", 2)}` } });
    const next = await pageOf(list, `first: 100, after: "${pageInfo.endCursor}"`);
    expect(next.edges).toEqual(all.edges.slice(3));
    const previous = await pageOf(list, `last: 100, before: "${pageInfo.endCursor}"`);
    expect(previous.edges).toEqual(all.edges.slice(0, 2));
  });

  it("can enclose a page from both sides", async () => {
    const list = principals(", kind: ROLE");
    const { edges } = await pageOf(list, "first: 10");
    const between = `after: "${edges[2]?.cursor}", before: "${edges[6]?.cursor}"`;
    expect((await pageOf(list, `first: 2, ${between}`)).edges).toEqual(edges.slice(3, 5));
    expect((await pageOf(list, `last: 2, ${between}`)).edges).toEqual(edges.slice(4, 6));
    expect((await pageOf(list, between)).pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    expect((await pageOf(list, "first: 0")).edges).toEqual([]);
  });
});

describe("nameContains", () => {
  const names = ["p_1", "p%1", "p*1", "p\\1", "P1"];

  it("is plain text, without regard to case", async () => {
    const id = () => randomUUID();
    await fixture.db.principal.createMany({
      data: names.map((name) => {
        const its = `acs:ram::9:user/${name}`;
        return { id: id(), accountId: "9", kind: "USER", name, arn: its, arnKey: its.toLowerCase() };
      }),
    });
    await fixture.db.policy.createMany({
      data: names.map((name) => {
        const its = `acs:ram::9:policy/${name}`;
        return { id: id(), accountId: "9", type: "CUSTOM", name, nameKey: name.toLowerCase(), arn: its };
      }),
    });
    for (const field of ["principals", "policies"]) {
      const found = async (nameContains: string) => {
        const document = `query ($nameContains: String) { ${field}(account: "9", nameContains: $nameContains) { nodes { name } } }`;
        return (await fixture.ask(document, { nameContains }))[field].nodes.map(({ name }: { name: string }) => name);
      };
      expect(await found("P_")).toEqual(["p_1"]);
      expect(await found("%1")).toEqual(["p%1"]);
      expect(await found("*")).toEqual(["p*1"]);
      expect(await found("\\")).toEqual(["p\\1"]);
      expect(await found("p1")).toEqual(["P1"]);
    }
  });
});

describe("a group with 10,000 members", () => {
  const big = "acs:ram::80:group/big";

  beforeAll(async () => {
    const groupId = randomUUID();
    const users = Array.from({ length: 10_000 }, (_, index) => ({ id: randomUUID(), name: `u${index}` }));
    const row = (id: string, kind: "USER" | "GROUP", name: string) => {
      const its = `acs:ram::80:${kind.toLowerCase()}/${name}`;
      return { id, accountId: "80", kind, name, arn: its, arnKey: its };
    };
    await fixture.db.principal.createMany({
      data: [row(groupId, "GROUP", "big"), ...users.map(({ id, name }) => row(id, "USER", name))],
    });
    await fixture.db.groupMembership.createMany({
      data: users.map(({ id }) => ({ groupId, userId: id, accountId: "80" })),
    });
  });

  it("is paged without reading them all", async () => {
    const document = `{ principal(arn: "${big}") { members(first: 1) { totalCount nodes { arn } pageInfo { hasNextPage } } } }`;
    const { rows, result } = await countRows(() => fixture.ask(document));
    expect(result.principal.members).toMatchObject({ totalCount: 10_000, pageInfo: { hasNextPage: true } });
    expect(result.principal.members.nodes).toEqual([{ arn: "acs:ram::80:user/u0" }]);
    expect(rows).toBeLessThan(10);
  });
});

/** How many rows the database sends for some work. */
async function countRows<T>(work: () => Promise<T>): Promise<{ rows: number; result: T }> {
  let rows = 0;
  const prototype = pg.Client.prototype as unknown as { query(...args: unknown[]): Promise<pg.QueryResult> };
  const { query } = prototype;
  prototype.query = async function (...args) {
    const result = await query.apply(this, args);
    rows += result?.rows?.length ?? 0;
    return result;
  };
  try {
    return { result: await work(), rows };
  } finally {
    prototype.query = query;
  }
}
