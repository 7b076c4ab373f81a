import { randomBytes, randomUUID } from "node:crypto";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { breakBuild, killed, type Slip } from "../support/broken-build.js";
import { createTestDatabase, type TestDatabase, withClient } from "../support/databases.js";
import { GEMINI_KEY, user } from "../support/demo.js";
import { type Gateway, operatorKey, startGateway } from "../support/gateway.js";
import { openTcpProxy } from "../support/tcp-proxy.js";

const base64url = (bytes: number) => randomBytes(bytes).toString("base64url");

/** Secrets of the gateway, and one that a client sends by mistake. */
const PASSWORD = `p${base64url(18)}`;
const OPERATOR = operatorKey();
const UNKNOWN_KEY = operatorKey();
const JWT = `eyJ${base64url(12)}.eyJ${base64url(40)}.${base64url(32)}`;
const MAC_KEYS = {
  ...{ CACHE_MAC_KEY: base64url(32), TOKEN_MAC_KEY: base64url(32), AUDIT_MAC_KEY: base64url(32) },
};

const secretOf = (key: string) => key.split("_").slice(2).join("_");
const CANARIES: Readonly<Record<string, readonly string[]>> = {
  "operator key": [secretOf(OPERATOR)],
  "unknown key": [secretOf(UNKNOWN_KEY)],
  token: JWT.split("."),
  "database password": [PASSWORD],
  "mac keys": Object.values(MAC_KEYS).flatMap((key) => {
    const bytes = Buffer.from(key, "base64url");
    return [key, bytes.toString("hex"), bytes.toString("base64").replace(/=+$/, "")];
  }),
};

/** What somebody might write one day: an error whose message and stack hold all that is secret. */
const ALL_SECRETS = `\`\${config.databaseUrl} \${config.secrets.cacheKey.toString("hex")} \${config.secrets.tokenKey.toString("base64")} \${config.secrets.auditKey.toString("base64url")} Bearer rg_x_\${config.adminApiKey.secret}\``;
const LEAK: Slip = {
  ...{ file: "main.js", find: 'log.info({ signal }, "draining");' },
  replace: `log.error({ err: new Error(${ALL_SECRETS}), url: config.databaseUrl }, ${ALL_SECRETS});`,
};
const LEAKED_HEADER: Slip = {
  ...{ file: "server/graphql-listener.js", find: "const notes = notesOf(request);" },
  replace: "const notes = notesOf(request); options.log.warn(request.headers.authorization);",
};
const UNREDACTED: Slip = { file: "log.js", find: "redactor.redact(line)", replace: "line" };

let database: TestDatabase;
const role = `canary_${randomBytes(4).toString("hex")}`;

beforeAll(async () => {
  database = await createTestDatabase("secrets");
  await withClient(database.url, (client) =>
    client.query(`create role ${role} login superuser password '${PASSWORD}'`),
  );
});

afterAll(async () => {
  const server = new URL(database.url);
  server.pathname = "/postgres";
  await database?.drop();
  await withClient(server.toString(), (client) => client.query(`drop role ${role}`));
});

interface Run {
  readonly logs: string;
  readonly responses: string;
}

/** A gateway at its most talkative, with everything going wrong that can. */
async function scriptedRun(slips: readonly Slip[]): Promise<Run> {
  const build = await breakBuild("secrets", slips);
  const url = new URL(database.url);
  [url.username, url.password] = [role, PASSWORD];
  const proxy = await openTcpProxy(url.toString());
  const gateway = await startGateway(
    {
      ...{ DATABASE_URL: proxy.through(url.toString()), ADMIN_API_KEY: OPERATOR, ...MAC_KEYS },
      ...{ LOG_LEVEL: "trace", DECISION_LOG: "all", METRICS_PORT: "0", SEED_DEMO: "true" },
    },
    build.program,
  );
  const responses = await provoke(gateway, proxy);
  expect(await gateway.stop()).toBe(0);
  await proxy.close();
  await build.remove();
  return { logs: gateway.errors() + gateway.output(), responses: responses.join("\n") };
}

async function provoke(
  gateway: Gateway,
  proxy: { refuse(): Promise<void>; accept(): Promise<void> },
): Promise<string[]> {
  const send = (authorization: string, body: object, headers: Record<string, string> = {}) =>
    fetch(`${gateway.url}/graphql`, {
      ...{ method: "POST", body: JSON.stringify(body) },
      headers: { "content-type": "application/json", authorization, ...headers },
    }).then(async (response) => `${JSON.stringify([...response.headers])} ${await response.text()}`);
  const operator = `Bearer ${OPERATOR}`;
  const check = (principal: string) => ({
    query:
      'query Q($p: Arn!, $r: Arn!) { checkAccess(input: { principal: $p, action: "kms:Decrypt", resource: $r }) { outcome } }',
    variables: { p: principal, r: GEMINI_KEY },
  });
  const answers = [
    await send(operator, check(user("bob"))),
    await send(operator, check(user("nobody"))),
    await send(operator, { query: "{ nonsense" }),
    await send(operator, { query: "{ nonsense }" }),
    await send(`Bearer ${UNKNOWN_KEY}`, check(user("bob"))),
    await send(`Bearer ${JWT}`, check(user("bob")), { cookie: `session=${JWT}` }),
    await send(`Basic ${Buffer.from(`x:${PASSWORD}`).toString("base64")}`, check(user("bob"))),
    await send(operator, check(user("bob")), { "x-request-id": `${JWT} x` }),
    await fetch(`${gateway.url}/not/here?access_token=${JWT}`).then((response) => response.text()),
    await fetch(/http:\S+\/metrics/.exec(gateway.output())?.[0] ?? "").then((response) => response.text()),
  ];
  await proxy.refuse();
  answers.push(await send(operator, check(user("carol"))));
  answers.push(await fetch(`${gateway.url}/readyz`).then((response) => response.text()));
  await proxy.accept();
  await withClient(database.url, (client) => client.query("alter table kms_resource rename to elsewhere"));
  answers.push(await send(operator, { query: `{ resource(arn: "${GEMINI_KEY}") { arn } }` }));
  answers.push(await send(operator, check(user("dave"))));
  await withClient(database.url, (client) => client.query("alter table elsewhere rename to kms_resource"));
  return answers;
}

/** How many of the canaries are there, each counted once. */
function found(text: string): string[] {
  return Object.entries(CANARIES).flatMap(([name, spellings]) =>
    spellings.some((spelling) => text.includes(spelling)) ? [name] : [],
  );
}

describe("secrets", () => {
  test("are nowhere in logs and responses, even where a line is made of them", async () => {
    const { logs, responses } = await scriptedRun([LEAK, LEAKED_HEADER]);
    expect(found(logs)).toEqual([]);
    expect(found(responses)).toEqual([]);
    expect(logs).toContain("credentials cannot be checked"); // so the run did provoke what it is about
    expect(logs).toContain("a field failed");
    expect(responses).toContain("INTERNAL_SERVER_ERROR");
    expect(logs.match(/\[redacted\]/g)?.length).toBeGreaterThan(20);
    const lines = logs.split("\n").filter((line) => line.startsWith("{"));
    for (const line of lines) expect(() => JSON.parse(line), line).not.toThrow();
  });

  test("are found by this run where lines are not searched", async () => {
    const { logs } = await scriptedRun([LEAK, LEAKED_HEADER, UNREDACTED]);
    expect(found(logs)).toEqual(Object.keys(CANARIES));
    killed("lines go out as they are", found(logs).length, Object.keys(CANARIES).length);
  });
});

/** What a client that writes its own bytes gets. */
function raw(gateway: Gateway, text: string): Promise<string> {
  const { hostname, port } = new URL(gateway.url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.end(text));
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

describe("lines", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({
      DATABASE_URL: database.url,
      LOG_LEVEL: "info",
      DECISION_LOG: "all",
      SEED_DEMO: "true",
    });
  });
  afterAll(() => gateway?.stop());

  const lines = () =>
    gateway
      .errors()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  const post = (headers: Record<string, string>, body: object) =>
    fetch(`${gateway.url}/graphql`, {
      ...{ method: "POST", body: JSON.stringify(body) },
      headers: { "content-type": "application/json", authorization: `Bearer ${gateway.key}`, ...headers },
    });

  test("there is one for each request, with who, what and how, and nothing of the content", async () => {
    const requestId = `mine-${randomUUID()}`;
    const query = "query Who($n: Boolean!) { viewer { kind @include(if: $n) } }";
    const response = await post({ "x-request-id": requestId }, { query, variables: { n: true } });
    expect(response.headers.get("x-request-id")).toBe(requestId);
    await response.text();
    const own = () => lines().filter((line) => line.requestId === requestId);
    await expect.poll(own).toHaveLength(1);
    expect(own()[0]).toEqual({
      ...{ level: 30, time: expect.any(Number), msg: "request", requestId, method: "POST", route: "graphql" },
      ...{ status: 200, durationMs: expect.any(Number), caller: "OPERATOR", credentialId: gateway.key.split("_")[1] },
      ...{ operation: "Who", type: "query", outcome: "OK" },
    });
  });

  test.each([
    ["too long", "a".repeat(129)],
    ["with a space", "a b"],
    ["with markup", "<b>"],
    ["empty", ""],
  ])("a request id of the client that is %s is not used", async (_name, given) => {
    const { headers } = await post({ "x-request-id": given }, { query: "{ __typename }" });
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("nothing that a client sends begins a line of its own", async () => {
    const forged = '\\r\\n{"level":60,"msg":"forged"}\\u2028{"msg":"forged"}';
    const principal = JSON.parse(`"acs:ram::1234567890123456:user/bob${forged.replaceAll('"', '\\"')}"`) as string;
    const query =
      'query ($p: Arn!, $r: Arn!) { checkAccess(input: { principal: $p, action: "kms:Decrypt", resource: $r }) { outcome } }';
    await (await post({}, { query, variables: { p: principal, r: GEMINI_KEY } })).text();
    const body = '{"query":"{ __typename }"}';
    const head = `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n`;
    await raw(gateway, `${head}x-request-id: a\r\n {"msg":"forged"}\r\nconnection: close\r\n\r\n${body}`);
    await raw(gateway, `${head}x-request-id: a\n{"msg":"forged"}\nconnection: close\r\n\r\n${body}`);
    await raw(gateway, `GET /x%0d%0a{"msg":"forged"} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect(lines().some(({ msg }) => msg === "forged")).toBe(false);
    expect(gateway.errors()).not.toMatch(/[\u0085\u2028\u2029]/);
  });

  test("a decision leaves one with principal, resource, action, outcome, reason, revision and cache status", async () => {
    const requestId = randomUUID();
    const query = `{ checkAccess(input: { principal: "${user("bob")}", action: "kms:Decrypt", resource: "${GEMINI_KEY}" }) { outcome decidedBy } }`;
    const response = await post({ "x-request-id": requestId }, { query });
    const { data } = (await response.json()) as { data: { checkAccess: Record<string, string> } };
    const line = lines().find(({ msg, requestId: id }) => msg === "decision" && id === requestId);
    expect(line).toMatchObject({
      ...{ principal: user("bob"), resource: GEMINI_KEY, action: "kms:Decrypt", outcome: data.checkAccess["outcome"] },
      ...{
        reason: data.checkAccess["decidedBy"],
        revision: expect.stringMatching(/^v1\.[\w-]+\.[\w-]+$/),
        cache: expect.stringMatching(/^(HIT|MISS)$/),
      },
    });
  });
});
