/**
 * The other engines. Each function takes the workload and gives `prepare(question)`, which makes what the engine takes,
 * outside the time that is measured, and `call(prepared)`, which tells whether it is allowed.
 */
import { AbilityBuilder, createMongoAbility, subject } from "@casl/ability";
import { preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import { runUnsafeSimulation } from "@cloud-copilot/iam-simulate";
import { newEnforcer, newModel, StringAdapter } from "casbin";
import { arnOf, expand, NOW } from "./workload.mjs";

const statementsOf = ({ policies }, user) => user.policies.flatMap((index) => policies[index]);
const actionsOf = (statement) => [...new Set(statement.actions.flatMap(expand))];

/**
 * Patterns kept as patterns, as RAM has them: any action can be asked, also one that nobody has heard of yet. Abilities
 * are built once for each user; denies come last, because the last rule that matches wins.
 */
export function casl(workload, users) {
  const rules = (statement) =>
    statement.actions.map((action) => [
      "ask",
      { action: { $regex: globOf(`kms:${action}`, "i") }, ...caslConditions(statement) },
    ]);
  const abilities = abilitiesOf(workload, users, rules);
  return {
    prepare: (question) => ({ ability: abilities.get(question.user), action: "ask", about: caslSubject(question) }),
    call: ({ ability, action, about }) => ability.can(action, about),
  };
}

/** Another contract: the actions are a closed list, so every pattern is written out and casl finds rules by name. */
export function caslWrittenOut(workload, users) {
  const abilities = abilitiesOf(workload, users, (statement) => [[actionsOf(statement), caslConditions(statement)]]);
  return {
    prepare: (question) => ({
      ability: abilities.get(question.user),
      action: question.action,
      about: caslSubject(question),
    }),
    call: ({ ability, action, about }) => ability.can(action, about),
  };
}

const caslSubject = ({ action, resource, sourceIp }) =>
  subject("Resource", { action: `kms:${action}`, arn: resource.arn, project: resource.project, sourceIp, now: NOW });

function abilitiesOf(workload, users, rulesOf) {
  return new Map(users.map((user) => [user, abilityOf(statementsOf(workload, user), rulesOf)]));
}

function abilityOf(statements, rulesOf) {
  const { can, cannot, build } = new AbilityBuilder(createMongoAbility);
  const sorted = [...statements].sort((left, right) => (left.effect < right.effect ? -1 : 1));
  for (const statement of sorted) {
    const rule = statement.effect === "Deny" ? cannot : can;
    for (const [actions, conditions] of rulesOf(statement)) {
      if (Object.keys(conditions).length === 0) rule(actions, "Resource");
      else rule(actions, "Resource", conditions);
    }
  }
  return build();
}

const globOf = (pattern, flags) => new RegExp(`^${pattern.replaceAll("*", ".*")}$`, flags);

/** A Deny ignores the case of names, an Allow does not. */
function caslConditions({ effect, resource, condition }) {
  const conditions = {};
  if (effect === "Deny" && resource !== "*") conditions.arn = { $regex: globOf(arnOf(resource), "i") };
  else if (resource.endsWith("/*")) conditions.arn = { $regex: globOf(arnOf(resource), "") };
  else if (resource !== "*") conditions.arn = arnOf(resource);
  if (condition?.tag) conditions.project = condition.tag;
  if (condition?.ip) conditions.sourceIp = { $regex: condition.ip.startsWith("10.") ? "^10\\." : "^192\\.168\\." };
  if (condition?.before) conditions.now = { $lt: Date.parse(condition.before) };
  return conditions;
}

const CASBIN_MODEL = `
[request_definition]
r = act, obj, tag, ip, now
[policy_definition]
p = act, obj, tag, cidr, before, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = (p.act == "*" || keyMatch(r.act, p.act)) && (p.obj == "*" || keyMatch(r.obj, p.obj)) && (p.tag == "-" || r.tag == p.tag) && (p.cidr == "-" || ipMatch(r.ip, p.cidr)) && (p.before == "-" || before(r.now, p.before))
`;

/** One enforcer for each user, with its own rows. */
export async function casbin(workload, users) {
  const enforcers = new Map();
  for (const user of users) {
    const rows = statementsOf(workload, user).flatMap(casbinRows);
    const enforcer = await newEnforcer(newModel(CASBIN_MODEL), new StringAdapter(rows.join("\n")));
    await enforcer.addFunction("before", (now, limit) => Number(now) < Number(limit));
    enforcers.set(user, enforcer);
  }
  return {
    prepare: ({ user, action, resource, sourceIp }) => ({
      enforcer: enforcers.get(user),
      request: [action, resource.arn, resource.project, sourceIp, NOW],
    }),
    call: ({ enforcer, request }) => enforcer.enforceSync(...request),
  };
}

function casbinRows({ effect, actions, resource, condition }) {
  const list = actions.flatMap((action) => (action.startsWith("*") && action !== "*" ? expand(action) : [action]));
  const before = condition?.before ? Date.parse(condition.before) : "-";
  const rest = [
    resource === "*" ? resource : arnOf(resource),
    condition?.tag ?? "-",
    condition?.ip ?? "-",
    before,
    effect === "Allow" ? "allow" : "deny",
  ];
  return list.map((action) => `p, ${[action, ...rest].join(", ")}`);
}

/** One policy set for each user, parsed beforehand; the resource's attributes come with the call. */
export function cedar(workload, users) {
  for (const user of users) {
    const text = statementsOf(workload, user).map(cedarPolicy).join("\n");
    const answer = preparsePolicySet(user.name, { staticPolicies: text });
    if (answer.type !== "success") throw new Error(JSON.stringify(answer));
  }
  return {
    prepare: cedarCall,
    call: (request) => {
      const answer = statefulIsAuthorized(request);
      return answer.type === "success" && answer.response.decision === "allow";
    },
  };
}

function cedarCall({ user, action, resource, sourceIp }) {
  const uid = { type: "Resource", id: resource.arn };
  return {
    principal: { type: "User", id: user.name },
    action: { type: "Action", id: action },
    resource: uid,
    context: { ip: { __extn: { fn: "ip", arg: sourceIp } }, now: NOW },
    preparsedPolicySetId: user.name,
    entities: [{ uid, attrs: { arn: resource.arn, project: resource.project }, parents: [] }],
  };
}

function cedarPolicy(statement) {
  const { effect, resource, condition } = statement;
  const actions = actionsOf(statement).map((action) => `Action::"${action}"`);
  const tests = [];
  if (resource.endsWith("/*")) tests.push(`resource.arn like "${arnOf(resource)}"`);
  else if (resource !== "*") tests.push(`resource.arn == "${arnOf(resource)}"`);
  if (condition?.tag) tests.push(`resource.project == "${condition.tag}"`);
  if (condition?.ip) tests.push(`context.ip.isInRange(ip("${condition.ip}"))`);
  if (condition?.before) tests.push(`context.now < ${Date.parse(condition.before)}`);
  const when = tests.length === 0 ? "" : ` when { ${tests.join(" && ")} }`;
  return `${effect === "Allow" ? "permit" : "forbid"}(principal, action in [${actions}], resource)${when};`;
}

/**
 * The same language in another cloud: tags, addresses and dates have its own keys. Its KMS wants a key policy as well, so
 * the actions are given to a service that does not.
 */
export function iamSimulate(workload, users) {
  const policies = new Map(
    users.map((user) => [
      user,
      [{ name: "all", policy: { Version: "2012-10-17", Statement: statementsOf(workload, user).map(iamStatement) } }],
    ]),
  );
  return {
    prepare: (question) => iamSimulation(question, policies.get(question.user)),
    call: (simulation) => runUnsafeSimulation(simulation, {}) === "Allowed",
  };
}

function iamSimulation({ user, action, resource, sourceIp }, identityPolicies) {
  return {
    request: {
      principal: `arn:aws:iam::123456789012:user/${user.name}`,
      action: `secretsmanager:${action}`,
      resource: {
        resource: `arn:aws:secretsmanager:us-east-1:123456789012:${resource.relativeId}`,
        accountId: "123456789012",
      },
      contextVariables: {
        "aws:ResourceTag/Project": resource.project,
        "aws:SourceIp": sourceIp,
        "aws:CurrentTime": new Date(NOW).toISOString(),
      },
    },
    identityPolicies,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: undefined,
    permissionBoundaryPolicies: undefined,
  };
}

function iamStatement({ effect, actions, resource, condition }) {
  const base = {
    Effect: effect,
    Action: actions.map((action) => `secretsmanager:${action}`),
    Resource: resource === "*" ? "*" : `arn:aws:secretsmanager:us-east-1:123456789012:${resource}`,
  };
  if (condition?.tag) return { ...base, Condition: { StringEquals: { "aws:ResourceTag/Project": condition.tag } } };
  if (condition?.ip) return { ...base, Condition: { IpAddress: { "aws:SourceIp": condition.ip } } };
  if (condition?.before) return { ...base, Condition: { DateLessThan: { "aws:CurrentTime": condition.before } } };
  return base;
}
