import { IDENTITY, OTHER_IDENTITY, TRUST } from "./account-commands.js";
import { LINKED_ROLE, OWN, type Principal, type RamAccount, type Resource } from "./ram-model.js";

const K1 = `acs:kms:cn-hangzhou:${OWN}:key/k1`;

function principal(name: string, details: Partial<Principal> = {}): Principal {
  return { name, displayName: null, comments: null, role: null, tags: {}, ...details };
}

function resource(type: string, name: string, details: Partial<Resource> = {}): Resource {
  const nothing = { resourceGroup: null, key: null, state: null, spec: null, usage: null, origin: null };
  return { type, region: "cn-hangzhou", name, ...nothing, secretType: null, tags: {}, ...details };
}

function policy(name: string, ...documents: readonly unknown[]) {
  const versions = Object.fromEntries(documents.map((document, at) => [at + 1, JSON.stringify(document)]));
  return { name, description: null, last: documents.length, default: 1, versions };
}

function attachments(...all: readonly (readonly [principal: string, policy: string, group: string | null])[]) {
  return Object.fromEntries(
    all.map(([holder, held, resourceGroup]) => [
      `${holder} ${held} ${resourceGroup ?? "-"}`,
      { principal: holder, policy: held, resourceGroup, notBefore: null, expiresAt: null },
    ]),
  );
}

const role = (trust: object, kind = "REGULAR", service: string | null = null) => ({
  ...{ kind, service, trust: JSON.stringify(trust), duration: 3_600 },
});

/** The account that every sequence starts from: enough to change, and already near some quotas. */
export const BEGINNING: RamAccount = {
  alias: null,
  resourceGroups: { "rg-a": { name: "one" }, "rg-b": { name: "two" } },
  principals: {
    "user/ann": principal("ann", { tags: { team: "x", env: "y" } }),
    "user/bob": principal("bob"),
    "group/team": principal("team"),
    "group/ops": principal("ops"),
    "group/sre": principal("sre"),
    "role/app": principal("app", { role: role(TRUST) }),
    "role/job": principal("job", { role: role(TRUST) }),
    [`role/${LINKED_ROLE.name.toLowerCase()}`]: principal(LINKED_ROLE.name, {
      role: role(TRUST, "SERVICE_LINKED", LINKED_ROLE.service),
    }),
  },
  memberships: { "user/ann group/team": true, "user/ann group/ops": true },
  policies: {
    read: policy("Read", IDENTITY, JSON.parse(OTHER_IDENTITY), IDENTITY),
    write: policy("Write", IDENTITY),
    audit: policy("Audit", IDENTITY),
  },
  attachments: attachments(
    ["user/ann", "custom/read", null],
    ["user/ann", "custom/write", "rg-a"],
    ["role/app", "custom/read", null],
    ["role/app", "custom/read", "rg-a"],
    ["role/app", "system/aliyunkmsreadonlyaccess", null],
    ["group/team", "custom/read", null],
    ["group/team", "custom/write", null],
  ),
  resources: {
    [K1]: resource("KEY", "k1", { state: "ENABLED", resourceGroup: "rg-a", tags: { team: "x", env: "y" } }),
    [`acs:kms:cn-hangzhou:${OWN}:key/k2`]: resource("KEY", "k2", { state: "ENABLED" }),
    [`acs:kms:cn-hangzhou:${OWN}:secret/s1`]: resource("SECRET", "s1", { key: K1, secretType: "Generic" }),
    [`acs:kms:cn-hangzhou:${OWN}:alias/one`]: resource("ALIAS", "alias/one", { key: K1 }),
  },
};

/** A snapshot of an account, to import. */
export function snapshotOf(account: RamAccount, id: string) {
  const principals = Object.entries(account.principals).map(([key, details]) => ({ key, ...details }));
  const ofKind = (kind: string) => principals.filter(({ key }) => key.startsWith(`${kind}/`));
  const resources = Object.values(account.resources);
  const ofType = (type: string) => resources.filter((each) => each.type === type);
  const keyId = ({ key }: Resource): string | null => key?.split("/")[1] ?? null;
  return {
    version: 1,
    account: { id, alias: account.alias },
    resourceGroups: Object.entries(account.resourceGroups).map(([group, { name }]) => ({ id: group, name })),
    groups: ofKind("group").map(({ name }) => ({ name })),
    users: ofKind("user").map(({ key, name, tags }) => ({ name, tags, groups: groupsOf(account, key) })),
    roles: ofKind("role").map(({ name, role: details }) => ({
      ...{ name, kind: details?.kind, service: details?.service, maxSessionDuration: details?.duration },
      trustPolicy: details?.trust,
    })),
    policies: Object.values(account.policies).map(({ name, versions, default: chosen }) => ({
      ...{ type: "CUSTOM", name, defaultVersion: `v${chosen}` },
      versions: Object.entries(versions).map(([number, document]) => ({ id: `v${number}`, document })),
    })),
    attachments: Object.values(account.attachments).map(({ policy: held, principal: holder, resourceGroup }) => ({
      policy: { type: held.startsWith("system/") ? "SYSTEM" : "CUSTOM", name: held.split("/")[1] },
      principal: holder,
      scope: resourceGroup ?? "ACCOUNT",
    })),
    keys: ofType("KEY").map(({ region, name, resourceGroup, state, tags }) => ({
      region,
      id: name,
      resourceGroup,
      state,
      tags,
    })),
    secrets: ofType("SECRET").map((each) => ({
      ...{ region: each.region, name: each.name, type: each.secretType, encryptionKeyId: keyId(each) },
    })),
    aliases: ofType("ALIAS").map((each) => ({ region: each.region, name: each.name, keyId: keyId(each) })),
  };
}

function groupsOf({ memberships }: RamAccount, user: string): string[] {
  const own = Object.keys(memberships).filter((membership) => membership.startsWith(`${user} `));
  return own.map((membership) => membership.slice(`${user} group/`.length));
}
