/**
 * Decisions per second of the pure evaluator, on a set like the demo account: ten policies of four statements, three
 * in ten with a condition. Run with `npm run bench:evaluator`, after a build.
 */
import { decide, decideActions } from "../dist/domain/evaluation/decide.js";
import { permissionActions } from "../dist/domain/evaluation/effective-permissions.js";
import { compilePolicy } from "../dist/domain/policy/compile-policy.js";
import { parseDocument } from "../dist/domain/policy/parse-document.js";

const ACCOUNT = "1234567890123456";
const NOW = Date.parse("2026-06-01T12:00:00Z");
const OPTIONS = { scopePrecedence: "staged" };
const ROUNDS = 7;
const ROUND_MILLISECONDS = 300;

const ACTIONS = ["kms:Decrypt", "kms:Encrypt", "kms:Describe*", "kms:List*", "kms:GetSecretValue", "ecs:*", "oss:Get*"];
const RESOURCES = ["*", "acs:kms:*:*:key/*", "acs:kms:*:*:secret/team-*", `acs:kms:cn-hangzhou:${ACCOUNT}:key/key-7`];
const CONDITIONS = [
  { StringEqualsIgnoreCase: { "kms:tag/Project": "Apollo" } },
  { IpAddress: { "acs:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"] } },
  { DateLessThan: { "acs:CurrentTime": "2030-01-01T00:00:00Z" } },
];

/** The n-th statement of the set: every choice follows from n, so that every run measures the same. */
function statement(n) {
  const base = {
    Effect: n % 11 === 10 ? "Deny" : "Allow",
    Action: [ACTIONS[n % ACTIONS.length], ACTIONS[(n * 3 + 1) % ACTIONS.length]],
    Resource: [RESOURCES[n % RESOURCES.length]],
  };
  return n % 10 < 3 ? { ...base, Condition: CONDITIONS[n % CONDITIONS.length] } : base;
}

function policyDocument(index, statements) {
  return { Version: "1", Statement: Array.from({ length: statements }, (_, n) => statement(index * statements + n)) };
}

function attachment(index, statements) {
  const parsed = parseDocument(policyDocument(index, statements), "identity");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const name = `policy-${index}`;
  return {
    policy: {
      reference: { id: name, arn: `acs:ram::${ACCOUNT}:policy/${name}`, name, type: "CUSTOM" },
      version: "v1",
      compiled: compilePolicy(parsed.document),
    },
    attachedTo: `acs:ram::${ACCOUNT}:user/bob`,
    scope: { kind: "ACCOUNT" },
    notBefore: null,
    expiresAt: null,
  };
}

function question(policies, statements) {
  const arn = `acs:kms:cn-hangzhou:${ACCOUNT}:key/key-1`;
  return {
    principal: {
      kind: "USER",
      arn: `acs:ram::${ACCOUNT}:user/bob`,
      account: ACCOUNT,
      attachments: Array.from({ length: policies }, (_, index) => attachment(index, statements)),
    },
    resource: {
      arn,
      registered: true,
      resourceGroup: null,
      tags: new Map([["Project", "apollo"]]),
      keyState: "ENABLED",
      encryptionKeyArn: null,
      aliasTargetArn: null,
      trustPolicy: null,
    },
    context: new Map([["acs:sourceip", ["10.1.2.3"]]]),
    now: NOW,
    sessionPolicy: null,
  };
}

/** Median of several rounds, in calls per second. */
function measure(call) {
  const rates = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < ROUND_MILLISECONDS) {
      for (let batch = 0; batch < 20; batch++) call();
      calls += 20;
    }
    return (calls * 1000) / (performance.now() - start);
  });
  return rates.sort((left, right) => left - right)[Math.floor(ROUNDS / 2)];
}

function row(what, rate, decisionsPerCall = 1) {
  return {
    what,
    "calls/s": Math.round(rate),
    "µs/call": Number((1e6 / rate).toFixed(2)),
    "decisions/s": Math.round(rate * decisionsPerCall),
  };
}

const standard = question(10, 4);
const actions = permissionActions(standard.resource.arn);
const text = JSON.stringify(policyDocument(0, 4));
const parseAndCompile = () => {
  const parsed = parseDocument(text, "identity");
  if (parsed.ok) compilePolicy(parsed.document);
};
const rows = [
  row(
    "check, 10 policies x 4 statements",
    measure(() => decide({ ...standard, action: "kms:Decrypt" }, OPTIONS)),
  ),
  row(
    `all ${actions.length} actions of a key, same set`,
    measure(() => decideActions(standard, actions, OPTIONS)),
    actions.length,
  ),
  ...[1, 10, 100].map((policies) => {
    const set = question(policies, 10);
    const rate = measure(() => decide({ ...set, action: "kms:Decrypt" }, OPTIONS));
    return row(`check, ${policies * 10} statements`, rate);
  }),
];
console.table(rows);
console.table(
  [row("parse and compile a policy of 4 statements", measure(parseAndCompile))].map(
    ({ "decisions/s": _, ...rest }) => rest,
  ),
);
