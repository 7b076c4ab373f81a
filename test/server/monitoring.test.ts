import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { GEMINI_KEY, user } from "../support/demo.js";
import { type Gateway, startGateway } from "../support/gateway.js";
import { metricsUrl, parseMetrics } from "../support/metrics.js";
import { startRedis } from "../support/redis.js";

const read = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../deploy/monitoring/${name}`, import.meta.url)), "utf8");

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}
interface RuleTest {
  readonly input_series: readonly { series: string }[];
  readonly alert_rule_test: readonly { alertname: string; exp_alerts: readonly unknown[] }[];
}
interface Panel {
  readonly title: string;
  readonly targets: readonly { expr: string }[];
}

const rules = (parse(read("alerts.yaml")) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
const ruleTests = (parse(read("alerts.test.yaml")) as { tests: RuleTest[] }).tests;
const dashboard = JSON.parse(read("dashboard.json")) as { panels: Panel[]; templating: { list: { query: string }[] } };

const expressions = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ...dashboard.templating.list.map(({ query }) => ["variable", query] as const),
  ...ruleTests.flatMap(({ input_series }) => input_series.map(({ series }) => [series, series] as const)),
];

/** The metrics that an expression names, each with the labels that it selects by. */
function metricsIn(expression: string): { name: string; labels: string[] }[] {
  const found = expression.matchAll(/\b((?:ramgate|nodejs|process)_\w+)(?:\{([^}]*)\})?/g);
  return [...found].map(([, name = "", selectors = ""]) => ({
    name,
    labels: [...selectors.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g)].map(([, label = ""]) => label),
  }));
}

/** Labels that Prometheus adds when it scrapes. */
const OF_PROMETHEUS = ["job", "instance"];

describe("what dashboards and alerts name", () => {
  const exported = new Map<string, Set<string>>();
  let database: TestDatabase;
  let gateway: Gateway;
  let redis: Awaited<ReturnType<typeof startRedis>>;

  beforeAll(async () => {
    database = await createTestDatabase("monitoring");
    redis = await startRedis();
    const settings = { METRICS_PORT: "0", DECISION_LOG: "all", SEED_DEMO: "true", REDIS_URL: redis.url };
    gateway = await startGateway({ DATABASE_URL: database.url, ...settings });
    const query = `{ checkAccess(input: { principal: "${user("bob")}", action: "kms:Decrypt", resource: "${GEMINI_KEY}" }) { outcome } }`;
    await gateway.ask(query);
    const text = await (await fetch(metricsUrl(gateway))).text();
    for (const { name, labels } of parseMetrics(text)) {
      exported.set(name, new Set([...(exported.get(name) ?? []), ...Object.keys(labels)]));
    }
  });

  afterAll(async () => {
    await gateway?.stop();
    await redis?.stop();
    await database?.drop();
  });

  test("there are enough of them to mean something", () => {
    expect(rules.length).toBeGreaterThanOrEqual(10);
    expect(dashboard.panels.length).toBeGreaterThanOrEqual(10);
    expect(expressions.flatMap(([, text]) => metricsIn(text)).length).toBeGreaterThan(40);
  });

  test.each(expressions)("%s is exported by the gateway", (_, expression) => {
    for (const { name, labels } of metricsIn(expression)) {
      expect([...exported.keys()]).toContain(name);
      for (const label of labels) {
        if (!OF_PROMETHEUS.includes(label)) expect([...(exported.get(name) ?? [])], name).toContain(label);
      }
    }
  });

  test("a name and a label that nobody exports would be found", () => {
    expect(metricsIn('rate(ramgate_decisions{color="red"}[5m])')).toEqual([
      { name: "ramgate_decisions", labels: ["color"] },
    ]);
    expect(exported.has("ramgate_decisions")).toBe(false);
    expect(exported.get("ramgate_decisions_total")?.has("color")).toBe(false);
  });

  test("every metric of our own is on the dashboard or in an alert", () => {
    const named = new Set(expressions.flatMap(([, text]) => metricsIn(text).map(({ name }) => name)));
    const families = [...exported.keys()].filter((name) => name.startsWith("ramgate_"));
    const left = families.filter(
      (name) => ![name, name.replace(/_(sum|count)$/, "_bucket")].some((each) => named.has(each)),
    );
    expect(left).toEqual([]);
  });
});

describe("alert rules", () => {
  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    "%s says what it is about, and is tried",
    (alert, rule) => {
      expect(["critical", "warning"]).toContain(rule.labels.severity);
      expect(rule.annotations.summary).not.toBe("");
      const trials = ruleTests.flatMap((each) => each.alert_rule_test).filter(({ alertname }) => alertname === alert);
      expect(trials.map(({ exp_alerts }) => exp_alerts.length).sort()).toEqual([0, 1]);
    },
  );

  test("the trials are of rules that exist", () => {
    const names = new Set(rules.map(({ alert }) => alert));
    for (const { alertname } of ruleTests.flatMap((each) => each.alert_rule_test)) expect(names).toContain(alertname);
  });
});
