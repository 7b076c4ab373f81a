import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Collector, openCollector, type ReceivedSpan } from "../support/collector.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { GEMINI_KEY, user } from "../support/demo.js";
import { type Gateway, startGateway } from "../support/gateway.js";

const CANARY = "canary-4711";
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const traceparent = (flags: "00" | "01", trace = TRACE) => `00-${trace}-${PARENT}-${flags}`;

const CHECK = /* GraphQL */ `
  query Check($principal: Arn!, $resource: Arn!) {
    checkAccess(input: { principal: $principal, action: "kms:Decrypt", resource: $resource }) { outcome }
  }`;
const CREATE = /* GraphQL */ `
  mutation Create($input: CreatePolicyInput!) { createPolicy(input: $input) { userErrors { code } } }`;
const POLICY = {
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "kms:Decrypt", Resource: `acs:kms:*:*:key/${CANARY}` }],
};

const directory = mkdtempSync(join(tmpdir(), "ramgate-tracing-"));
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase("tracing");
});

afterAll(async () => {
  await database?.drop();
  rmSync(directory, { recursive: true });
});

/** What a gateway has loaded, by the time it ends. */
function reporting(name: string) {
  const report = join(directory, `${name}.json`);
  const probe = join(directory, `${name}.cjs`);
  writeFileSync(
    probe,
    `process.on("exit", () => require("node:fs").writeFileSync(${JSON.stringify(report)}, JSON.stringify(Object.keys(require.cache))));`,
  );
  const paths = () => JSON.parse(readFileSync(report, "utf8")) as string[];
  // prom-client loads the interface, which does nothing by itself
  const loaded = () => paths().filter((path) => /@opentelemetry\/(?!api\/)/.test(path));
  return { settings: { NODE_OPTIONS: `--require ${probe}` }, loaded };
}

const send = async (gateway: Gateway, body: object, headers: Record<string, string> = {}) => {
  const response = await fetch(`${gateway.url}/graphql`, {
    ...{ method: "POST", body: JSON.stringify(body) },
    headers: { "content-type": "application/json", authorization: `Bearer ${gateway.key}`, ...headers },
  });
  return { status: response.status, text: await response.text() };
};

describe("a gateway that traces", () => {
  const { settings, loaded } = reporting("on");
  let collector: Collector;
  let gateway: Gateway;
  let spans: ReceivedSpan[];

  beforeAll(async () => {
    collector = await openCollector();
    gateway = await startGateway({
      ...{ DATABASE_URL: database.url, SEED_DEMO: "true", LOG_LEVEL: "info", ...settings },
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=a%20b" },
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
    });
    const check = { query: CHECK, variables: { principal: user("bob"), resource: GEMINI_KEY } };
    const input = { account: "1234567890123456", name: CANARY, document: JSON.stringify(POLICY), description: CANARY };
    await send(gateway, check, { traceparent: traceparent("01"), "x-request-id": "first" });
    await send(gateway, check, { "x-request-id": "second" });
    const created = await send(gateway, { query: CREATE, variables: { input } }, { "x-request-id": "create" });
    expect(created.text).toContain('"userErrors":[]');
    await send(gateway, check, { traceparent: traceparent("00", "1".repeat(32)), "x-request-id": "unsampled" });
    await send(gateway, { query: `{ nothing(like: "${CANARY}") }` }, { "x-request-id": "invalid" });
    await send(gateway, check, { authorization: `Bearer ${CANARY}`, "x-request-id": "stranger" });
    await fetch(`${gateway.url}/readyz`);
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        send(
          gateway,
          { query: CHECK, variables: { principal: user("carol"), resource: `${GEMINI_KEY}${i}` } },
          { "x-request-id": `many-${i}` },
        ),
      ),
    );
    expect(await gateway.stop()).toBe(0);
    spans = collector.spans();
  });

  afterAll(() => collector?.close());

  const attribute = ({ attributes }: ReceivedSpan, key: string) => {
    const value = attributes.find((each) => each.key === key)?.value;
    return value?.["stringValue"] ?? value?.["intValue"];
  };
  const rootOf = (id: string): ReceivedSpan => {
    const root = spans.find((span) => attribute(span, "ramgate.request_id") === id);
    if (root === undefined) throw new Error(`no span of the request ${id}`);
    return root;
  };

  /** The names of all that was done for a request, each under what it was done in: `execute > load > SQL select`. */
  function pathsOf(root: ReceivedSpan): string[] {
    const walk = (span: ReceivedSpan, above: string): string[] => {
      const children = spans.filter(
        ({ parentSpanId, traceId }) => parentSpanId === span.spanId && traceId === span.traceId,
      );
      return children.flatMap((child) => [`${above}${child.name}`, ...walk(child, `${above}${child.name} > `)]);
    };
    return walk(root, "");
  }

  test("sends a span for each stage of a request, under the one it belongs to", () => {
    const redis = inject("redisUrl") !== null;
    expect(pathsOf(rootOf("first"))).toEqual(
      expect.arrayContaining([
        "sign in",
        "sign in > SQL sign_in",
        "count request",
        "parse",
        "validate",
        "execute",
        "execute > read revisions",
        "execute > read revisions > SQL revisions",
        ...(redis ? ["execute > look up answers", "execute > look up answers > redis get"] : []),
        "execute > load",
        "execute > load > SQL evaluation_input",
        "execute > evaluate",
      ]),
    );
  });

  test("shows what was not done again", () => {
    const paths = pathsOf(rootOf("second"));
    // one statement for both, which counts as that of the first
    for (const name of ["sign in > SQL revisions", "execute > read revisions"]) expect(paths).toContain(name);
    for (const name of ["parse", "validate", "execute > load"]) expect(paths).not.toContain(name);
  });

  test("shows the transaction of a change with its statements", () => {
    const paths = pathsOf(rootOf("create"));
    for (const name of ["SQL insert", "SQL transaction"]) expect(paths).toContain(`execute > transaction > ${name}`);
  });

  test("takes the place that `traceparent` says, and names it in the log", () => {
    expect(rootOf("first")).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, kind: 2, name: "POST /graphql" });
    const { traceId, parentSpanId } = rootOf("second");
    expect([traceId === TRACE, parentSpanId ?? ""]).toEqual([false, ""]);
    const lines = gateway.errors().split("\n").filter(Boolean);
    const logged = lines.map((line) => JSON.parse(line) as { requestId?: string; traceId?: string });
    expect(logged.find(({ requestId }) => requestId === "first")?.traceId).toBe(TRACE);
    expect(logged.find(({ requestId }) => requestId === "second")?.traceId).toBe(traceId);
  });

  test("sends nothing of a request whose sender does not sample, nor of probes", () => {
    expect(spans.filter(({ traceId }) => traceId === "1".repeat(32))).toEqual([]);
    expect(new Set(spans.filter(({ kind }) => kind === 2).map(({ name }) => name))).toEqual(new Set(["POST /graphql"]));
  });

  test("says how a request came out", () => {
    expect(attribute(rootOf("first"), "ramgate.outcome")).toBe("OK");
    expect(attribute(rootOf("first"), "graphql.operation.name")).toBe("Check");
    expect(attribute(rootOf("create"), "graphql.operation.type")).toBe("mutation");
    expect(attribute(rootOf("invalid"), "ramgate.outcome")).toBe("GRAPHQL_VALIDATION_FAILED");
    expect(String(attribute(rootOf("stranger"), "http.response.status_code"))).toBe("401");
  });

  test("keeps requests apart that are answered at the same time", () => {
    const known = new Set(spans.map(({ spanId }) => spanId));
    const traces = new Map(spans.filter(({ kind }) => kind === 2).map((root) => [root.traceId, root]));
    for (const { traceId, parentSpanId = "" } of spans) {
      expect(traces.has(traceId)).toBe(true);
      expect(parentSpanId === "" || parentSpanId === PARENT || known.has(parentSpanId)).toBe(true);
    }
    for (let i = 0; i < 40; i += 1) {
      const paths = pathsOf(rootOf(`many-${i}`));
      expect(paths.filter((path) => path === "execute")).toHaveLength(1);
      expect(paths).toContain("execute > read revisions");
    }
  });

  test("a statement that many wait for belongs to one who does", () => {
    const statements = spans.filter(({ name }) => name === "SQL revisions");
    expect(statements.length).toBeGreaterThan(5);
    for (const { parentSpanId, startTimeUnixNano } of statements) {
      const parent = spans.find(({ spanId }) => spanId === parentSpanId);
      expect(["sign in", "read revisions"]).toContain(parent?.name);
      expect(BigInt(startTimeUnixNano)).toBeLessThanOrEqual(BigInt(parent?.endTimeUnixNano ?? 0));
    }
  });

  test("times the parts within the whole", () => {
    const root = rootOf("create");
    const children = spans.filter(({ parentSpanId }) => parentSpanId === root.spanId);
    expect(children.length).toBeGreaterThan(3);
    for (const { startTimeUnixNano, endTimeUnixNano } of children) {
      expect(BigInt(startTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(root.startTimeUnixNano));
      expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
    }
  });

  test("tells the collector nothing of secrets, policies, principals, resources or values", () => {
    const text = JSON.stringify(collector.bodies);
    for (const secret of [CANARY, gateway.key.split("_")[2] ?? "", "acs:", "Statement", "SELECT", "postgres:"]) {
      expect(text).not.toContain(secret);
    }
  });

  test("sends its name and the headers that it is given", () => {
    const attributes = collector.bodies[0]?.resourceSpans[0]?.resource.attributes;
    expect(attributes).toContainEqual({ key: "service.name", value: { stringValue: "ramgate" } });
    expect(attributes).toContainEqual({ key: "deployment.environment.name", value: { stringValue: "test" } });
    expect(collector.headers[0]).toMatchObject({ "x-tenant": "a b", "content-type": "application/json" });
  });

  test("has loaded OpenTelemetry", () => expect(loaded()).not.toEqual([]));
});

test("a gateway that does not trace loads nothing of OpenTelemetry", async () => {
  const { settings, loaded } = reporting("off");
  const gateway = await startGateway({ DATABASE_URL: database.url, LOG_LEVEL: "info", ...settings });
  await send(gateway, { query: "{ viewer { kind } }" }, { traceparent: traceparent("01") });
  expect(await gateway.stop()).toBe(0);
  expect(loaded()).toEqual([]);
  expect(gateway.errors()).not.toContain("traceId");
});

test("a collector that is away costs no answer and little time at the end", async () => {
  const gateway = await startGateway({ DATABASE_URL: database.url, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" });
  expect((await send(gateway, { query: "{ viewer { kind } }" })).status).toBe(200);
  const stopping = performance.now();
  expect(await gateway.stop()).toBe(0);
  expect(performance.now() - stopping).toBeLessThan(6_000);
});
