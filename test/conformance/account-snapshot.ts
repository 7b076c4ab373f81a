import { parseArn } from "../../src/domain/arn.js";
import { parsePrincipalArn } from "../../src/domain/principal.js";
import { parseKmsResource } from "../../src/domain/resource.js";
import { type Attached, documentOf, type Registered, type Situation } from "./situation.js";

/** A snapshot of an account, in the format of imports. */
export type Snapshot = Readonly<Record<string, unknown>>;

/** The accounts of a situation as their owner would import them; the other one only where something is known of it. */
export function snapshotsOf(situation: Situation): Map<string, Snapshot> {
  const { account, other, resources, trusts } = situation;
  const snapshots = new Map([[account, { ...identitiesOf(situation), ...resourcesOf(situation, account) }]]);
  const mentioned = [...resources.keys(), ...trusts.keys()].some((arn) => accountOf(arn) === other);
  if (mentioned) snapshots.set(other, { ...resourcesOf(situation, other), roles: rolesOf(situation, other) });
  return new Map([...snapshots].map(([id, content]) => [id, { version: 1, account: { id }, ...content }]));
}

function identitiesOf(situation: Situation): Snapshot {
  const { principal, groups, policies, account } = situation;
  const holders = policies.flatMap(({ holder }) => (holder.startsWith("group/") ? [holder.slice(6)] : []));
  return {
    groups: unique([...groups, ...holders]).map((name) => ({ name })),
    users: principal.kind === "USER" ? [{ name: principal.name, groups }] : [],
    roles: rolesOf(situation, account),
    policies: policies.map(policyOf),
    attachments: policies.map(attachmentOf),
  };
}

function rolesOf({ principal, trusts }: Situation, account: string): unknown[] {
  const isRole = principal.kind === "ROLE" || principal.kind === "ROLE_SESSION";
  const own =
    isRole && principal.account === account ? [{ name: principal.name, trustPolicy: trustsOwner(account) }] : [];
  const trusted = [...trusts].filter(([arn]) => accountOf(arn) === account);
  return [
    ...own,
    ...trusted.map(([arn, statements]) => ({ name: parsePrincipalArn(arn).name, trustPolicy: documentOf(statements) })),
  ];
}

function trustsOwner(account: string): unknown {
  return documentOf([{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: `acs:ram::${account}:root` } }]);
}

function policyOf({ name, statements, formerly }: Attached): unknown {
  const documents = [formerly, statements].filter((version) => version !== null);
  const versions = documents.map((version, index) => ({ id: `v${index + 1}`, document: documentOf(version) }));
  return { type: "CUSTOM", name, versions, defaultVersion: versions.at(-1)?.id ?? null };
}

function attachmentOf({ name, holder, resourceGroup, notBefore, expiresAt }: Attached): unknown {
  return {
    policy: { type: "CUSTOM", name },
    principal: holder,
    scope: resourceGroup ?? "ACCOUNT",
    notBefore,
    expiresAt,
  };
}

function resourcesOf({ resources, policies }: Situation, account: string): Snapshot {
  const own = [...resources].filter(([arn]) => accountOf(arn) === account);
  const groups = [
    ...own.map(([, { resourceGroup }]) => resourceGroup),
    ...policies.map((policy) => policy.resourceGroup),
  ];
  const ids = unique(groups.filter((id) => id !== null));
  const items = own.map(([arn, facts]) => ({ type: parseKmsResource(parseArn(arn))?.type, arn, facts }));
  const ofType = (type: string) => items.filter((item) => item.type === type);
  return {
    resourceGroups: ids.map((id) => ({ id, name: id })),
    keys: ofType("KEY").map(keyOf),
    secrets: ofType("SECRET").map(secretOf),
    aliases: ofType("ALIAS").flatMap(aliasOf),
  };
}

interface Item {
  readonly arn: string;
  readonly facts: Registered;
}

function keyOf({ arn, facts }: Item): unknown {
  const { tags, resourceGroup, keyState } = facts;
  return { region: parseArn(arn).region, id: nameOf(arn), tags, resourceGroup, state: keyState };
}

function secretOf({ arn, facts: { tags, resourceGroup, encryptionKey } }: Item): unknown {
  const encryptionKeyId = encryptionKey === null ? null : nameOf(encryptionKey);
  return { region: parseArn(arn).region, name: nameOf(arn), tags, resourceGroup, encryptionKeyId };
}

/** An alias that points nowhere does not exist. */
function aliasOf({ arn, facts }: Item): unknown[] {
  if (facts.aliasOf === null) return [];
  return [{ region: parseArn(arn).region, name: nameOf(arn), keyId: nameOf(facts.aliasOf) }];
}

function nameOf(arn: string): string {
  return parseKmsResource(parseArn(arn))?.name ?? "";
}

function accountOf(arn: string): string {
  return arn === "*" ? "" : parseArn(arn).account;
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
