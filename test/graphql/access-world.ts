import type { Caller } from "../../src/domain/caller.js";
import type { Fixture } from "./fixture.js";

/** Names with a canary in each: `zq` and what it is, so that an answer tells what leaked. */
const NAMES = [
  "ops",
  "ann",
  "bob",
  "kim",
  "bot",
  "annpol",
  "oppol",
  "botpol",
  "admpol",
  "sparepol",
  "key",
  "sec",
] as const;
const MORE = ["ali", "grp", "tag", "old", "pri", "pripol", "rpo", "rpopol", "res", "respol"] as const;
export type Canary = (typeof NAMES)[number] | (typeof MORE)[number];
export const CANARIES: readonly Canary[] = [...NAMES, ...MORE];

/** An account with one of everything, where each name, tag and document holds a canary of its own. */
export interface Place {
  readonly account: string;
  /** `zq<letter><what>z` */
  readonly name: (of: Canary) => string;
  readonly user: (of: Canary) => string;
  readonly group: string;
  readonly role: string;
  readonly session: string;
  readonly policy: (of: Canary) => string;
  readonly key: string;
  readonly secret: string;
  readonly alias: string;
  readonly resourceGroup: string;
}

export const BUILT_IN = "acs:ram::system:policy/AliyunKMSReadOnlyAccess";

function place(account: string, letter: string): Place {
  const name = (of: Canary) => `zq${letter}${of}z`;
  const ram = (path: string) => `acs:ram::${account}:${path}`;
  const kms = (path: string) => `acs:kms:cn-hangzhou:${account}:${path}`;
  return {
    ...{ account, name, user: (of) => ram(`user/${name(of)}`), policy: (of) => ram(`policy/${name(of)}`) },
    ...{ group: ram(`group/${name("ops")}`), role: ram(`role/${name("bot")}`) },
    ...{ session: ram(`assumed-role/${name("bot")}/run1`), resourceGroup: `rg-${name("grp")}` },
    ...{ key: kms(`key/${name("key")}`), secret: kms(`secret/${name("sec")}`), alias: kms(`alias/${name("ali")}`) },
  };
}

/**
 * ann may do things in KMS only, kim may use the gateway, bob nothing at all; bot is a role for KMS. pri may read
 * principals, rpo policies, and res one key.
 */
export const HOME = place("7000000000000007", "h");
export const AWAY = place("8000000000000008", "a");

export const principal = (principalArn: string): Caller => ({ kind: "PRINCIPAL", credentialId: "c", principalArn });

/** Who asks. `strict` ones have no permission for the gateway. */
export const CALLERS = {
  owner: principal(`acs:ram::${HOME.account}:root`),
  admin: principal(HOME.user("kim")),
  user: principal(HOME.user("ann")),
  nobody: principal(HOME.user("bob")),
  session: principal(HOME.session),
  ofPrincipals: principal(HOME.user("pri")),
  ofPolicies: principal(HOME.user("rpo")),
  ofOneKey: principal(HOME.user("res")),
  stranger: principal(AWAY.user("kim")),
} as const;

/** Which canaries of their own account callers may see wherever they look; none of another account. */
export const SEEN: Readonly<Record<keyof typeof CALLERS, readonly Canary[]>> = {
  owner: CANARIES,
  admin: CANARIES,
  user: ["ann", "ops", "annpol", "oppol", "grp"],
  nobody: ["bob"],
  session: ["bot", "botpol"],
  ofPrincipals: ["ops", "ann", "bob", "kim", "bot", "pri", "rpo", "res", "old", "pripol"],
  ofPolicies: ["annpol", "oppol", "botpol", "admpol", "sparepol", "pripol", "rpopol", "respol", "rpo"],
  ofOneKey: ["key", "tag", "res", "respol"],
  stranger: CANARIES,
};

const statement = (sid: string, action: string, resource = "*") => ({
  ...{ Version: "1", Statement: [{ Sid: sid, Effect: "Allow", Action: [action], Resource: [resource] }] },
});

function snapshotOf(at: Place): object {
  const { account, name } = at;
  const policy = (of: Canary, action: string, resource?: string) => ({
    ...{ type: "CUSTOM", name: name(of), description: name(of), defaultVersion: "v1" },
    versions: [{ id: "v1", document: statement(name(of), action, resource) }],
  });
  const attachment = (of: Canary, to: string, scope = "ACCOUNT") => ({
    ...{ policy: { type: "CUSTOM", name: name(of) }, principal: to, scope },
  });
  const trust = {
    Effect: "Allow",
    Action: "sts:AssumeRole",
    Principal: { RAM: [`acs:ram::${account}:root`] },
    Sid: name("bot"),
  };
  return {
    version: 1,
    account: { id: account },
    resourceGroups: [{ id: at.resourceGroup, name: name("grp") }],
    groups: [{ name: name("ops"), comments: name("ops") }],
    users: [
      { name: name("ann"), displayName: name("ann"), groups: [name("ops")], tags: { [name("ann")]: name("ann") } },
      { name: name("bob"), comments: name("bob") },
      ...(["kim", "pri", "rpo", "res"] as const).map((of) => ({ name: name(of) })),
    ],
    roles: [{ name: name("bot"), kind: "REGULAR", trustPolicy: { Version: "1", Statement: [trust] } }],
    policies: [
      policy("annpol", "kms:Encrypt"),
      policy("oppol", "kms:Decrypt"),
      policy("botpol", "kms:*"),
      policy("admpol", "ramgate:*"),
      policy("sparepol", "kms:*"),
      policy("pripol", "ramgate:ReadPrincipal"),
      policy("rpopol", "ramgate:ReadPolicy"),
      policy("respol", "ramgate:ReadResource", `acs:kms:*:${account}:key/*`),
    ],
    attachments: [
      attachment("annpol", `user/${name("ann")}`, at.resourceGroup),
      attachment("oppol", `group/${name("ops")}`),
      attachment("botpol", `role/${name("bot")}`),
      attachment("admpol", `user/${name("kim")}`),
      ...(["pri", "rpo", "res"] as const).map((of) => attachment(`${of}pol`, `user/${name(of)}`)),
    ],
    keys: [
      { region: "cn-hangzhou", id: name("key"), resourceGroup: at.resourceGroup, tags: { [name("tag")]: name("tag") } },
    ],
    secrets: [
      { region: "cn-hangzhou", name: name("sec"), encryptionKeyId: name("key"), tags: { [name("sec")]: name("sec") } },
    ],
    aliases: [{ region: "cn-hangzhou", name: `alias/${name("ali")}`, keyId: name("key") }],
  };
}

const IMPORT = `mutation ($input: ImportAccountInput!) { importAccount(input: $input) { userErrors { message } } }`;
const ATTACH = `mutation ($input: AttachPolicyInput!) { attachPolicy(input: $input) { userErrors { message } } }`;
const ASSUME = `mutation ($input: AssumeRoleInput!) { assumeRole(input: $input) { userErrors { message } } }`;
const KEY = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { userErrors { message } } }`;

/** Both accounts, each with an attachment of a built-in policy to bob, an issued session of its role and an API key of the role. */
export async function createWorld({ ask }: Pick<Fixture, "ask">): Promise<void> {
  for (const at of [HOME, AWAY]) {
    await ask(IMPORT, { input: { account: at.account, mode: "MERGE", snapshot: snapshotOf(at) } });
    await ask(ATTACH, { input: { policy: BUILT_IN, principal: at.user("bob") } });
    const sessionPolicy = statement(at.name("old"), "kms:*");
    await ask(ASSUME, { input: { role: at.role, sessionName: "run1" } });
    await ask(ASSUME, { input: { role: at.role, sessionName: "run2", sessionPolicy } });
    await ask(KEY, { input: { principal: at.role, description: at.name("bot") } });
  }
}

/** What an answer holds of a place, by canary. */
export function canariesIn(answer: unknown, at: Place): Canary[] {
  const text = JSON.stringify(answer).toLowerCase();
  return CANARIES.filter((canary) => text.includes(at.name(canary)));
}
