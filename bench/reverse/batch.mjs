/** One batch of 10,000 checks: 100 principals, 100 resources. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { createDecisions } from "../../dist/decisions/decide-many.js";
import { createPolicyCompiler } from "../../dist/store/compiled-policies.js";
import { openLoadPool } from "../../dist/store/evaluation-input.js";
import { createTokens } from "../../dist/store/revision-token.js";
import { openRevisionPool } from "../../dist/store/revisions.js";
import { withGateway } from "./gateway.mjs";
import { namesIn } from "./questions.mjs";
import { inTurn } from "./report.mjs";

const BATCH =
  "query ($inputs: [AccessCheckInput!]!) { checkAccessBatch(inputs: $inputs) { ... on Decision { outcome } } }";
const TURNS = 7;

/** The times, in milliseconds: of the request as its sender sees it, and of the decisions alone, without GraphQL. */
export async function askInBatches(url, account) {
  const client = new pg.Client(url);
  await client.connect();
  const { users, keys } = await namesIn(client, account);
  await client.end();
  const inputs = (context) =>
    users.slice(0, 100).flatMap((principal) => {
      return keys.slice(0, 100).map((resource) => ({ principal, action: "kms:Decrypt", resource, ...context }));
    });
  return { request: await overHttp(url, inputs), decisions: await inProcess(url, inputs) };
}

/** Asked again, and asked from an address that nobody has asked from: then there are no answers yet. */
const CONTEXTS = {
  same: () => ({}),
  "new address": (turn) => ({ context: { sourceIp: `198.51.100.${turn + 1}` } }),
};

async function overHttp(url, inputs) {
  return withGateway(url, async (ask, usage) => {
    const cold = (await ask(BATCH, { inputs: inputs({}) })).ms;
    return {
      cold,
      ...(await inContexts(usage, async (context) => (await ask(BATCH, { inputs: inputs(context) })).ms)),
    };
  });
}

async function inProcess(url, inputs) {
  const [pool, loadPool] = [openRevisionPool(url), openLoadPool(url, 2)];
  const decisions = createDecisions({
    ...{ pool, loadPool, cache: null, localAnswers: 50_000, compile: createPolicyCompiler() },
    ...{ tokens: createTokens({ environment: "bench", key: randomBytes(32) }), cacheKey: randomBytes(32) },
    ...{ environment: "bench", engineVersion: "bench", scopePrecedence: "staged" },
  });
  const decide = async (context) => {
    const questions = inputs(context).map(({ action, ...question }) => {
      return { ...question, actions: [action], detail: "OUTCOME" };
    });
    const began = performance.now();
    const answers = await decisions.decideMany(questions);
    const failed = answers.find((answer) => answer instanceof Error);
    if (failed) throw failed;
    return performance.now() - began;
  };
  try {
    const cold = await decide({});
    return { cold, ...(await inContexts(HERE, decide)) };
  } finally {
    await Promise.all([pool.end(), loadPool.end()]);
  }
}

const HERE = { cpu: () => (process.cpuUsage().user + process.cpuUsage().system) / 1_000 };

async function inContexts(usage, work) {
  const results = {};
  for (const [name, contextOf] of Object.entries(CONTEXTS)) {
    results[name] = await inTurn(TURNS, usage, (turn) => work(contextOf(turn)));
  }
  return results;
}
