import { auditServer } from "graphql-http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findFreePort } from "../../src/store/embedded/free-port.js";
import { createTestDatabase, type TestDatabase, withClient } from "../support/databases.js";
import { type Gateway, operatorKey, startGateway } from "../support/gateway.js";

let database: TestDatabase;
let gateway: Gateway;

beforeAll(async () => {
  database = await createTestDatabase("http");
  gateway = await startGateway({ DATABASE_URL: database.url });
});

afterAll(async () => {
  await gateway?.stop();
  await database?.drop();
});

const post = (headers: Record<string, string>, body = '{"query":"{ __typename }"}') =>
  fetch(`${gateway.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });

const signedIn = () => ({ authorization: `Bearer ${gateway.key}` });

describe("who may call", () => {
  test.each([
    ["no key", {}],
    ["another scheme", { authorization: "Basic cm9vdDpyb290" }],
    ["no key of ours", { authorization: "Bearer secret" }],
    ["a well-formed key that nobody has", { authorization: `Bearer ${operatorKey()}` }],
  ])("%s is refused", async (_name, headers) => {
    const response = await post(headers);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toContain("Bearer");
    const { data, errors } = (await response.json()) as { data?: unknown; errors: { extensions: { code: string } }[] };
    expect(data ?? null).toBeNull();
    expect(errors[0]?.extensions.code).toBe("UNAUTHENTICATED");
  });

  test("a key with the right id and another secret is refused", async () => {
    const forged = `${gateway.key.slice(0, -6)}AAAAAA`;
    expect((await post({ authorization: `Bearer ${forged}` })).status).toBe(401);
  });

  test("a revoked key is refused by the next request", async () => {
    const key = operatorKey();
    const other = await startGateway({ DATABASE_URL: database.url, ADMIN_API_KEY: key });
    await other.stop();
    expect((await post({ authorization: `Bearer ${key}` })).status).toBe(200);
    await withClient(database.url, (client) =>
      client.query("update credential set revoked_at = now() where id = $1", [key.split("_")[1]]),
    );
    expect((await post({ authorization: `Bearer ${key}` })).status).toBe(401);
  });

  test("secrets are not stored", async () => {
    const secret = gateway.key.split("_").slice(2).join("_");
    const rows = await withClient(database.url, (client) => client.query("select c::text as row from credential c"));
    expect(rows.rows.length).toBeGreaterThan(0);
    for (const { row } of rows.rows) expect(row).not.toContain(secret);
  });
});

describe("the endpoint", () => {
  test("passes the GraphQL over HTTP audits", async () => {
    const results = await auditServer({
      url: `${gateway.url}/graphql`,
      fetchFn: (url: string, options: RequestInit = {}) =>
        fetch(url, { ...options, headers: { ...(options.headers as Record<string, string>), ...signedIn() } }),
    });
    expect(results.length).toBeGreaterThanOrEqual(61);
    const failures = results.filter(({ status }) => status !== "ok");
    expect(failures.map(({ name, ...rest }) => `${name}: ${"reason" in rest ? rest.reason : ""}`)).toEqual([]);
  });

  test.each([
    ["no JSON", "{", 400],
    ["no query", "{}", 400],
    ["variables that are no object", '{"query":"{ __typename }","variables":"x"}', 400],
  ])("%s is the caller's fault", async (_name, body, status) => {
    const response = await post(signedIn(), body);
    expect(response.status).toBe(status);
    const { errors } = (await response.json()) as { errors: { message: string; extensions: { code: string } }[] };
    expect(errors[0]?.extensions.code).toBe("BAD_USER_INPUT");
    expect(JSON.stringify(errors)).not.toContain("at JSON.parse");
  });

  test.each([
    ["a subscription that the schema does not have", "subscription { x }", "GRAPHQL_VALIDATION_FAILED"],
    ["endless nesting", `{ node(id: ${"[".repeat(5_000)}${"]".repeat(5_000)}) { id } }`, "COST_LIMIT_EXCEEDED"],
  ])("%s is the sender's fault", async (_name, query, code) => {
    const response = await post(signedIn(), JSON.stringify({ query }));
    const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
    expect(errors.map(({ extensions }) => extensions.code)).toEqual([code]);
  });

  test("answers are never stored by anybody on the way and carry a request id", async () => {
    const { headers } = await post(signedIn());
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("health needs no key; unknown paths are not found", async () => {
    const status = async (path: string) => (await fetch(`${gateway.url}${path}`)).status;
    expect(await Promise.all(["/healthz", "/readyz", "/metrics"].map(status))).toEqual([200, 200, 404]);
  });

  test("the GraphiQL page comes without a key, whole, with its tabs", async () => {
    const response = await fetch(`${gateway.url}/graphql`, { headers: { accept: "text/html" } });
    expect(response.status).toBe(200);
    expect(response.headers.get("x-frame-options")).toBe("DENY");
    const page = await response.text();
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).not.toContain("unsafe-eval");
    expect(Object.fromEntries(policy.split("; ").map((part) => part.split(/ (.*)/, 2)))).toEqual({
      "default-src": "'none'",
      "script-src": expect.stringMatching(/^('sha256-[A-Za-z0-9+/=]{44}' ?){2}$/),
      "worker-src": "blob:",
      "style-src": "'unsafe-inline'",
      ...{ "font-src": "data:", "img-src": "data:", "connect-src": "'self'" },
      ...{ "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'" },
    });
    expect(page).toContain("effectivePermissions");
    expect(page).not.toMatch(/<(script|link)[^>]+(src|href)="https?:/);
  });
});

test.each([
  ["not there in production", {}, 401],
  ["there in production with GRAPHIQL=on", { GRAPHIQL: "on" }, 200],
])("the GraphiQL page is %s", async (_, settings, status) => {
  const production = await startGateway({ DATABASE_URL: database.url, NODE_ENV: "production", ...settings });
  const headers = { accept: "text/html" };
  const response = await fetch(`${production.url}/graphql`, { headers });
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toContain(status === 200 ? "text/html" : "application/json");
  await response.text();
  await production.stop();
});

test("while it starts it listens, and says that it is not ready", async () => {
  const port = await findFreePort();
  const seen: number[] = [];
  const starting = startGateway({ DATABASE_URL: database.url, PORT: String(port) });
  while (!seen.includes(200)) {
    const status = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (response) => response.status,
      () => 0, // not listening yet
    );
    seen.push(status);
  }
  const other = await starting;
  const answered = seen.filter((status) => status !== 0);
  expect(answered.length).toBeGreaterThan(1);
  expect(answered.slice(0, -1).every((status) => status === 503)).toBe(true);
  await other.stop();
});

test("a port that is taken is a clear error and the first gateway goes on", async () => {
  const { port } = new URL(gateway.url);
  await expect(startGateway({ DATABASE_URL: database.url, PORT: port })).rejects.toThrow(`port \`${port}\``);
  expect((await post(signedIn())).status).toBe(200);
});

test("an operator key with the id of another one is refused at start", async () => {
  const id = gateway.key.split("_")[1];
  const thief = `rg_${id}_${operatorKey().split("_")[2]}`.padEnd(60, "A");
  await expect(startGateway({ DATABASE_URL: database.url, ADMIN_API_KEY: thief })).rejects.toThrow(`\`${id}\``);
});

test("SIGTERM ends the process with code 0", async () => {
  const other = await startGateway({ DATABASE_URL: database.url });
  expect(await other.stop()).toBe(0);
});
