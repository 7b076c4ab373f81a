import { randomUUID } from "node:crypto";
import type { Database } from "../../src/store/prisma-client.js";

const TRUST = JSON.stringify({
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: ["ecs.aliyuncs.com"] } }],
});
const DOCUMENT = JSON.stringify({ Version: "1", Statement: [{ Effect: "Allow", Action: "kms:*", Resource: "*" }] });

/** Name of the `index`th of a kind; zero-padded, so that names sort like numbers. */
export const nth = (kind: string, index: number) => `${kind}-${String(index).padStart(3, "0")}`;

/**
 * An account with `size` of everything, where everybody has something of everything: each user is in each of 3 groups
 * and holds a policy of its own in both scopes, each key has an alias and encrypts a secret, each policy has two versions.
 * The audit trail has an event about each user and the first key.
 */
export async function createLargeAccount(db: Database, account: string, size: number): Promise<void> {
  const each = <T>(make: (index: number) => T): T[] => Array.from({ length: size }, (_, index) => make(index));
  const ids = (count: number) => Array.from({ length: count }, () => randomUUID());
  const [users, groups, roles, policies, keys] = [ids(size), ids(size), ids(size), ids(size), ids(size)] as const;
  const principal = (kind: "USER" | "GROUP" | "ROLE", id: string, index: number) => {
    const type = kind.toLowerCase();
    const name = nth(type, index);
    const arn = `acs:ram::${account}:${type}/${name}`;
    const role = kind === "ROLE" ? { roleKind: "REGULAR" as const, trustPolicy: TRUST } : {};
    return { id, accountId: account, kind, name, arn, arnKey: arn, ...role };
  };
  const resource = (type: "KEY" | "SECRET" | "ALIAS", index: number, name: string, path: string) => ({
    accountId: account,
    type,
    region: "cn-hangzhou",
    name,
    arn: `acs:kms:cn-hangzhou:${account}:${path}`,
    ...(type === "ALIAS" ? {} : { resourceGroupId: nth("rg", index) }),
  });
  const owner = `acs:ram::${account}:root`;
  await db.account.create({ data: { id: account, alias: "large" } });
  await db.resourceGroup.createMany({
    data: each((i) => ({ accountId: account, id: nth("rg", i), name: nth("group", i) })),
  });
  await db.principal.createMany({
    data: [
      { accountId: account, kind: "ACCOUNT_OWNER", name: "root", arn: owner, arnKey: owner },
      ...users.map((id, i) => principal("USER", id, i)),
      ...groups.map((id, i) => principal("GROUP", id, i)),
      ...roles.map((id, i) => principal("ROLE", id, i)),
    ],
  });
  await db.principalTag.createMany({ data: users.map((principalId) => ({ principalId, key: "team", value: "red" })) });
  const memberships = users.flatMap((userId, user) =>
    [0, 1, 2].map((offset) => ({ userId, groupId: groups[(user + offset) % size] ?? "", accountId: account })),
  );
  await db.groupMembership.createMany({ data: memberships, skipDuplicates: true });
  await db.policy.createMany({
    data: policies.map((id, i) => {
      const name = nth("policy", i);
      return {
        id,
        accountId: account,
        type: "CUSTOM" as const,
        name,
        nameKey: name,
        arn: `acs:ram::${account}:policy/${name}`,
      };
    }),
  });
  await db.policyVersion.createMany({
    data: policies.flatMap((policyId) => [
      { policyId, number: 1, document: DOCUMENT },
      { policyId, number: 2, document: DOCUMENT, isDefault: true },
    ]),
  });
  await db.attachment.createMany({
    data: [...users, ...groups, ...roles].flatMap((principalId, i) => {
      const attachment = { accountId: account, principalId, policyId: policies[i % size] ?? "" };
      return [attachment, { ...attachment, resourceGroupId: nth("rg", i % size) }];
    }),
  });
  await db.kmsResource.createMany({
    data: keys.map((id, i) => ({
      ...resource("KEY", i, nth("key", i), `key/${nth("key", i)}`),
      id,
      keyState: "ENABLED" as const,
    })),
  });
  await db.kmsResource.createMany({
    data: keys.flatMap((keyId, i) => [
      { ...resource("SECRET", i, nth("secret", i), `secret/${nth("secret", i)}`), keyId },
      { ...resource("ALIAS", i, `alias/${nth("alias", i)}`, `alias/${nth("alias", i)}`), keyId },
    ]),
  });
  await db.resourceTag.createMany({ data: keys.map((resourceId) => ({ resourceId, key: "Project", value: "red" })) });
  await db.auditEvent.createMany({
    data: users.map((id, i) => {
      const targets = [principal("USER", id, i).arn, resource("KEY", 0, nth("key", 0), `key/${nth("key", 0)}`).arn];
      const hashes = { previousHash: new Uint8Array(32), hash: new Uint8Array(32) };
      const what = { at: new Date(), actor: "operator:test", action: "createUser", input: {} };
      return { accountId: account, sequence: i + 1, ...what, targets, targetKeys: targets, ...hashes };
    }),
  });
}
