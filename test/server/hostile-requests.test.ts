import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { type Gateway, startGateway } from "../support/gateway.js";

/** What scanners of GraphQL endpoints look for, asked without a key and then with one. */
let database: TestDatabase;
let gateway: Gateway;

beforeAll(async () => {
  database = await createTestDatabase("hostile");
  gateway = await startGateway({ DATABASE_URL: database.url, SEED_DEMO: "true", RATE_LIMIT_UNKNOWN: "10000" });
});

afterAll(async () => {
  await gateway?.stop();
  await database?.drop();
});

const repeat = (n: number, text: (i: number) => string) => Array.from({ length: n }, (_, i) => text(i)).join(" ");
const circular = (levels: number): string => (levels === 0 ? "name" : `fields { type { ${circular(levels - 1)} } }`);
const recursive = (levels: number): string =>
  levels === 0 ? "arn" : `attachments { nodes { policy { ${recursive(levels - 1)} } } }`;

const json = (query: string, more: object = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ query, ...more }),
});
const get = (query: string) => `?query=${encodeURIComponent(query)}`;

interface Check {
  readonly name: string;
  readonly path?: string;
  readonly request: RequestInit;
  /** What a caller with a key gets: a status of a refusal, or a code within a response. */
  readonly known: number | string;
}

const CHANGE = `mutation { createUser(input: { account: "1234567890123456", name: "mallory" }) { changed } }`;
const form = (query: string): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams({ query }).toString(),
});

const CHECKS: readonly Check[] = [
  {
    name: "alias overloading",
    request: json(`{ ${repeat(101, (i) => `a${i}: __typename`)} }`),
    known: "COST_LIMIT_EXCEEDED",
  },
  {
    name: "brute force by aliases",
    request: json(`{ ${repeat(21, (i) => `a${i}: principal(arn: "acs:ram::1234567890123456:user/u${i}") { arn }`)} }`),
    known: "COST_LIMIT_EXCEEDED",
  },
  {
    name: "array batching",
    request: { ...json(""), body: JSON.stringify(Array.from({ length: 10 }, () => ({ query: "{ __typename }" }))) },
    known: 400,
  },
  {
    name: "directive overloading",
    request: json(`{ __typename ${repeat(500, () => "@aa")} }`),
    known: "COST_LIMIT_EXCEEDED",
  },
  {
    name: "a few directives that do not exist",
    request: json("{ __typename @aa @aa }"),
    known: "GRAPHQL_VALIDATION_FAILED",
  },
  {
    name: "field duplication",
    request: json(`{ viewer { ${repeat(1_500, () => "kind")} } }`),
    known: "COST_LIMIT_EXCEEDED",
  },
  {
    name: "circular introspection",
    request: json(`{ __schema { types { ${circular(6)} } } }`),
    known: "GRAPHQL_VALIDATION_FAILED",
  },
  {
    name: "circular fragments",
    request: json("{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }"),
    known: "GRAPHQL_VALIDATION_FAILED",
  },
  {
    name: "deep recursion",
    request: json(`{ policy(arn: "acs:ram::system:policy/AdministratorAccess") { ${recursive(4)} } }`),
    known: "COST_LIMIT_EXCEEDED",
  },
  {
    name: "a page of pages",
    request: json(
      '{ policies(account: "1234567890123456", first: 100) { nodes { attachments(first: 100) { nodes { id } } } } }',
    ),
    known: "COST_LIMIT_EXCEEDED",
  },
  {
    name: "endless brackets",
    request: json(`{ node(id: ${"[".repeat(50_000)}) { id } }`),
    known: "COST_LIMIT_EXCEEDED",
  },
  { name: "variables nested without end", request: nestedVariables(), known: "BAD_USER_INPUT" },
  { name: "a change by GET", path: get(CHANGE), request: { method: "GET" }, known: 405 },
  { name: "a change as a form", request: form(CHANGE), known: 415 },
  { name: "a question as a form", request: form("{ __typename }"), known: 415 },
  {
    name: "a change as multipart form",
    request: { method: "POST", body: multipart(CHANGE) },
    known: 415,
  },
  {
    name: "a change as text",
    request: { method: "POST", headers: { "content-type": "text/plain" }, body: JSON.stringify({ query: CHANGE }) },
    known: 415,
  },
  {
    name: "a subscription for which no stream is taken",
    request: json('subscription { grantChanges(account: "1") { cursor } }'),
    known: "BAD_USER_INPUT",
  },
];

function nestedVariables(): RequestInit {
  const id = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  const query = "query ($id: ID!) { node(id: $id) { id } }";
  return { ...json(""), body: `{"query":${JSON.stringify(query)},"variables":{"id":${id}}}` };
}

function multipart(query: string): FormData {
  const data = new FormData();
  data.set("operations", JSON.stringify({ query }));
  return data;
}

interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly { message: string; extensions: { code: string } }[];
  readonly extensions?: unknown;
}

async function send({ path = "", request }: Check, authorization: string) {
  const headers = { ...(request.headers as Record<string, string>), ...(authorization && { authorization }) };
  const response = await fetch(`${gateway.url}/graphql${path}`, { ...request, headers });
  return { response, answer: (await response.json()) as Answer };
}

const users = async () => {
  const { data } = await gateway.ask('{ principals(account: "1234567890123456", first: 100) { nodes { arn } } }');
  return JSON.stringify(data);
};

describe.each(CHECKS)("$name", (check) => {
  test("tells a stranger nothing and does nothing", async () => {
    const { response, answer } = await send(check, "");
    expect([401, 415]).toContain(response.status);
    expect(answer.data ?? null).toBeNull();
    expect(answer.errors).toHaveLength(1);
  });

  test("is refused to a caller, too", async () => {
    const { response, answer } = await send(check, `Bearer ${gateway.key}`);
    if (typeof check.known === "number") expect(response.status).toBe(check.known);
    else expect(answer.errors?.[0]?.extensions.code).toBe(check.known);
    expect(answer.data ?? null).toBeNull();
    expect(response.headers.get("x-request-id")).toBeTruthy();
  });
});

test("none of the changes was made", async () => {
  expect(await users()).toContain("user/bob");
  expect(await users()).not.toContain("mallory");
});

describe("a stranger learns nothing of the schema", () => {
  test.each([
    ["introspection", "{ __schema { types { name } } }"],
    ["the name of the root type", "{ __typename }"],
    ["suggestions of fields", "{ viewr { kind } }"],
    ["suggestions of arguments", '{ node(i: "1") { id } }'],
    ["a syntax error", "{"],
  ])("%s", async (_, query) => {
    const response = await fetch(`${gateway.url}/graphql`, json(query));
    expect(response.status).toBe(401);
    const text = await response.text();
    expect(text).not.toMatch(/did you mean|viewer|Query|Syntax/i);
  });
});

test("nobody gets a trace", async () => {
  for (const header of ["apollo-tracing", "x-apollo-tracing", "graphql-trace"]) {
    const { response, answer } = await send(
      {
        name: "",
        request: { ...json("{ viewer { kind } }"), headers: { "content-type": "application/json", [header]: "1" } },
        known: "",
      },
      `Bearer ${gateway.key}`,
    );
    expect(answer.data).toBeTruthy();
    expect(answer.extensions).toBeUndefined();
    expect([...response.headers.keys()].join()).not.toMatch(/trac|powered|server/);
  }
});

test("the same documents within the limits are answered: none of this passes by chance", async () => {
  const good = [
    `{ ${repeat(20, (i) => `a${i}: __typename`)} }`,
    `{ viewer { ${repeat(20, () => "kind @include(if: true)")} } }`,
    `{ policy(arn: "acs:ram::system:policy/AdministratorAccess") { ${recursive(2)} } }`,
    '{ policies(account: "1234567890123456", first: 10) { nodes { attachments(first: 100) { nodes { id } } } } }',
    "{ __schema { types { fields { type { name } } } } }",
  ];
  for (const query of good) expect(await gateway.ask(query)).not.toHaveProperty("errors");
});
