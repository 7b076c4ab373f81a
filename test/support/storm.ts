import { setTimeout as sleep } from "node:timers/promises";
import type { Administration, ChangeRequest, ChangeResult } from "../../src/administration/administration.js";
import { verifyAuditTrail } from "../../src/administration/verify-audit-trail.js";
import { isRetryable, UnavailableError } from "../../src/store/store-errors.js";
import { USE_CASES, type UseCases } from "./use-cases.js";

/** What is done to a database, and how. */
export interface Storm {
  readonly useCases: UseCases;
  readonly administration: Administration;
  readonly accounts: readonly string[];
  readonly changes: number;
  readonly inFlight: number;
  readonly seed: number;
}

export interface StormReport {
  /** How often a caller had to come again, because the database was too busy. */
  readonly busy: number;
  readonly problems: readonly string[];
}

/** One change of a storm. */
interface Planned {
  readonly account: string;
  readonly name: keyof UseCases;
  readonly input: object;
  /** Codes that it may be refused with, because another change was faster. */
  readonly refusals: readonly string[];
}

type Outcome = ChangeResult<unknown> | { readonly failure: unknown };

const DOCUMENT = { Version: "1", Statement: [{ Effect: "Allow", Action: ["kms:List*"], Resource: ["*"] }] };
const TRUST = {
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: ["acs:ram::1:root"] } }],
};
const USERS = ["u0", "u1", "u2"];
const GROUPS = ["g0", "g1"];
const POLICIES = ["P0", "P1", "P2"];

/**
 * Many changes of few things at once, each with an idempotency key. Says what is wrong afterwards: a failure that
 * reached a caller, an acknowledged change without its one audit event, an event that nobody had acknowledged, or an
 * account that is not what its events, one after the other, make of it.
 */
export async function runStorm(storm: Storm): Promise<StormReport> {
  for (const account of storm.accounts) await furnish(storm, account);
  const planned = planStorm(storm);
  const outcomes: Outcome[] = [];
  let busy = 0;
  const queue = [...planned.entries()];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      outcomes[next[0]] = await make(storm, next[1], `${storm.accounts[0]}-${next[0]}`, () => {
        busy += 1;
      });
    }
  };
  await Promise.all(Array.from({ length: storm.inFlight }, worker));
  const problems = planned.flatMap((change, index) => outcomeProblems(change, outcomes[index] as Outcome));
  return {
    busy,
    problems: [...problems, ...(await eventProblems(storm, outcomes)), ...(await accountProblems(storm))],
  };
}

/** Makes what the changes of an account are about, with the right use cases. */
async function furnish({ administration }: Storm, account: string): Promise<void> {
  const [arn, useCases] = [arnsOf(account), USE_CASES];
  const made = async (change: Promise<ChangeResult<unknown>>) => {
    const { changed, userErrors } = await change;
    if (!changed) throw new Error(JSON.stringify(userErrors));
  };
  const request = () => ({ caller: OPERATOR, requestId: "furnish" });
  await made(useCases.createAccount(administration, { account }, request()));
  await made(useCases.createResourceGroup(administration, { account, id: "rg-a", name: "a" }, request()));
  for (const name of USERS) await made(useCases.createUser(administration, { account, name }, request()));
  for (const name of GROUPS) await made(useCases.createGroup(administration, { account, name }, request()));
  await made(useCases.createRole(administration, { account, name: "r0", trustPolicy: TRUST }, request()));
  for (const name of POLICIES)
    await made(useCases.createPolicy(administration, { account, name, document: DOCUMENT }, request()));
  await made(useCases.registerKey(administration, { arn: arn.key("k0") }, request()));
}

const OPERATOR: ChangeRequest["caller"] = { kind: "OPERATOR", credentialId: "storm" };

const arnsOf = (account: string) => ({
  user: (name: string) => `acs:ram::${account}:user/${name}`,
  group: (name: string) => `acs:ram::${account}:group/${name}`,
  role: (name: string) => `acs:ram::${account}:role/${name}`,
  policy: (name: string) => `acs:ram::${account}:policy/${name}`,
  key: (id: string) => `acs:kms:cn-hangzhou:${account}:key/${id}`,
  alias: (name: string) => `acs:kms:cn-hangzhou:${account}:alias/${name}`,
});

function planStorm({ accounts, changes, seed }: Storm): Planned[] {
  const random = generator(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  return Array.from({ length: changes }, (_, index) => {
    const account = random() < 0.6 ? (accounts[0] as string) : pick(accounts);
    return { account, refusals: [], ...planOne(account, index, pick) };
  });
}

function planOne(account: string, index: number, pick: <T>(values: readonly T[]) => T) {
  const arn = arnsOf(account);
  const target = () => ({
    policy: arn.policy(pick(POLICIES)),
    principal: pick([...USERS.map(arn.user), ...GROUPS.map(arn.group), arn.role("r0")]),
    resourceGroup: pick([null, "rg-a"]),
  });
  const several = () => Array.from({ length: 4 }, target); // in any order: two lists meet head-on
  const tagged = () => pick([arn.user("u0"), arn.role("r0"), arn.key("k0")]);
  const membership = () => ({ user: arn.user(pick(USERS)), group: arn.group(pick(GROUPS)) });
  const temporary = pick(["t0", "t1"]);
  const makers: (() => Omit<Planned, "account" | "refusals"> & Partial<Planned>)[] = [
    () => ({ name: "attachPolicy", input: target() }),
    () => ({ name: "attachPolicy", input: target() }),
    () => ({ name: "detachPolicy", input: target() }),
    () => ({ name: "attachPolicies", input: { attachments: several() } }),
    () => ({ name: "detachPolicies", input: { attachments: several() } }),
    () => ({
      name: "tagResource",
      input: { resource: tagged(), tags: [{ key: pick(["a", "b"]), value: `${index}` }] },
    }),
    () => ({ name: "untagResource", input: { resource: tagged(), tagKeys: ["a"] } }),
    () => ({ name: "addUserToGroup", input: membership() }),
    () => ({ name: "removeUserFromGroup", input: membership() }),
    () => ({
      name: "createPolicyVersion",
      input: {
        policy: arn.policy("P0"),
        document: DOCUMENT,
        setAsDefault: pick([true, false]),
        rotateStrategy: ROTATE,
      },
    }),
    () => ({ name: "createUser", input: { account, name: `own-${index}` } }),
    () => ({
      name: "createUser",
      input: { account, name: temporary },
      refusals: ["ENTITY_ALREADY_EXISTS_USER"],
    }),
    () => ({ name: "deleteUser", input: { user: arn.user(temporary) }, refusals: ["ENTITY_NOT_EXIST_USER"] }),
    () => ({
      name: "updateUser",
      input: { user: arn.user("t0"), newName: "t1" },
      refusals: ["ENTITY_NOT_EXIST_USER", "ENTITY_ALREADY_EXISTS_USER"],
    }),
    () => ({
      name: "updateUser",
      input: { user: arn.user("t1"), newName: "t0" },
      refusals: ["ENTITY_NOT_EXIST_USER", "ENTITY_ALREADY_EXISTS_USER"],
    }),
    () => ({ name: "registerKey", input: { arn: arn.key("k1") }, refusals: ["ENTITY_ALREADY_EXISTS_KEY"] }),
    () => ({
      name: "deregisterKey",
      input: { key: arn.key("k1") },
      refusals: ["ENTITY_NOT_EXIST_KEY", "DELETE_CONFLICT_KEY_ALIAS"],
    }),
    () => ({
      name: "registerAlias",
      input: { arn: arn.alias("one"), key: arn.key("k1") },
      refusals: ["ENTITY_NOT_EXIST_KEY", "ENTITY_ALREADY_EXISTS_ALIAS"],
    }),
    () => ({ name: "deregisterAlias", input: { alias: arn.alias("one") }, refusals: ["ENTITY_NOT_EXIST_ALIAS"] }),
  ];
  return pick(makers)();
}

const ROTATE = "DELETE_OLDEST_NON_DEFAULT_VERSION_WHEN_LIMIT_EXCEEDED";

async function make(
  { useCases, administration }: Storm,
  { name, input }: Planned,
  id: string,
  onBusy: () => void,
): Promise<Outcome> {
  const change = useCases[name] as (
    administration: Administration,
    input: object,
    request: ChangeRequest,
  ) => Promise<ChangeResult<unknown>>;
  const request = { caller: OPERATOR, requestId: id, idempotencyKey: id };
  return insist(() => change(administration, input, request), onBusy).catch((failure: unknown) => ({ failure }));
}

/** As automations ask: again when the database is too busy, but that transactions conflict is not their affair. */
export async function insist<T>(change: () => Promise<T>, onBusy: () => void = () => {}): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await change();
    } catch (failure) {
      const busy = failure instanceof UnavailableError && !isRetryable(failure);
      if (!busy || tries === 20) throw failure;
      onBusy();
      await sleep(50 * tries);
    }
  }
}

function outcomeProblems({ name, refusals }: Planned, outcome: Outcome): string[] {
  if ("failure" in outcome) return [`${name} failed: ${String(outcome.failure)}`];
  const codes = outcome.userErrors.map(({ code }) => code);
  return codes.filter((code) => !refusals.includes(code)).map((code) => `${name} was refused: ${code}`);
}

/** Every acknowledged change has one event, and every event is one of those. */
async function eventProblems({ administration, accounts }: Storm, outcomes: readonly Outcome[]): Promise<string[]> {
  const rows = await administration.db.$queryRaw<{ id: string; events: number }[]>`
    SELECT request_id AS id, count(*)::int AS events FROM audit_event
    WHERE account_id = ANY(${[...accounts]}::text[]) AND request_id <> 'furnish' GROUP BY 1`;
  const events = new Map(rows.map(({ id, events }) => [id, events]));
  const wrong = outcomes.flatMap((outcome, index) => {
    const found = events.get(`${accounts[0]}-${index}`) ?? 0;
    const acknowledged = "changed" in outcome && outcome.changed ? 1 : 0;
    return found === acknowledged ? [] : [`change ${index}: ${acknowledged} acknowledged, ${found} events`];
  });
  return wrong;
}

async function accountProblems({ administration, accounts }: Storm): Promise<string[]> {
  const problems: string[] = [];
  for (const account of accounts) {
    for await (const { broken } of verifyAuditTrail(administration, { account })) {
      if (broken !== null) problems.push(`the trail of ${account} is broken: ${broken.problem}`);
    }
    const [told, stored] = [await replay(administration, account), await readState(administration, account)];
    for (const fact of told) if (!stored.has(fact)) problems.push(`${account} lacks ${fact}`);
    for (const fact of stored) if (!told.has(fact)) problems.push(`${account} has ${fact}`);
  }
  return problems;
}

type Input = Record<string, string> & {
  readonly attachments?: readonly Record<string, string | null>[];
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
  readonly tagKeys?: readonly string[];
};

/** What an account must hold according to its audit trail, one fact a line. */
async function replay({ db }: Administration, account: string): Promise<Set<string>> {
  const events = await db.auditEvent.findMany({ where: { accountId: account }, orderBy: { sequence: "asc" } });
  const facts = new Set<string>();
  const tags = new Map<string, string>();
  let [versions, defaultVersion] = [1, 1];
  const arn = arnsOf(account);
  for (const { action, input: json } of events) {
    const input = json as Input;
    const lines = (input.attachments ?? [input]).map(attachmentLine);
    const membership = `member ${input["user"]} of ${input["group"]}`;
    if (action === "attachPolicy" || action === "attachPolicies") for (const line of lines) facts.add(line);
    if (action === "detachPolicy" || action === "detachPolicies") for (const line of lines) facts.delete(line);
    if (action === "addUserToGroup") facts.add(membership);
    if (action === "removeUserFromGroup") facts.delete(membership);
    if (action === "createUser") facts.add(`user ${arn.user(input["name"] ?? "")}`);
    if (action === "deleteUser") facts.delete(`user ${input["user"]}`);
    if (action === "updateUser") {
      facts.delete(`user ${input["user"]}`);
      facts.add(`user ${arn.user(input["newName"] ?? "")}`);
    }
    if (action === "registerKey" || action === "registerAlias") facts.add(`resource ${input["arn"]}`);
    if (action === "deregisterKey") facts.delete(`resource ${input["key"]}`);
    if (action === "deregisterAlias") facts.delete(`resource ${input["alias"]}`);
    for (const { key, value } of input.tags ?? []) tags.set(`${input["resource"]} ${key}`, value);
    for (const key of input.tagKeys ?? []) tags.delete(`${input["resource"]} ${key}`);
    if (action === "createPolicyVersion") {
      versions += 1;
      if ((json as { setAsDefault?: boolean }).setAsDefault === true) defaultVersion = versions;
    }
  }
  for (const [tag, value] of tags) facts.add(`tag ${tag}=${value}`);
  return facts.add(`versions ${versions}, default v${defaultVersion}`);
}

function attachmentLine({ policy, principal, resourceGroup }: Record<string, string | null>): string {
  return `attached ${policy} to ${principal} in ${resourceGroup}`;
}

/** What it holds, in the same words; a fact that is there twice counts as another one. */
async function readState({ db }: Administration, account: string): Promise<Set<string>> {
  const rows = await db.$queryRaw<{ fact: string; times: number }[]>`
    SELECT fact, count(*)::int AS times FROM (
      SELECT 'attached ' || p.arn || ' to ' || h.arn || ' in ' || coalesce(a.resource_group_id, 'null') AS fact
        FROM attachment a JOIN policy p ON p.id = a.policy_id JOIN principal h ON h.id = a.principal_id
        WHERE a.account_id = ${account}
      UNION ALL SELECT 'member ' || u.arn || ' of ' || g.arn
        FROM group_membership m JOIN principal u ON u.id = m.user_id JOIN principal g ON g.id = m.group_id
        WHERE m.account_id = ${account}
      UNION ALL SELECT 'user ' || arn FROM principal WHERE account_id = ${account} AND kind = 'USER'
      UNION ALL SELECT 'resource ' || arn FROM kms_resource WHERE account_id = ${account}
      UNION ALL SELECT 'tag ' || p.arn || ' ' || key || '=' || value
        FROM principal_tag t JOIN principal p ON p.id = t.principal_id WHERE p.account_id = ${account}
      UNION ALL SELECT 'tag ' || r.arn || ' ' || key || '=' || value
        FROM resource_tag t JOIN kms_resource r ON r.id = t.resource_id WHERE r.account_id = ${account}
      UNION ALL SELECT 'versions ' || last_version || ', default v' || v.number
        FROM policy p JOIN policy_version v ON v.policy_id = p.id AND v.is_default
        WHERE p.account_id = ${account} AND p.name = 'P0') facts
    GROUP BY 1`;
  return new Set(rows.map(({ fact, times }) => (times === 1 ? fact : `${times} times ${fact}`)));
}

/** The same numbers from 0 to 1 for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
