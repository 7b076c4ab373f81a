/**
 * What both servers are asked, in the form that each wants it. Questions are about many users and keys, more often about
 * keys of the user's own project, and come from four addresses.
 */
import { KMS_ACTIONS } from "../../dist/domain/kms/actions.js";
import { randomFrom } from "../support/random.mjs";

export const KEY_ACTIONS = [...KMS_ACTIONS].filter(([, types]) => types.includes("KEY")).map(([action]) => action);
const USUAL = ["Encrypt", "Decrypt", "GenerateDataKey", "AsymmetricSign", "DescribeKey", "DisableKey"];
const ADDRESSES = ["10.1.2.3", "172.16.4.5", "203.0.113.9", "198.51.100.17"];
const BATCH = 50;

const contextOf = ({ sourceIp, entries }) => ({ sourceIp, ...(entries && { entries }) });
const inputOf = (question, { key, actions: [action] }) => ({
  principal: question.user.arn,
  action,
  resource: key.arn,
  context: contextOf(question),
});

/** How questions are made, and how the gateway is asked; Cerbos is always asked in the same way. */
export const WORKLOADS = [
  {
    name: "single check",
    bar: 4,
    document: "query ($input: AccessCheckInput!) { checkAccess(input: $input) { allowed } }",
    shape: { keys: 1, actions: (random) => [someAction(random)] },
    variables: (question) => ({ input: inputOf(question, question.checks[0]) }),
    allowed: ({ checkAccess }) => [checkAccess.allowed],
  },
  {
    name: `all ${KEY_ACTIONS.length} actions of a key`,
    bar: 12,
    document: `query ($principal: Arn!, $resource: Arn!, $context: RequestContextInput) {
  effectivePermissions(principal: $principal, resource: $resource, context: $context) { permissions { action outcome } } }`,
    shape: { keys: 1, actions: () => KEY_ACTIONS },
    variables: (question) => ({
      principal: question.user.arn,
      resource: question.checks[0].key.arn,
      context: contextOf(question),
    }),
    allowed({ effectivePermissions: { permissions } }) {
      const outcomes = new Map(permissions.map(({ action, outcome }) => [action, outcome]));
      return KEY_ACTIONS.map((action) => outcomes.get(action) === "ALLOW");
    },
  },
  {
    name: `batch of ${BATCH} checks`,
    bar: 10,
    document:
      "query ($inputs: [AccessCheckInput!]!) { checkAccessBatch(inputs: $inputs) { ... on Decision { allowed } } }",
    shape: { keys: BATCH, actions: (random) => [someAction(random)] },
    variables: (question) => ({ inputs: question.checks.map((check) => inputOf(question, check)) }),
    allowed: ({ checkAccessBatch }) => checkAccessBatch.map(({ allowed }) => allowed),
  },
];

function someAction(random) {
  return random.next() < 0.7 ? `kms:${random.pick(USUAL)}` : random.pick(KEY_ACTIONS);
}

/** Distinct keys, two in three of the user's own project. */
function someKeys(random, { keys }, user, count) {
  const own = keys.filter(({ tags }) => tags.Project === keys[user.number].tags.Project);
  const chosen = new Set();
  while (chosen.size < count) chosen.add(random.next() < 2 / 3 ? random.pick(own) : random.pick(keys));
  return [...chosen];
}

export function makeQuestions(account, { shape }, count, seed = 2) {
  const random = randomFrom(seed);
  return Array.from({ length: count }, () => {
    const user = random.pick(account.users);
    const checks = someKeys(random, account, user, shape.keys).map((key) => ({ key, actions: shape.actions(random) }));
    return { user, sourceIp: random.pick(ADDRESSES), checks };
  });
}

export function gatewayBody({ document, variables }, question) {
  return JSON.stringify({ query: document, variables: variables(question) });
}

/** One principal, and each key with its tags, which Cerbos has nowhere else from. */
export function cerbosBody(roles, { user, sourceIp, checks }) {
  return JSON.stringify({
    principal: { id: user.name, roles, attr: { sourceIp } },
    resources: checks.map(({ key, actions }) => ({
      resource: { kind: "key", id: key.arn, attr: { tags: key.tags } },
      actions,
    })),
  });
}
