/**
 * RAM policies in the language of Cerbos: its wildcards for actions, CEL for resources and conditions. What has no exact
 * counterpart is refused.
 */
import { policiesOf } from "./account.mjs";

const KIND = "key";
const API = "api.cerbos.dev/v1";
const list = (value) => (Array.isArray(value) ? value : [value]);
const text = (value) => JSON.stringify(value);
const anyOf = (parts) => (parts.length === 1 ? parts[0] : `(${parts.join(" || ")})`);
const oneOf = (left, values) =>
  values.length === 1 ? `${left} == ${text(values[0])}` : `${left} in [${values.map(text).join(", ")}]`;
const refuse = (what) => {
  throw new Error(`no translation of \`${what}\``);
};

function actionOf(pattern) {
  return pattern === "*" || /^kms:[A-Za-z*]+$/.test(pattern) ? pattern : refuse(pattern);
}

/** @returns CEL; null for every key there is */
function resourceOf(patterns) {
  if (patterns.some((pattern) => pattern === "*" || /^acs:kms:\*:\d+:key\/\*$/.test(pattern))) return null;
  const named = patterns.filter((pattern) => !pattern.includes("*"));
  const starts = patterns.filter((pattern) => pattern.includes("*")).map(startOf);
  return anyOf([...(named.length > 0 ? [oneOf("R.id", named)] : []), ...starts]);
}

function startOf(pattern) {
  return /^[^*]+\*$/.test(pattern) ? `R.id.startsWith(${text(pattern.slice(0, -1))})` : refuse(pattern);
}

const inRange = (ranges) => anyOf(ranges.map((range) => `P.attr.sourceIp.inIPAddrRange(${text(range)})`));
const OPERATORS = {
  StringEquals: (key, values) => oneOf(`R.attr.tags.${tagOf(key)}`, values),
  IpAddress: (key, values) => (key === "acs:SourceIp" ? inRange(values) : refuse(key)),
  NotIpAddress: (key, values) => (key === "acs:SourceIp" ? `!${inRange(values)}` : refuse(key)),
  DateLessThan: (key, [value]) => (key === "acs:CurrentTime" ? `now() < timestamp(${text(value)})` : refuse(key)),
};

function tagOf(key) {
  return /^(?:kms:tag|acs:ResourceTag)\/(\w+)$/.exec(key)?.[1] ?? refuse(key);
}

function conditionsOf(block = {}) {
  return Object.entries(block).flatMap(([operator, keys]) => {
    const translate = OPERATORS[operator] ?? refuse(operator);
    return Object.entries(keys).map(([key, values]) => translate(key, list(values)));
  });
}

/**
 * What a statement says, as the part of a rule that does not depend on whom it is for.
 * @throws Error for what cannot be said in the same way
 */
export function ruleOf({ Effect, Action, Resource, Condition, ...others }) {
  for (const member of Object.keys(others)) refuse(member);
  const tests = [resourceOf(list(Resource)), ...conditionsOf(Condition)].filter((test) => test !== null);
  return {
    actions: list(Action).map(actionOf),
    effect: Effect === "Deny" ? "EFFECT_DENY" : "EFFECT_ALLOW",
    ...(tests.length > 0 && { condition: { match: { expr: tests.join(" && ") } } }),
  };
}

const rulesOf = ({ document }) => document.Statement.map((statement) => ruleOf(statement));
const resourcePolicy = (rules) => ({ apiVersion: API, resourcePolicy: { resource: KIND, version: "default", rules } });

/** For each policy the names of those who hold it, through their groups too. */
function holdersOf(account) {
  const holders = new Map(account.policies.map(({ name }) => [name, []]));
  for (const user of account.users) for (const { name } of policiesOf(account, user)) holders.get(name).push(user.name);
  return holders;
}

function principalPolicies(account) {
  return account.users.flatMap((user) => {
    const actions = policiesOf(account, user)
      .flatMap(rulesOf)
      .filter(({ effect }) => effect === "EFFECT_DENY")
      .flatMap(({ actions, ...rule }) => actions.map((action) => ({ action, ...rule })));
    const rules = [{ resource: KIND, actions }];
    const policy = { apiVersion: API, principalPolicy: { principal: user.name, version: "default", rules } };
    return actions.length > 0 ? [[user.name, policy]] : [];
  });
}

/**
 * Ways to say who holds what. In Cerbos a Deny counts for the role that it is written for, and an Allow of another role of
 * the same user beats it; in RAM it beats all. Each way has the roles that a user comes with, and the documents by name.
 */
export const TRANSLATIONS = {
  /** A user is one role, and rules name those who hold the policy: fewest rules to look at, so the fastest. */
  users: {
    roles: (_account, user) => [user.name],
    documents(account) {
      const holders = holdersOf(account);
      const held = account.policies.filter(({ name }) => holders.get(name).length > 0);
      const rules = held.flatMap((policy) =>
        rulesOf(policy).map((rule) => ({ ...rule, roles: holders.get(policy.name) })),
      );
      return new Map([["keys", resourcePolicy(rules)]]);
    },
  },
  /** Roles are the policies that a user holds; what these deny is in the user's own principal policy, whose Deny is final. */
  policies: {
    roles: (account, user) => policiesOf(account, user).map(({ name }) => name),
    documents(account) {
      const rules = account.policies.flatMap((policy) =>
        rulesOf(policy).map((rule) => ({ ...rule, roles: [policy.name] })),
      );
      const allows = rules.filter(({ effect }) => effect === "EFFECT_ALLOW");
      return new Map([["keys", resourcePolicy(allows)], ...principalPolicies(account)]);
    },
  },
};

/** A broken translation, to see that the comparison of answers finds it: one without Denies. */
export function withoutDenies(documents) {
  const kept = [...documents].filter(([, { resourcePolicy }]) => resourcePolicy); // principal policies hold nothing else
  return new Map(
    kept.map(([name, { resourcePolicy: policy, ...document }]) => {
      const rules = policy.rules.filter(({ effect }) => effect !== "EFFECT_DENY");
      return [name, { ...document, resourcePolicy: { ...policy, rules } }];
    }),
  );
}
