/** What a single check takes, against how much there is: users, resources, policies of one principal. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { createDecisions } from "../../dist/decisions/decide-many.js";
import { buildContext } from "../../dist/domain/evaluation/context-keys.js";
import { decideActions } from "../../dist/domain/evaluation/decide.js";
import { compilePolicy } from "../../dist/domain/policy/compile-policy.js";
import { parseDocument } from "../../dist/domain/policy/parse-document.js";
import { createPolicyCompiler } from "../../dist/store/compiled-policies.js";
import { openLoadPool } from "../../dist/store/evaluation-input.js";
import { createTokens } from "../../dist/store/revision-token.js";
import { openRevisionPool } from "../../dist/store/revisions.js";
import { namesIn } from "./questions.mjs";

export const SIZES = [100, 1_000, 10_000, 100_000];
const CHECKS = 150;
const ROUNDS = 5;

/** Microseconds, the best of some rounds: what else the machine does only adds to it. */
async function best(work, checks = CHECKS) {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now();
    for (let check = 0; check < checks; check += 1) await work(round * checks + check);
    least = Math.min(least, ((performance.now() - began) * 1_000) / checks);
  }
  return least;
}

/** Of each account: with nothing kept, so that all is loaded, and from a new address, with principal and resource known. */
export async function checksIn(url, accounts) {
  const client = new pg.Client(url);
  await client.connect();
  const rows = [];
  for (const account of accounts) rows.push(await checksInAccount(url, await namesIn(client, account)));
  await client.end();
  return { loaded: rows.map(({ loaded }) => loaded), known: rows.map(({ known }) => known) };
}

async function checksInAccount(url, { users, keys }) {
  const [pool, loadPool] = [openRevisionPool(url), openLoadPool(url, 2)];
  const open = (localAnswers) =>
    createDecisions({
      ...{ pool, loadPool, cache: null, localAnswers, compile: createPolicyCompiler() },
      ...{ tokens: createTokens({ environment: "bench", key: randomBytes(32) }), cacheKey: randomBytes(32) },
      ...{ environment: "bench", engineVersion: "bench", scopePrecedence: "staged" },
    });
  const check = async (decisions, number, among) => {
    const context = { entries: [{ key: "bench:n", values: [String(number)] }] };
    const [principal, resource] = [users[number % among], keys[(number * 7) % among]];
    const [answer] = await decisions.decideMany([
      { principal, resource, actions: ["kms:Decrypt"], context, detail: "OUTCOME" },
    ]);
    if (answer instanceof Error) throw answer;
  };
  try {
    const [none, some] = [open(0), open(1_000)];
    const loaded = await best((number) => check(none, number, Math.min(users.length, keys.length)));
    const known = await best((number) => check(some, number, 10));
    return { loaded, known };
  } finally {
    await Promise.all([pool.end(), loadPool.end()]);
  }
}

const ACCOUNT = "9000000000000009";
const USER = `acs:ram::${ACCOUNT}:user/bench`;
const KEY = `acs:kms:cn-hangzhou:${ACCOUNT}:key/key-7`;

/** One principal with so many policies, each about a key of its own: in the evaluator, from a new address each time. */
export async function checksWithPolicies() {
  const times = [];
  for (const size of SIZES) {
    const principal = principalWith(size);
    const check = (number) => {
      const context = buildContext({ entries: [{ key: "bench:n", values: [String(number)] }] });
      const question = { principal, resource: RESOURCE, context, now: 0, sessionPolicy: null };
      decideActions(question, ["kms:Decrypt"], { scopePrecedence: "staged", detail: "OUTCOME" });
    };
    for (let turn = 0; turn < 1_000; turn += 1) check(turn); // what is worked out once for principal and resource
    times.push(await best(check, 5_000));
  }
  return times;
}

const RESOURCE = {
  ...{ arn: KEY, registered: true, resourceGroup: null, tags: new Map([["Project", "apollo"]]), keyState: "ENABLED" },
  ...{ encryptionKeyArn: null, aliasTargetArn: null, trustPolicy: null },
};

function principalWith(policies) {
  const attachments = Array.from({ length: policies }, (_, index) => ({
    policy: {
      reference: { id: `p${index}`, arn: `acs:ram::${ACCOUNT}:policy/p${index}`, name: `p${index}`, type: "CUSTOM" },
      version: "v1",
      compiled: compilePolicy(parseDocument(documentOf(index), "identity").document),
    },
    ...{ attachedTo: USER, scope: { kind: "ACCOUNT" }, notBefore: null, expiresAt: null },
  }));
  return { kind: "USER", arn: USER, account: ACCOUNT, attachments, issued: [] };
}

function documentOf(index) {
  const Condition = { StringEquals: { "bench:n": [String(index)] } };
  const statement = { Effect: "Allow", Action: ["kms:Decrypt"], Condition };
  return JSON.stringify({
    Version: "1",
    Statement: [{ ...statement, Resource: [`acs:kms:cn-hangzhou:${ACCOUNT}:key/key-${index}`] }],
  });
}
