import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase, withClient } from "../support/databases.js";
import { ACCOUNT, APOLLO_KEY, policy, user } from "../support/demo.js";
import { type Gateway, startGateway } from "../support/gateway.js";

const INTERNALS = /at .*:\d+:\d+|node_modules|prisma|P20\d\d|SELECT |ECONNREFUSED|stack/i;

let database: TestDatabase;
let gateway: Gateway;

beforeAll(async () => {
  database = await createTestDatabase("bad");
  gateway = await startGateway({ DATABASE_URL: database.url, SEED_DEMO: "true" });
});

afterAll(async () => {
  await gateway?.stop();
  await database?.drop();
});

/** Every row that a change could touch, as text. */
async function everything(): Promise<string> {
  const tables = ["account", "principal", "policy", "policy_version", "attachment", "kms_resource", "resource_tag"];
  const rows = await withClient(database.url, async (client) => {
    const results = [];
    for (const table of [...tables, "group_membership", "resource_group", "audit_event", "scope_revision"]) {
      results.push((await client.query(`select t::text from ${table} t order by 1`)).rows);
    }
    return results;
  });
  return JSON.stringify(rows);
}

const check = (principal: string, resource: string) =>
  `{ checkAccess(input: { principal: "${principal}", action: "kms:Decrypt", resource: "${resource}" }) { outcome } }`;

test.each([
  ["a malformed principal", check("acs:ram:1:user/bob", APOLLO_KEY), "BAD_USER_INPUT", "acs:ram:1:user/bob"],
  ["a malformed resource", check(user("bob"), "key-apollo-01"), "BAD_USER_INPUT", "key-apollo-01"],
  ["a group as caller", check(`acs:ram::${ACCOUNT}:group/kms-operators`, APOLLO_KEY), "BAD_USER_INPUT", "group"],
  ["an unknown user", check(user("mallory"), APOLLO_KEY), "NOT_FOUND", "mallory"],
  ["no GraphQL", "{ checkAccess(", "GRAPHQL_PARSE_FAILED", "Syntax Error"],
  ["an unknown field", "{ everything }", "GRAPHQL_VALIDATION_FAILED", "everything"],
  ["a malformed ARN of a record", '{ principal(arn: "bob") { arn } }', "BAD_USER_INPUT", "bob"],
  [
    "a page that is too long",
    `{ policies(account: "${ACCOUNT}", first: 101) { edges { cursor } } }`,
    "BAD_USER_INPUT",
    "101",
  ],
  ["an unknown account", '{ policies(account: "42") { edges { cursor } } }', "NOT_FOUND", "42"],
])("%s is a typed error", async (_name, query, code, mention) => {
  const { errors } = await gateway.ask(query);
  expect(errors?.[0]?.extensions.code).toBe(code);
  expect(errors?.[0]?.message).toContain(mention);
  expect(JSON.stringify(errors)).not.toMatch(INTERNALS);
});

test("what is unknown but well formed is null where a record is asked for", async () => {
  const { data, errors } = await gateway.ask(
    `{ principal(arn: "${user("mallory")}") { arn } policy(arn: "${policy("None")}") { arn } node(id: "AAAA") { id } }`,
  );
  expect(data?.principal ?? null).toBeNull();
  expect(data?.policy ?? null).toBeNull();
  for (const error of errors ?? []) expect(error.extensions.code).toBe("BAD_USER_INPUT");
});

test("variables that do not fit their type are the caller's fault", async () => {
  const { errors } = await gateway.ask("query ($n: Int) { accounts(first: $n) { edges { cursor } } }", { n: "many" });
  expect(errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
});

const malformed = {
  Version: "2",
  Statement: [
    { Effect: "allow ", Action: "kms:*", Resource: "*" },
    { Effect: "Deny", Action: "kms:*", NotAction: "kms:List*", Resource: "*" },
    { Effect: "Allow", Action: "kms:*" },
  ],
};

interface Expected {
  readonly name: string;
  readonly mutation: string;
  readonly input: Record<string, unknown>;
  readonly codes: readonly string[];
  readonly field?: readonly string[];
}

const refused: readonly Expected[] = [
  {
    name: "an unknown resource group",
    mutation: "attachPolicy",
    input: { policy: policy("ReadSecrets"), principal: user("bob"), resourceGroup: "rg-none" },
    codes: ["ENTITY_NOT_EXIST_RESOURCE_GROUP"],
  },
  {
    name: "an unknown policy",
    mutation: "attachPolicy",
    input: { policy: policy("None"), principal: user("bob") },
    codes: ["ENTITY_NOT_EXIST_POLICY"],
  },
  {
    name: "an unknown user",
    mutation: "attachPolicy",
    input: { policy: policy("ReadSecrets"), principal: user("mallory") },
    codes: ["ENTITY_NOT_EXIST_USER"],
  },
  {
    name: "a default version that does not exist",
    mutation: "setDefaultPolicyVersion",
    input: { policy: policy("ReadSecrets"), version: "v9" },
    codes: ["ENTITY_NOT_EXIST_POLICY_VERSION"],
  },
  {
    name: "a name that is taken, in another case",
    mutation: "createUser",
    input: { account: ACCOUNT, name: "BOB" },
    codes: ["ENTITY_ALREADY_EXISTS_USER"],
  },
  {
    name: "a policy name that is taken",
    mutation: "createPolicy",
    input: {
      account: ACCOUNT,
      name: "readsecrets",
      document: { Version: "1", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] },
    },
    codes: ["ENTITY_ALREADY_EXISTS_POLICY"],
  },
];

async function mutate(mutation: string, input: object) {
  const type = `${mutation[0]?.toUpperCase()}${mutation.slice(1)}Input`;
  const { data, errors } = await gateway.ask(
    `mutation ($input: ${type}!) { ${mutation}(input: $input) {
      changed revision userErrors { __typename code message field pointer line column } } }`,
    { input },
  );
  expect(errors).toBeUndefined();
  return data[mutation];
}

test.each(refused)("$name changes nothing", async ({ mutation, input, codes }) => {
  const before = await everything();
  const payload = await mutate(mutation, input);
  expect(payload.userErrors.map(({ code }: { code: string }) => code)).toEqual(codes);
  expect(payload).toMatchObject({ changed: false, revision: null });
  expect(JSON.stringify(payload)).not.toMatch(INTERNALS);
  expect(await everything()).toBe(before);
});

test.each([
  ["an object", malformed, false],
  ["text", JSON.stringify(malformed, null, 2), true],
])(
  "a malformed policy document given as %s is refused with the place of every problem",
  async (_form, document, placed) => {
    const before = await everything();
    const { userErrors } = await mutate("createPolicy", { account: ACCOUNT, name: "Broken", document });
    const pointers = userErrors.map(({ pointer }: { pointer: string }) => pointer);
    expect(pointers).toEqual(
      expect.arrayContaining(["/Version", "/Statement/0/Effect", "/Statement/1", "/Statement/2"]),
    );
    for (const error of userErrors) {
      expect(error).toMatchObject({ __typename: "MalformedPolicyDocumentError", code: "MALFORMED_POLICY_DOCUMENT" });
      expect(error.field).toContain("document");
      expect(typeof error.line).toBe(placed ? "number" : "object");
    }
    expect(await everything()).toBe(before);
  },
);

test("a malformed ARN in a change is refused as a whole", async () => {
  const before = await everything();
  const { errors } = await gateway.ask(
    `mutation { attachPolicy(input: { policy: "ReadSecrets", principal: "${user("bob")}" }) { changed } }`,
  );
  expect(errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
  expect(await everything()).toBe(before);
});

test("a row that fails while others are still being looked up does not end the gateway", async () => {
  for (const list of ["attachments", "createdAt: attachments"]) {
    const rows = `... on Role { account { id } ${list}(first: 200) { totalCount } } ... on User { ${list}(first: 200) { totalCount } }`;
    const { errors } = await gateway.ask(`{ principals(account: "${ACCOUNT}", first: 50) { nodes { ${rows} } } }`);
    expect(errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await gateway.ask("{ __typename }")).data).toEqual({ __typename: "Query" });
});

test("what fails beside them leaves nodes as they are", async () => {
  const ids = (await gateway.ask(`{ principals(account: "${ACCOUNT}", first: 3) { nodes { id } } }`)).data as {
    principals: { nodes: { id: string }[] };
  };
  const list = ids.principals.nodes.map(({ id }) => `"${id}"`).join(", ");
  const query = `{ nodes(ids: [${list}]) { __typename id } resource(arn: "bad") { id } }`;
  for (const _ of [1, 2, 3]) {
    const { data, errors } = await gateway.ask(query);
    expect((data as { nodes: { id: string }[] }).nodes.map(({ id }) => id)).toEqual(
      ids.principals.nodes.map(({ id }) => id),
    );
    expect(errors?.map(({ extensions: { code } }) => code)).toEqual(["BAD_USER_INPUT"]);
  }
});
