/** A snapshot of an account of about a hundred megabytes, with something of everything. */
const ACCOUNT = "9000000000000009";
const each = (count, make) => Array.from({ length: count }, (_, index) => make(index));

const trust = {
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [`acs:ram::${ACCOUNT}:root`] } }],
};

/** About a kilobyte, different for every policy and version. */
function document(policy, version) {
  const resources = each(6, (i) => `acs:kms:cn-hangzhou:${ACCOUNT}:key/key-${(policy * 7 + i) % 1_000}-${version}`);
  const statement = (Effect, Action) => ({
    Effect,
    Action,
    Resource: resources,
    Condition: { IpAddress: { "acs:SourceIp": ["10.0.0.0/8", `192.168.${policy % 256}.0/24`] } },
  });
  return {
    Version: "1",
    Statement: [statement("Allow", ["kms:Encrypt", "kms:Decrypt"]), statement("Deny", ["kms:ScheduleKeyDeletion"])],
  };
}

/** @param scale 1 for about 100 MB */
export function makeSnapshot(scale = 1) {
  const many = (count) => Math.ceil(count * scale);
  const [groups, users, policies, keys] = [300, many(40_000), many(28_000), many(60_000)];
  return {
    version: 1,
    account: { id: ACCOUNT, alias: "large" },
    resourceGroups: each(100, (i) => ({ id: `rg-${i}`, name: `group ${i}` })),
    groups: each(groups, (i) => ({ name: `group-${i}`, comments: "people who look after keys" })),
    users: each(users, (i) => ({
      name: `user-${i}`,
      displayName: `User ${i}`,
      groups: [`group-${i % groups}`, `group-${(i * 7 + 1) % groups}`],
      tags: { team: `team-${i % 50}`, cost: String(i) },
    })),
    roles: each(many(2_000), (i) => ({ name: `role-${i}`, kind: "REGULAR", trustPolicy: trust })),
    policies: each(policies, (i) => ({
      type: "CUSTOM",
      name: `policy-${i}`,
      defaultVersion: "v2",
      versions: each(2, (version) => ({ id: `v${version + 1}`, document: document(i, version) })),
    })),
    attachments: each(users * 2, (i) => ({
      policy: { type: "CUSTOM", name: `policy-${(i * 13) % policies}` },
      principal: `user/user-${i % users}`,
      scope: i < users ? "ACCOUNT" : `rg-${i % 100}`,
      ...(i % 10 === 0 ? { expiresAt: "2031-01-01T00:00:00Z" } : {}),
    })),
    keys: each(keys, (i) => ({
      region: "cn-hangzhou",
      id: `key-${i}`,
      resourceGroup: `rg-${i % 100}`,
      tags: { Project: `project-${i % 200}`, stage: i % 2 ? "test" : "production" },
      state: "ENABLED",
      spec: "Aliyun_AES_256",
      usage: "ENCRYPT_DECRYPT",
      origin: "Aliyun_KMS",
    })),
    secrets: each(keys, (i) => ({
      region: "cn-hangzhou",
      name: `team-${i % 50}/secret-${i}`,
      type: "Generic",
      encryptionKeyId: `key-${i}`,
      resourceGroup: `rg-${i % 100}`,
      tags: { Project: `project-${i % 200}` },
    })),
    aliases: each(many(40_000), (i) => ({ region: "cn-hangzhou", name: `alias/key-${i}`, keyId: `key-${i}` })),
  };
}

/** How many things a snapshot holds. */
export function countThings(snapshot) {
  return Object.values(snapshot)
    .filter(Array.isArray)
    .reduce((sum, list) => sum + list.length, 0);
}
