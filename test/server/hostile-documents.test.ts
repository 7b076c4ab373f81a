import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Caller } from "../../src/domain/caller.js";
import { buildSchema } from "../../src/graphql/schema.js";
import { type Fixture, OPERATOR, openFixture } from "../graphql/fixture.js";
import { user } from "../support/demo.js";
import { HostileDocuments } from "../support/hostile-documents.js";
import { type Listener, startListener } from "../support/listener.js";
import { seedOf, times } from "../support/long-form.js";

const DOCUMENTS = times({ short: 2_000, long: 20_000 });
/** What no answer may show of what is behind it. */
const LEAK = /\bat [^ ]+ \(?[^ ]*:\d+:\d+|node_modules|[Pp]risma|P20\d\d|SELECT |ECONNREFUSED|\bstack\b/;
const MOST_GROWTH = 64 * 1024 * 1024;

const principal = (principalArn: string): Caller => ({
  kind: "PRINCIPAL",
  credentialId: "test",
  signedInBy: "OIDC_TOKEN",
  principalArn,
});
const CALLERS = new Map<string, Caller>([
  ["operator", OPERATOR],
  ["alice", principal(user("alice"))],
  ["root", principal("acs:ram::1234567890123456:root")],
]);

let fixture: Fixture;
let listener: Listener;
const unhandled: unknown[] = [];
const note = (error: unknown) => unhandled.push(error);

beforeAll(async () => {
  process.on("unhandledRejection", note);
  fixture = await openFixture("demo");
  const { services } = fixture;
  listener = await startListener(
    {},
    { schema: buildSchema(), services, authenticate: async (key) => CALLERS.get(key) ?? null },
  );
});

afterAll(async () => {
  await listener?.close();
  await fixture?.close();
  process.off("unhandledRejection", note);
});

test(`S4: ${DOCUMENTS} hostile documents break nothing and show nothing`, {
  timeout: 120_000 + DOCUMENTS * 60,
}, async () => {
  const make = new HostileDocuments(buildSchema(), seedOf("hostile documents"));
  const codes = new Map<string, number>();
  let before = 0; // measured when what the gateway keeps of documents is full
  for (let number = 0; number < DOCUMENTS; number += 1) {
    if (number === Math.floor(DOCUMENTS / 2)) before = memory();
    const caller = [...CALLERS.keys()][number % CALLERS.size] ?? "";
    const body = make.body();
    const response = await listener.post(body, { authorization: `Bearer ${caller}` });
    const text = await response.text();
    const told = `${caller}: ${body}\n${response.status} ${text}`;
    expect(response.status, told).toBeLessThan(500);
    const { errors = [] } = JSON.parse(text) as { errors?: { message: string; extensions?: { code?: string } }[] };
    for (const { message, extensions } of errors) {
      expect(message, told).not.toMatch(LEAK);
      expect(extensions?.code, told).not.toBe("INTERNAL_SERVER_ERROR");
    }
    const code = errors[0]?.extensions?.code ?? "answered";
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  console.log(JSON.stringify(Object.fromEntries(codes)));
  expect(unhandled).toEqual([]);
  expect(memory() - before).toBeLessThan(MOST_GROWTH);
  for (const code of ["answered", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT", "FORBIDDEN"]) {
    expect(codes.get(code) ?? 0, code).toBeGreaterThan(DOCUMENTS / 500);
  }
});

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes that are in use. */
function memory(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
