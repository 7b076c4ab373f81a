import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSchema as parseSchema } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigError } from "../../src/config.js";
import { readTrustedDocuments } from "../../src/server/trusted-documents.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { askGateway, type Gateway, startGateway } from "../support/gateway.js";
import { DEFAULT_LIMITS, KEY, type Listener, startListener } from "../support/listener.js";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const manifestOf = (...texts: string[]) => Object.fromEntries(texts.map((text) => [sha256(text), text]));

const directory = mkdtempSync(join(tmpdir(), "ramgate-documents-"));
afterAll(() => rmSync(directory, { recursive: true }));

function write(manifest: unknown): string {
  const file = join(directory, `${sha256(JSON.stringify(manifest))}.json`);
  writeFileSync(file, typeof manifest === "string" ? manifest : JSON.stringify(manifest));
  return file;
}

describe("a manifest", () => {
  const schema = parseSchema("type Query { leaf: Int, item: Item } type Item { id: ID, item: Item }");
  const read = (manifest: unknown) => readTrustedDocuments(write(manifest), schema, DEFAULT_LIMITS);

  function problems(manifest: unknown): readonly string[] {
    try {
      read(manifest);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    return [];
  }

  test("gives documents by their hashes, with `sha256:` before them or not", () => {
    const one = "query One { leaf }";
    const two = "query Two { item { id } }";
    const documents = read({ [sha256(one)]: one, [`sha256:${sha256(two)}`]: two });
    expect([...documents]).toEqual([
      [sha256(one), one],
      [sha256(two), two],
    ]);
  });

  test.each([
    [
      "under another hash",
      { ["0".repeat(64)]: "{ leaf }" },
      `the SHA-256 of the document is \`${sha256("{ leaf }")}\``,
    ],
    ["under no hash", { leaf: "{ leaf }" }, "the name must be a SHA-256"],
    ["under a SHA-1", { ["0".repeat(40)]: "{ leaf }" }, "the name must be a SHA-256"],
    ["under an upper-case hash", { ["A".repeat(64)]: "{ leaf }" }, "the name must be a SHA-256"],
    ["that is no text", { [sha256("1")]: 1 }, "must be a text"],
    ["that does not parse", manifestOf("query {"), "Syntax Error"],
    ["that does not fit the schema", manifestOf("{ missing }"), "Cannot query field"],
    ["without an operation", manifestOf("fragment f on Item { id }"), "no operation"],
    ["beyond the limits", manifestOf(`{ ${"item { ".repeat(10)} id ${"}".repeat(10)} }`), "levels of fields"],
  ])("with a document %s is refused, with its name", (_, manifest, problem) => {
    expect(problems({ ...manifestOf("{ leaf }"), ...manifest })).toEqual([
      expect.stringMatching(new RegExp(`^TRUSTED_DOCUMENTS_FILE: entry \`${Object.keys(manifest)[0]}\`: `)),
    ]);
    expect(problems(manifest)[0]).toContain(problem);
  });

  test("tells all problems at once", () => {
    expect(problems({ a: "{ leaf }", ...manifestOf("{ missing }"), b: "" })).toHaveLength(3);
  });

  test.each(["{", "[]", "null", '"text"'])("that is `%s` is refused", (text) => {
    expect(problems(text)).toEqual([expect.stringMatching(/^TRUSTED_DOCUMENTS_FILE: `.*` is not /)]);
  });

  test("that is not there is refused", () => {
    expect(() => readTrustedDocuments("/nowhere.json", schema, DEFAULT_LIMITS)).toThrow("cannot be read");
  });
});

describe("with only trusted documents", () => {
  const REGISTERED = "query Leaf { leaf }";
  const COSTLY = "query Costly($n: Int) { page(first: $n) { nodes { id } } }";
  const PORTAL = { authorization: "Bearer portal" };
  let listener: Listener;

  beforeAll(async () => {
    const trustedDocuments = new Map(Object.entries(manifestOf(REGISTERED, COSTLY, "mutation Change { change }")));
    listener = await startListener(
      {},
      {
        trustedDocuments,
        authenticate: async (key) =>
          key === "portal"
            ? { kind: "PRINCIPAL", principalArn: "acs:ram::1:user/portal", credentialId: "portal" }
            : key === KEY
              ? { kind: "OPERATOR", credentialId: "test" }
              : null,
      },
    );
  });

  afterAll(() => listener?.close());

  const answer = async (response: Response) => ({ status: response.status, ...((await response.json()) as object) });
  const ask = async (body: object, headers: Record<string, string> = PORTAL) =>
    answer(await listener.post(body, { accept: "application/graphql-response+json", ...headers }));
  const refused = {
    status: 403,
    errors: [{ extensions: { code: "FORBIDDEN", reason: "DOCUMENT_NOT_REGISTERED" } }],
  };
  const apollo = (sha256Hash: unknown) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } });

  test.each([
    ["by its id", { documentId: `sha256:${sha256(REGISTERED)}` }],
    ["by its bare hash", { documentId: sha256(REGISTERED) }],
    ["as clients of Apollo name it", apollo(sha256(REGISTERED))],
    ["letter by letter", { query: REGISTERED }],
    ["letter by letter, with no id", { query: REGISTERED, documentId: null }],
    ["letter by letter and as clients of Apollo name it", { query: REGISTERED, ...apollo(sha256(REGISTERED)) }],
  ])("a principal runs a registered one %s", async (_, body) => {
    expect(await ask(body)).toEqual({ status: 200, data: { leaf: 1 } });
  });

  test("a principal asks by GET, and cannot change anything so", async () => {
    const get = async (text: string) =>
      answer(await fetch(`${listener.url}?documentId=sha256:${sha256(text)}`, { headers: PORTAL }));
    expect(await get(REGISTERED)).toEqual({ status: 200, data: { leaf: 1 } });
    expect(await get("mutation Change { change }")).toMatchObject({ status: 405 });
    expect(listener.changes()).toBe(0);
  });

  test.each([
    ["another text", { query: "{ leaf }" }],
    ["one that differs in a space", { query: `${REGISTERED} ` }],
    ["another text under a registered hash", { query: "{ leaf }", ...apollo(sha256(REGISTERED)) }],
    ["introspection", { query: "{ __schema { types { name } } }" }],
    ["what is no GraphQL", { query: "}{" }],
    ["an unknown id", { documentId: `sha256:${sha256("{ leaf }")}` }],
    ["an id of another kind", { documentId: `md5:${sha256(REGISTERED)}` }],
    ["an upper-case hash", { documentId: sha256(REGISTERED).toUpperCase() }],
    ["an id that is no text", { documentId: { toString: "x" } }],
    ["the name of a member that objects have", { documentId: "__proto__" }],
    ["an unknown hash of Apollo", apollo(sha256("{ leaf }"))],
    ["no hash of Apollo", apollo(null)],
    ["nothing", {}],
  ])("a principal is refused %s", async (_, body) => {
    const before = listener.calls();
    expect(await ask(body)).toMatchObject(refused);
    expect(listener.calls()).toBe(before);
  });

  test.each([
    ["both an id and a text", { documentId: sha256(REGISTERED), query: REGISTERED }, "BAD_USER_INPUT"],
    ["another member", { documentId: sha256(REGISTERED), other: 1 }, "BAD_USER_INPUT"],
    ["variables that cost too much", { documentId: sha256(COSTLY), variables: { n: 5_000 } }, "COST_LIMIT_EXCEEDED"],
  ])("a registered document with %s is refused", async (_, body, code) => {
    expect(await ask(body)).toMatchObject({ status: 400, errors: [{ extensions: { code } }] });
  });

  test("an operator sends any document, and registered ones by their id", async () => {
    const operator = { authorization: `Bearer ${KEY}` };
    expect(await ask({ query: "{ leaf }" }, operator)).toMatchObject({ status: 200, data: { leaf: 1 } });
    expect(await ask({ documentId: sha256(REGISTERED) }, operator)).toMatchObject({ data: { leaf: 1 } });
    expect(await ask({ documentId: sha256("{ leaf }") }, operator)).toMatchObject(refused);
  });

  test("a sender who accepts nothing newer than JSON gets the same with 200", async () => {
    expect(await ask({ query: "{ leaf }" }, { ...PORTAL, accept: "application/json" })).toMatchObject({
      ...refused,
      status: 200,
    });
  });
});

test("without trusted documents an id is a member that nobody knows", async () => {
  const listener = await startListener();
  const response = await listener.post({ documentId: sha256("{ leaf }") });
  expect(response.status).toBe(400);
  await listener.close();
});

describe("a gateway with TRUSTED_DOCUMENTS=only", () => {
  const VIEWER = "query Viewer { viewer { kind } }";
  const USER = "acs:ram::1234567890123456:user/bob";
  let database: TestDatabase;
  let gateway: Gateway;

  beforeAll(async () => {
    database = await createTestDatabase("trusted");
    const TRUSTED_DOCUMENTS_FILE = write(manifestOf(VIEWER));
    const settings = { DATABASE_URL: database.url, SEED_DEMO: "true", TRUSTED_DOCUMENTS: "only" };
    gateway = await startGateway({ ...settings, TRUSTED_DOCUMENTS_FILE });
  });

  afterAll(async () => {
    await gateway?.stop();
    await database?.drop();
  });

  test("holds the key of a principal to them, and operators not", async () => {
    const { secret } = (
      await gateway.ask(
        "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret userErrors { message } } }",
        { input: { principal: USER } },
      )
    ).data.createApiKey;
    expect((await askGateway(gateway.url, secret, VIEWER)).data).toEqual({ viewer: { kind: "PRINCIPAL" } });
    const refused = await askGateway(gateway.url, secret, "{ viewer { kind } }");
    expect(refused.errors?.[0]?.extensions).toMatchObject({ code: "FORBIDDEN", reason: "DOCUMENT_NOT_REGISTERED" });
  });

  test("does not start with a document that does not fit the schema", async () => {
    const [[hash] = []] = Object.entries(manifestOf("{ nothing }"));
    const TRUSTED_DOCUMENTS_FILE = write(manifestOf("{ nothing }"));
    const start = startGateway({ DATABASE_URL: database.url, TRUSTED_DOCUMENTS: "only", TRUSTED_DOCUMENTS_FILE });
    await expect(start).rejects.toThrow(`TRUSTED_DOCUMENTS_FILE: entry \`${hash}\`: Cannot query field "nothing"`);
  });
});
