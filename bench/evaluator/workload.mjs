/**
 * The set that all contestants are measured on: 1,000 users, 500 policies of four statements, about ten of them for each
 * user, 10,000 tagged keys and secrets; three statements in ten have a condition. Every choice follows from one seed.
 */
import { compilePolicy } from "../../dist/domain/policy/compile-policy.js";
import { parseDocument } from "../../dist/domain/policy/parse-document.js";
import { randomFrom } from "../support/random.mjs";

export const ACCOUNT = "1234567890123456";
export const NOW = Date.parse("2026-06-01T12:00:00Z");
const SOURCE_IPS = ["10.1.2.3", "192.168.7.9", "203.0.113.5"];
const PROJECTS = ["apollo", "gemini", "vega", "titan"];
const TEAMS = 40;

/** Actions that peers have, too; a pattern is written out for those without wildcards in actions. */
export const KEY_ACTIONS = [
  ..."Encrypt Decrypt GenerateDataKey DescribeKey EnableKey DisableKey ScheduleKeyDeletion CancelKeyDeletion".split(
    " ",
  ),
  ..."TagResource UntagResource GetPublicKey ListKeyVersions UpdateKeyDescription".split(" "),
];
export const SECRET_ACTIONS =
  "GetSecretValue DescribeSecret PutSecretValue DeleteSecret UpdateSecret RestoreSecret".split(" ");
export const ALL_ACTIONS = [...KEY_ACTIONS, ...SECRET_ACTIONS];
const PATTERNS = [...ALL_ACTIONS, "Describe*", "Get*", "*Key", "*"];

export function expand(pattern) {
  const glob = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
  return ALL_ACTIONS.filter((action) => glob.test(action));
}

/** Flat in memory, as text is that arrives over the wire. */
export const arnOf = (relativeId) => JSON.parse(`"acs:kms:cn-hangzhou:${ACCOUNT}:${relativeId}"`);

/** A resource as everybody sees it. */
function makeResource(index, random) {
  const relativeId = index % 2 === 0 ? `key/key-${index}` : `secret/team-${index % TEAMS}/secret-${index}`;
  return { relativeId, arn: arnOf(relativeId), project: random.pick(PROJECTS), isKey: index % 2 === 0 };
}

function makeStatement(random, resources) {
  const kind = random.next();
  const resource =
    kind < 0.3
      ? "*"
      : kind < 0.5
        ? "key/*"
        : kind < 0.75
          ? `secret/team-${Math.floor(random.next() * TEAMS)}/*`
          : random.pick(resources).relativeId;
  const when = random.next();
  const condition =
    when < 0.12
      ? { tag: random.pick(PROJECTS) }
      : when < 0.22
        ? { ip: random.pick(["10.0.0.0/8", "192.168.0.0/16"]) }
        : when < 0.3
          ? { before: random.pick(["2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z"]) }
          : null;
  const actions = [random.pick(PATTERNS), random.pick(ALL_ACTIONS)];
  return { effect: random.next() < 0.12 ? "Deny" : "Allow", actions, resource, condition };
}

export function makeWorkload(seed = 1) {
  const random = randomFrom(seed);
  const resources = Array.from({ length: 10_000 }, (_, index) => makeResource(index, random));
  const policies = Array.from({ length: 500 }, () => Array.from({ length: 4 }, () => makeStatement(random, resources)));
  const users = Array.from({ length: 1_000 }, (_, index) => ({
    name: `user-${index}`,
    policies: [...new Set(Array.from({ length: 10 }, () => Math.floor(random.next() * policies.length)))],
  }));
  return { resources, policies, users, random };
}

/** Questions about things that exist, about users of a sample: half of them about what some statement names. */
export function makeQuestions({ resources, users, random }, count, sample) {
  return Array.from({ length: count }, () => {
    const resource = random.pick(resources);
    const action = random.pick(resource.isKey ? KEY_ACTIONS : SECRET_ACTIONS);
    return { user: random.pick(users.slice(0, sample)), resource, action, sourceIp: random.pick(SOURCE_IPS) };
  });
}

function toRamStatement({ effect, actions, resource, condition }) {
  const base = {
    Effect: effect,
    Action: actions.map((action) => `kms:${action}`),
    Resource: resource === "*" ? "*" : arnOf(resource),
  };
  if (condition === null) return base;
  const block = condition.tag
    ? { StringEquals: { "kms:tag/Project": condition.tag } }
    : condition.ip
      ? { IpAddress: { "acs:SourceIp": condition.ip } }
      : { DateLessThan: { "acs:CurrentTime": condition.before } };
  return { ...base, Condition: block };
}

export function documentOf(statements) {
  return { Version: "1", Statement: statements.map(toRamStatement) };
}

export function compile(document) {
  const parsed = parseDocument(document, "identity");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return compilePolicy(parsed.document);
}

export function attachmentOf(name, compiled, user) {
  return {
    policy: {
      reference: { id: name, arn: `acs:ram::${ACCOUNT}:policy/${name}`, name, type: "CUSTOM" },
      version: "v1",
      compiled,
    },
    attachedTo: user,
    scope: { kind: "ACCOUNT" },
    notBefore: null,
    expiresAt: null,
  };
}

export function principalOf(name, attachments) {
  const arn = `acs:ram::${ACCOUNT}:user/${name}`;
  return { kind: "USER", arn, account: ACCOUNT, attachments, issued: [] };
}

export function factsOf(resource, registered = true) {
  return {
    arn: resource.arn,
    registered,
    resourceGroup: null,
    tags: new Map([["Project", resource.project]]),
    keyState: null,
    encryptionKeyArn: null,
    aliasTargetArn: null,
    trustPolicy: null,
  };
}
