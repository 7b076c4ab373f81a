import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../src/config.js";
import { describeError } from "../src/log.js";
import { createRedactor, REDACTED, redactForms, secretsOf } from "../src/redaction.js";

const SECRET = "Zz0-_".repeat(9);

describe("secrets are known by their form", () => {
  test.each([
    ["an api key", `rg_ops_${SECRET}`],
    ["a session token", `rgs_${"0".repeat(32)}_${SECRET}`],
    ["an api key after an escaped line break", `\\nrg_ops_${SECRET}`],
    ["a bearer token", `authorization: Bearer ${SECRET}`],
    ["one in another case", `bearer   ${SECRET}`],
    ["basic credentials", `Basic ${SECRET}==`],
    ["a JWT", `eyJhbGci.eyJ${SECRET}.${SECRET}`],
    ["the password of a URL", `postgresql://ramgate:${SECRET}@db:5432/x`],
    ["one with an at sign in it", `redis://:a@${SECRET}@cache`],
    ["a password in a connection string", `host=db password=${SECRET} user=x`],
    ["a password in JSON in JSON", `{\\"password\\":\\"${SECRET}\\"}`],
    ["a MAC key in the environment", `CACHE_MAC_KEY=${SECRET}`],
    ["a cookie", `"cookie":"${SECRET}"`],
  ])("%s", (_name, text) => {
    expect(redactForms(text)).toContain(REDACTED);
    expect(redactForms(text)).not.toContain(SECRET);
  });

  test.each([
    "acs:ram::1234567890123456:user/bob",
    "acs:kms:cn-hangzhou:1234567890123456:secret/apollo/db",
    "v1.eyJzIjpbMSwyLDNdfQ.c2VhbHNlYWw",
    "password authentication failed for user `ramgate`",
    "http://127.0.0.1:4000/graphql",
    "rg_ops_ is the key of ops",
    "2026-11-30T17:00:00Z",
  ])("%s is none", (text) => {
    expect(redactForms(text)).toBe(text);
  });
});

describe("secrets are known by themselves", () => {
  const key = randomBytes(32);

  test.each(["hex", "base64", "base64url"] as const)("a key in %s", (encoding) => {
    const { redact } = createRedactor([key]);
    expect(redact(`<${key.toString(encoding).replace(/=+$/, "")}`)).not.toContain(key.toString(encoding).slice(0, 20));
  });

  test("the passwords of a configuration, as they are and as URLs write them", () => {
    const config = loadConfig({
      DATABASE_URL: "postgres://u:p%40ss%22word@db/x",
      REDIS_URL: "redis://:another-one@cache, redis://:third-one@cache",
      REDIS_MODE: "cluster",
      ADMIN_API_KEY: `rg_ops_${SECRET}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: "https://u:fourth-one@collector",
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=fifth%2Fone",
    });
    const { redact } = createRedactor(secretsOf(config));
    for (const text of [
      "p%40ss%22word",
      'p@ss"word',
      'p@ss\\"word',
      "another-one",
      "third-one",
      "fourth-one",
      "fifth/one",
      SECRET,
    ]) {
      expect(redact(`- ${text} -`)).toBe(`- ${REDACTED} -`);
    }
  });

  test("one that is found out later; one that is too short only by its form", () => {
    const redactor = createRedactor(["short"]);
    expect(redactor.redact("a later-secret, a short one")).toBe("a later-secret, a short one");
    redactor.add("later-secret");
    expect(redactor.redact("a later-secret, a short one")).toBe(`a ${REDACTED}, a short one`);
  });
});

test("what some readers take for the end of a line is escaped", () => {
  expect(redactForms("a\u2028b\u0085c\u009bd")).toBe("a\\u2028b\\u0085c\\u009bd");
});

test.each([
  ["urls", "http://".repeat(5_000)],
  ["colons", `http://${":".repeat(30_000)}`],
  ["tokens", "eyJ-".repeat(5_000)],
  ["keys", "rg_a_".repeat(8_000)],
  ["bearers", "bearer ".repeat(6_000)],
  ["passwords", "password=".repeat(5_000)],
])("hostile %s take no time", (_name, text) => {
  const began = performance.now();
  redactForms(text);
  expect(performance.now() - began).toBeLessThan(1_000);
});

test("of an error only what helps is said, with its causes, and not what drivers hang on it", () => {
  const cause = Object.assign(new Error("duplicate"), {
    code: "23505",
    detail: "Key (x)=(private)",
    parameters: ["private"],
  });
  const error = new Error("failed", { cause });
  expect(describeError(error)).toEqual({
    ...{ type: "Error", message: "failed", stack: expect.stringContaining("redaction.test") },
    cause: { type: "Error", message: "duplicate", code: "23505", stack: expect.any(String) },
  });
  expect(JSON.stringify(describeError(error))).not.toContain("private");
  expect(describeError("text")).toEqual({ type: "string", message: "text" });
  expect(describeError(new Error("x".repeat(100_000))).message).toHaveLength(8_192);
});
