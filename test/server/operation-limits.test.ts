import { readdirSync, readFileSync } from "node:fs";
import {
  getIntrospectionQuery,
  getOperationAST,
  getVariableValues,
  type OperationDefinitionNode,
  parse,
  buildSchema as parseSchema,
  validate,
} from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildSchema } from "../../src/graphql/schema.js";
import { parseWithin } from "../../src/server/document-limits.js";
import { explorerTabs } from "../../src/server/explorer-page.js";
import { operationCost } from "../../src/server/operation-cost.js";
import { DEFAULT_LIMITS, type Listener, startListener } from "../support/listener.js";

const LIMITLESS = { tokens: 1e6, depth: 1e6, aliases: 1e6, rootFields: 1e6, directives: 1e6, cost: 1e9, body: 1e8 };

let listener: Listener;
let limitless: Listener;

beforeAll(async () => {
  listener = await startListener();
  limitless = await startListener(LIMITLESS);
});

afterAll(async () => {
  await listener?.close();
  await limitless?.close();
});

interface Operation {
  readonly query: string;
  readonly variables?: Record<string, unknown>;
}

interface Limit {
  readonly name: string;
  readonly exceeded: string;
  readonly limit: number;
  /** An operation that comes to exactly `n`. */
  readonly make: (n: number) => Operation;
}

const repeat = (n: number, text: (i: number) => string) => Array.from({ length: n }, (_, i) => text(i)).join(" ");
const ids = (n: number) => Array.from({ length: n }, (_, i) => String(i));
const nested = (levels: number): string => (levels === 1 ? "id" : `item { ${nested(levels - 1)} }`);

const LIMITS: readonly Limit[] = [
  {
    name: "tokens",
    exceeded: "tokens",
    limit: 1_500,
    make: (n) => ({ query: `{ list(ids: [${repeat(n - 12, () => "1")}]) { id } }` }),
  },
  { name: "depth", exceeded: "depth", limit: 10, make: (n) => ({ query: `{ ${nested(n)} }` }) },
  {
    name: "depth through fragments",
    exceeded: "depth",
    limit: 10,
    make: (n) => ({ query: `{ item { ... on Item { ...f } } } fragment f on Item { ${nested(n - 1)} }` }),
  },
  {
    name: "aliases",
    exceeded: "aliases",
    limit: 20,
    make: (n) => ({ query: `{ item { ${repeat(n, (i) => `a${i}: id`)} } }` }),
  },
  {
    name: "aliases of a fragment that is spread twice",
    exceeded: "aliases",
    limit: 20,
    make: (n) => ({
      query: `{ item { ...f item { ...f ${n % 2 ? "a: id" : ""} } } } fragment f on Item { ${repeat(n >> 1, (i) => `b${i}: id`)} }`,
    }),
  },
  {
    name: "root fields",
    exceeded: "rootFields",
    limit: 20,
    make: (n) => ({ query: `{ ${repeat(n, () => "leaf")} }` }),
  },
  {
    name: "root fields of fragments",
    exceeded: "rootFields",
    limit: 20,
    make: (n) => ({ query: `{ leaf ...f } fragment f on Query { ... { ${repeat(n - 1, () => "leaf")} } }` }),
  },
  {
    name: "directives",
    exceeded: "directives",
    limit: 20,
    make: (n) => ({ query: `{ item { ${repeat(n, () => "id @include(if: true)")} } }` }),
  },
  {
    name: "cost of a page",
    exceeded: "cost",
    limit: 2_000,
    make: (n) => ({ query: `{ page(first: ${n - 2}) { nodes { id } } }` }),
  },
  {
    name: "cost of a page from a variable",
    exceeded: "cost",
    limit: 2_000,
    make: (n) => ({ query: "query ($n: Int) { page(last: $n) { nodes { id } } }", variables: { n: n - 2 } }),
  },
  {
    name: "cost of a page from the default of a variable",
    exceeded: "cost",
    limit: 2_000,
    make: (n) => ({ query: `query ($n: Int = ${n - 2}) { page(first: $n) { nodes { id } } }` }),
  },
  {
    name: "cost of a list argument",
    exceeded: "cost",
    limit: 2_000,
    make: (n) => ({ query: "query ($ids: [ID!]!) { list(ids: $ids) { id } }", variables: { ids: ids(n - 1) } }),
  },
  {
    name: "cost of lists within an input",
    exceeded: "cost",
    limit: 2_000,
    make: (n) => ({
      query: "query ($input: TaggedInput!) { tagged(input: $input) { id } }",
      variables: { input: { tags: ids(3), more: [{ tags: ids(n - 5) }] } },
    }),
  },
  {
    name: "cost of pages within pages",
    exceeded: "cost",
    limit: 2_000,
    make: (n) => ({
      query: `query ($ids: [ID!]!) { ...f list(ids: $ids) { id } }
        fragment f on Query { page(first: 20) { nodes { page(first: 96) { nodes { id } } } } }`,
      variables: { ids: ids(n - 1 - 2 - 20 * (1 + 2 + 96)) },
    }),
  },
];

const ask = (to: Listener, operation: Operation) => to.post(operation).then((response) => response.json());

describe.each(LIMITS)("$name", ({ exceeded, limit, make }) => {
  test("at the limit is answered", async () => {
    const before = listener.calls();
    const answer = await ask(listener, make(limit));
    expect(answer).toMatchObject({ data: {} });
    expect(answer).not.toHaveProperty("errors");
    expect(listener.calls()).toBeGreaterThan(before);
  });

  test("one above is refused before any resolver", async () => {
    const before = listener.calls();
    const answer = (await ask(listener, make(limit + 1))) as { errors: { extensions: { value: number } }[] };
    expect(answer).toMatchObject({ errors: [{ extensions: { code: "COST_LIMIT_EXCEEDED", exceeded, limit } }] });
    expect(answer.errors[0]?.extensions.value).toBeGreaterThan(limit);
    expect(answer).not.toHaveProperty("data.list");
    expect(listener.calls()).toBe(before);
  });

  test("one above is refused by nothing else", async () => {
    expect(await ask(limitless, make(limit + 1))).not.toHaveProperty("errors");
  });
});

test("the message says what, how much and what the limit is, with status 400 for who accepts it", async () => {
  const query = `{ ${nested(11)} }`;
  const response = await listener.post({ query }, { accept: "application/graphql-response+json" });
  expect(response.status).toBe(400);
  const { errors } = (await response.json()) as { errors: { message: string; extensions: object }[] };
  expect(errors).toEqual([
    {
      message: "the operation has 11 levels of fields, more than the limit of 10",
      extensions: { code: "COST_LIMIT_EXCEEDED", exceeded: "depth", limit: 10, value: 11 },
    },
  ]);
  expect((await listener.post({ query })).status).toBe(200);
});

test("a document with too many tokens is not parsed to its end", async () => {
  const query = `{ item { ${repeat(400_000, () => "id")} } }`;
  const began = performance.now();
  expect(await ask(listener, { query })).toMatchObject({
    errors: [{ extensions: { exceeded: "tokens", value: 1_501 } }],
  });
  expect(performance.now() - began).toBeLessThan(1_000);
});

test("fragments that double each other are counted, not expanded", async () => {
  const spreads = repeat(60, (i) => `fragment f${i} on Item { ...f${i + 1} item { ...f${i + 1} } }`);
  const flat = repeat(60, (i) => `fragment g${i} on Item { ...g${i + 1} ...g${i + 1} }`);
  const began = performance.now();
  await ask(listener, { query: `{ item { ...f0 } } ${spreads} fragment f60 on Item { a: id }` });
  await ask(listener, { query: `{ item { ...g0 } } ${flat} fragment g60 on Item { id }` });
  expect(performance.now() - began).toBeLessThan(2_000);
});

test("fragments that spread themselves are invalid, not endless", async () => {
  const answer = await ask(listener, { query: "{ item { ...f } } fragment f on Item { item { ...f } }" });
  expect(answer).toMatchObject({ errors: [{ extensions: { code: "GRAPHQL_VALIDATION_FAILED" } }] });
});

test("what is skipped costs nothing", async () => {
  const query = "query ($no: Boolean!) { leaf page(first: 5000) @include(if: $no) { nodes { id } } }";
  expect(await ask(listener, { query, variables: { no: false } })).toEqual({ data: { leaf: 1 } });
  expect(await ask(listener, { query, variables: { no: true } })).toMatchObject({
    errors: [{ extensions: { exceeded: "cost" } }],
  });
});

describe("the schema of the gateway", () => {
  const schema = buildSchema();
  const within = ({ query, variables = {} }: Operation) => {
    const document = parseWithin(query, DEFAULT_LIMITS);
    expect(validate(schema, document)).toEqual([]);
    const operation = getOperationAST(document);
    if (!operation) throw new Error("a document without one operation");
    const { coerced = null } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
    return operationCost({ schema, document, operation, coerced });
  };

  test.each(explorerTabs().map((tab) => [tab.query.split("\n")[0], tab] as const))("tab: %s", (_, tab) => {
    const cost = within({ query: tab.query, variables: tab.variables ? JSON.parse(tab.variables) : {} });
    expect(cost).toBeGreaterThan(0);
    expect(cost).toBeLessThanOrEqual(DEFAULT_LIMITS.cost);
  });

  test("the introspection of GraphiQL fits, and twenty of them", () => {
    const query = getIntrospectionQuery({ inputValueDeprecation: true, schemaDescription: true, oneOf: true });
    expect(within({ query })).toBe(100);
    const many = `{ ${repeat(20, (i) => `a${i}: __schema { types { name } }`)} }`;
    expect(within({ query: many })).toBe(DEFAULT_LIMITS.cost);
  });

  const batch = (selection: string) =>
    `query ($inputs: [AccessCheckInput!]!) { checkAccessBatch(inputs: $inputs) { ${selection} } }`;
  const inputs = (n: number) => Array.from({ length: n }, () => ({ principal: "p", action: "a", resource: "r" }));

  test("a full batch fits, and twice as many do not", () => {
    const query = batch("... on Decision { outcome reason missingContextKeys } ... on AccessCheckError { code }");
    expect(within({ query, variables: { inputs: inputs(10_000) } })).toBe(1_001);
    expect(within({ query, variables: { inputs: inputs(20_000) } })).toBeGreaterThan(DEFAULT_LIMITS.cost);
  });

  test("a full matrix fits, however it is cut, and twice as many cells do not", () => {
    const query = `query ($principals: [Arn!]!, $resources: [Arn!]!, $actions: [String!]!) {
      accessMatrix(principals: $principals, resources: $resources, actions: $actions) { principal cells { outcome error { code } } } }`;
    const many = (count: number) => Array.from({ length: count }, (_, place) => `${place}`);
    for (const [principals, resources, actions] of [
      [100, 20, 5],
      [10_000, 1, 1],
      [1, 1, 10_000],
    ] as const) {
      const variables = { principals: many(principals), resources: many(resources), actions: many(actions) };
      expect(within({ query, variables })).toBe(1_001);
    }
    const variables = { principals: many(200), resources: many(20), actions: many(5) };
    expect(within({ query, variables })).toBeGreaterThan(DEFAULT_LIMITS.cost);
  });

  test("questions about whole accounts cost more than their pages", () => {
    const ask = 'whoCan(action: "a", resource: "r", first: 10) { totalCount nodes { arn } }';
    expect(within({ query: `{ ${ask} }` })).toBe(100 + 1 + 10);
    const flagged = ask.replace("first", "includeAssumable: $flag, first");
    const assumable = (flag: boolean) =>
      within({ query: `query ($flag: Boolean!) { ${flagged} }`, variables: { flag } });
    expect([assumable(false), assumable(true)]).toEqual([100 + 1 + 10, 400 + 100 + 1 + 10]);
    const query = `{ ${Array.from({ length: 20 }, (_, place) => `q${place}: ${ask}`).join(" ")} }`;
    expect(within({ query })).toBeGreaterThan(DEFAULT_LIMITS.cost);
  });

  test("a change of a thousand attachments fits", () => {
    const query =
      "mutation ($input: AttachPoliciesInput!) { attachPolicies(input: $input) { changed userErrors { code } } }";
    const attachments = Array.from({ length: 1_000 }, () => ({ policy: "p", principal: "u" }));
    expect(within({ query, variables: { input: { attachments } } })).toBeLessThanOrEqual(DEFAULT_LIMITS.cost);
  });

  test("all there is to say of effective permissions fits", () => {
    const statement = "effect policy { arn name } version index attachedTo { arn } scope { kind resourceGroup { id } }";
    const decision = `action outcome reason validUntil missingContextKeys matchedStatements { ${statement} }`;
    const query = `{ effectivePermissions(principal: "p", resource: "r") {
      principal { arn kind } permissions { ${decision} }
      operations { operation outcome usableNow legs { ${decision} } } revision evaluatedAt cache } }`;
    expect(within({ query })).toBeLessThanOrEqual(DEFAULT_LIMITS.cost / 2);
  });

  test("pages of pages of pages do not fit", () => {
    const query = `{ accounts(first: 100) { nodes { id } }
      policies(account: "1", first: 100) { nodes { attachments(first: 100) { nodes { policy { attachments(first: 100) { totalCount } } } } } } }`;
    expect(within({ query })).toBeGreaterThan(10_000);
  });

  test("every operation of the README and of the examples parses within the limits", () => {
    const directory = new URL("../../examples/operations/", import.meta.url);
    const files = readdirSync(directory).filter((name) => name.endsWith(".graphql"));
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) parseWithin(readFileSync(new URL(file, directory), "utf8"), DEFAULT_LIMITS);
  });
});

test("an operation that cannot be executed costs nothing", () => {
  const schema = parseSchema("type Query { a(n: Int!): Int }");
  const document = parse("query B($n: Int!) { a(n: $n) } mutation C { a }");
  const named = (name: string) => getOperationAST(document, name) as OperationDefinitionNode;
  expect(operationCost({ schema, document, operation: named("B"), coerced: null })).toBe(0);
  expect(operationCost({ schema, document, operation: named("C"), coerced: {} })).toBe(0);
});
