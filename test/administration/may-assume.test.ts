import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { addUserToGroup } from "../../src/administration/add-user-to-group.js";
import type { ChangeResult } from "../../src/administration/administration.js";
import { assumeRole } from "../../src/administration/assume-role.js";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createAccount } from "../../src/administration/create-account.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createPolicyVersion } from "../../src/administration/create-policy-version.js";
import { createRole } from "../../src/administration/create-role.js";
import { createUser } from "../../src/administration/create-user.js";
import { detachPolicy } from "../../src/administration/detach-policy.js";
import { setDefaultPolicyVersion } from "../../src/administration/set-default-policy-version.js";
import { updateGroup } from "../../src/administration/update-group.js";
import { countBlocked } from "../support/blocked.js";
import { withClient } from "../support/databases.js";
import type { Mutation } from "../support/mutation.js";
import { insist } from "../support/storm.js";
import { type AssumeRole, brokenAssumeRole } from "../support/use-cases.js";
import { ACCOUNT, arn, changesOf, codesOf, request, useAdministration } from "./setup.js";

// Whether a principal may assume a role rests on its groups and policies: what changes them while a session is being
// opened waits for it, and what was begun before is waited for and seen. The role lies in another account than who assumes
// it, so that nothing else keeps the two changes apart.

vi.setConfig({ testTimeout: 60_000 }); // a loaded machine is slow, not wrong

const OTHER = "2000000000000002";
const eve = `acs:ram::${OTHER}:user/eve`;
const bot = `acs:ram::${OTHER}:role/bot`;
const team = `acs:ram::${OTHER}:group/team`;
/** Who has which policy: eve is in the team. */
const HOLDERS = { Own: eve, Team: team, Bot: bot, Spare: null } as const;

type PolicyName = keyof typeof HOLDERS;
const NAMES = Object.keys(HOLDERS) as PolicyName[];

const policy = (name: PolicyName) => `acs:ram::${OTHER}:policy/${name}`;
const document = (statement: object) => ({ Version: "1", Statement: [{ Action: "sts:AssumeRole", ...statement }] });
const trusting = (...RAM: string[]) => document({ Effect: "Allow", Principal: { RAM } });
const assuming = (Effect: "Allow" | "Deny") => document({ Effect, Resource: "*" });

const context = useAdministration("may_assume", 10);
const { run, done } = changesOf(context);
const db = () => context.administration.db;

beforeAll(async () => {
  for (const account of [ACCOUNT, OTHER]) await done(createAccount, { account });
  await done(createUser, { account: OTHER, name: "eve" });
  await done(createGroup, { account: OTHER, name: "team" });
  await done(addUserToGroup, { user: eve, group: team });
  await done(createRole, { account: OTHER, name: "bot", trustPolicy: trusting(eve) });
  await done(createRole, { account: ACCOUNT, name: "deploy", trustPolicy: trusting(eve, bot) });
});

/** Of each policy the first version allows, which is the default, and the second denies. */
async function furnish(): Promise<void> {
  await db().attachment.deleteMany();
  await db().policy.deleteMany();
  for (const name of NAMES) {
    await done(createPolicy, { account: OTHER, name, document: assuming("Allow") });
    await done(createPolicyVersion, { policy: policy(name), document: assuming("Deny") });
    const principal = HOLDERS[name];
    if (principal !== null) await done(attachPolicy, { policy: policy(name), principal });
  }
}

interface Rival {
  readonly client: Client;
  /** Of its backend. */
  readonly pid: number;
}

/** Gives a transaction of somebody else's; all of it once more where a lock was not to be had in time. */
function withRival<T>(work: (rival: Rival) => Promise<T>): Promise<T> {
  return insist(async () => {
    await furnish();
    return inTransaction(work);
  });
}

function inTransaction<T>(work: (rival: Rival) => Promise<T>): Promise<T> {
  return withClient(context.url, async (client) => {
    await client.query("BEGIN");
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    return work({ client, pid: rows[0]?.pid ?? 0 });
  });
}

/** What happens first: that it is done, or that more than `others` wait for a lock, or for that of a rival. */
async function waitsOrIsDone(work: Promise<unknown>, others = 0, rival?: Rival): Promise<"waits" | "is done"> {
  const isDone = () => "is done" as const;
  const end = work.then(isDone, isDone); // who looks at the result learns of a failure
  for (;;) {
    const state = await Promise.race([end, sleep(20)]);
    if (state === "is done") return state;
    if ((await countBlocked(db(), rival?.pid)) > others) return "waits";
  }
}

const assume = (how: AssumeRole, onBehalfOf: string) =>
  how(context.administration, { role: arn.role("deploy"), sessionName: "s1", onBehalfOf }, request());

type Change = () => Promise<ChangeResult<unknown>>;
const denyBy =
  (name: PolicyName): Change =>
  () =>
    run(setDefaultPolicyVersion, { policy: policy(name), version: "v2" });

/** A session is opened but for the record of it, which comes last; then the change is asked for. */
async function changeMeanwhile(opened: () => ReturnType<AssumeRole>, change: Change, before = async () => {}) {
  return inTransaction(async (rival) => {
    await rival.client.query("SELECT FROM audit_head WHERE account_id = $1 FOR UPDATE", [ACCOUNT]);
    const session = opened();
    await before();
    expect(await waitsOrIsDone(session, 0, rival)).toBe("waits");
    const changed = change();
    const what = await waitsOrIsDone(changed, 1);
    await rival.client.query("COMMIT");
    const results = await Promise.all([session, changed]);
    return { change: what, made: results.map((result) => result.changed) };
  });
}

const WAITS = { change: "waits", made: [true, true] };
const GOES_ON = { change: "is done", made: [true, true] };

const BASE_ONLY: Mutation = {
  name: "only the base scopes are held",
  file: "load-and-hold.ts",
  find: "[...scopes, ...[...input.followed.values()].flat()].filter(",
  replace: "scopes.filter(",
};
const NOT_WHAT_CAME: Mutation = {
  name: "what came until the groups were held is not held",
  file: "load-and-hold.ts",
  find: "if (open.length === 0) return input;",
  replace: "if (open.length === 0 || held.size > 0) return input;",
};

describe("while a session is being opened", () => {
  const meanwhile = (how: AssumeRole, assumer: string, change: Change) =>
    insist(async () => {
      await furnish();
      return changeMeanwhile(() => assume(how, assumer), change);
    });
  const CHANGES: [what: string, assumer: string, change: Change][] = [
    ["another version of a policy of the user", eve, denyBy("Own")],
    ["another version of a policy of its group", eve, denyBy("Team")],
    ["another version of a policy of the role", bot, denyBy("Bot")],
    [
      "that a policy is taken from its group",
      eve,
      () => run(detachPolicy, { policy: policy("Team"), principal: team }),
    ],
    ["that its group is given a policy", eve, () => run(attachPolicy, { policy: policy("Spare"), principal: team })],
    ["a change of its group", eve, () => run(updateGroup, { group: team, comments: `${Math.random()}` })],
  ];

  test.each(CHANGES)("%s waits", async (_what, assumer, change) => {
    expect(await meanwhile(assumeRole, assumer, change)).toEqual(WAITS);
  });

  test.each(CHANGES)("%s would not wait if only the base scopes were held", async (_what, assumer, change) => {
    expect(await meanwhile(await brokenAssumeRole(BASE_ONLY), assumer, change)).toEqual(GOES_ON);
  });

  test("another version of a policy that the user does not have goes on", async () => {
    expect(await meanwhile(assumeRole, eve, denyBy("Bot"))).toEqual(GOES_ON);
  });
});

describe("before a session is opened", () => {
  const id = (table: string, name: string) =>
    `(SELECT id FROM ${table} WHERE account_id = '${OTHER}' AND name = '${name}')`;
  const attach = (name: string, holder: string) =>
    `INSERT INTO attachment (id, account_id, policy_id, principal_id)
     VALUES (gen_random_uuid(), '${OTHER}', ${id("policy", name)}, ${id("principal", holder)});`;
  const deny = (name: string) =>
    `UPDATE policy_version SET document = replace(document, 'Allow', 'Deny') WHERE policy_id = ${id("policy", name)};`;

  /** The change is made before, and committed when the session waits for it or is there. */
  const meanwhile = (how: AssumeRole, assumer: string, sql: string) =>
    withRival(async ({ client }) => {
      await client.query(sql);
      const session = assume(how, assumer);
      const what = await waitsOrIsDone(session);
      await client.query("COMMIT");
      return { session: what, codes: codesOf(await session) };
    });

  const CHANGES: [what: string, assumer: string, sql: string][] = [
    ["a policy of the user that denies now", eve, deny("Own")],
    ["a policy of its group that denies now", eve, deny("Team")],
    ["a policy of the role that denies now", bot, deny("Bot")],
    ["a policy that denies, given to its group", eve, `${deny("Spare")} ${attach("Spare", "team")}`],
  ];

  test.each(CHANGES)("%s is waited for and seen", async (_what, assumer, sql) => {
    expect(await meanwhile(assumeRole, assumer, sql)).toEqual({ session: "waits", codes: ["NO_PERMISSION"] });
  });

  test.each(CHANGES)("%s would not be seen if only the base scopes were held", async (_what, assumer, sql) => {
    expect(await meanwhile(await brokenAssumeRole(BASE_ONLY), assumer, sql)).toEqual({ session: "is done", codes: [] });
  });

  /** The group is given a policy, which the session waits for; then it is open, and the policy is changed. */
  const changeOfWhatCame = (how: AssumeRole) =>
    withRival(async (giver) => {
      await giver.client.query(attach("Spare", "team"));
      let session: ReturnType<AssumeRole>;
      const open = () => {
        session = assume(how, eve);
        return session;
      };
      return changeMeanwhile(open, denyBy("Spare"), async () => {
        expect(await waitsOrIsDone(session, 0, giver)).toBe("waits");
        await giver.client.query("COMMIT");
      });
    });

  test("a policy given to its group is held from then on", async () => {
    expect(await changeOfWhatCame(assumeRole)).toEqual(WAITS);
    expect(await changeOfWhatCame(await brokenAssumeRole(NOT_WHAT_CAME))).toEqual(GOES_ON);
  });
});
