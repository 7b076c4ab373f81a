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

/**
 * Microseconds of each work, the best of some rounds: what else the machine does only adds to it. They take turns, after a
 * round that does not count, so that none is measured while the process is younger than for the others.
 */
async function best(works, checks) {
  const least = works.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [place, work] of works.entries()) {
      const began = performance.now();
      for (let check = 0; check < checks; check += 1) await work(round * checks + check);
      if (round > 0) least[place] = Math.min(least[place], ((performance.now() - began) * 1_000) / checks);
    }
  }
  return least;
}

/** Of each account: with nothing kept, so that all is loaded, and from a new address, with principal and resource known. */
export async function checksIn(url, accounts) {
  const client = new pg.Client(url);
  await client.connect();
  const names = [];
  for (const account of accounts) names.push(await namesIn(client, account));
  await client.end();
  const [pool, loadPool] = [openRevisionPool(url), openLoadPool(url, 2)];
  const pools = { pool, loadPool };
  try {
    const loaded = await best(
      names.map((each) => checksBy({ ...pools, localAnswers: 0 }, each, 100)),
      CHECKS,
    );
    const known = await best(
      names.map((each) => checksBy({ ...pools, localAnswers: 1_000 }, each, 10)),
      CHECKS,
    );
    return { loaded, known };
  } finally {
    await Promise.all([pool.end(), loadPool.end()]);
  }
}

/** @param among how many of the users and keys */
function checksBy(options, { users, keys }, among) {
  const decisions = createDecisions({
    ...{ ...options, cache: null, compile: createPolicyCompiler() },
    ...{ tokens: createTokens({ environment: "bench", key: randomBytes(32) }), cacheKey: randomBytes(32) },
    ...{ environment: "bench", engineVersion: "bench", scopePrecedence: "staged" },
  });
  return async (number) => {
    const context = { entries: [{ key: "bench:n", values: [String(number)] }] };
    const principal = users[number % Math.min(among, users.length)];
    const resource = keys[(number * 7) % Math.min(among, keys.length)];
    const question = { principal, resource, actions: ["kms:Decrypt"], context, detail: "OUTCOME" };
    const [answer] = await decisions.decideMany([question]);
    if (answer instanceof Error) throw answer;
  };
}

const ACCOUNT = "9000000000000009";
const USER = `acs:ram::${ACCOUNT}:user/bench`;
const KEY = `acs:kms:cn-hangzhou:${ACCOUNT}:key/key-7`;

/** One principal with so many policies, each about a key of its own: in the evaluator, from a new address each time. */
export async function checksWithPolicies() {
  const principals = SIZES.map(principalWith);
  const unknown = principals.map((principal) => timeOf(() => check({ ...principal }, 0)));
  const known = await best(
    principals.map((principal) => (number) => check(principal, number)),
    5_000,
  );
  return { unknown, known };
}

function check(principal, number) {
  const context = buildContext({ entries: [{ key: "bench:n", values: [String(number)] }] });
  const question = { principal, resource: RESOURCE, context, now: 0, sessionPolicy: null };
  decideActions(question, ["kms:Decrypt"], { scopePrecedence: "staged", detail: "OUTCOME" });
}

function timeOf(work) {
  const began = performance.now();
  work();
  return (performance.now() - began) * 1_000;
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
