import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACCOUNT, APOLLO_KEY, alias, GEMINI_KEY, group, key, policy, role, secret, user } from "../support/demo.js";
import { type Fixture, openFixture } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("demo");
});
afterAll(() => fixture?.close());

const DOCUMENT = { Version: "1", Statement: [{ Effect: "Allow", Action: "kms:Decrypt", Resource: "*" }] };
const TRUST = {
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: ["ecs.aliyuncs.com"] } }],
};
const OUTCOME =
  "userErrors { __typename code message field pointer line column ... on ConflictError { currentRevision } } changed revision";

async function change(name: string, input: object, selection = "") {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const document = `mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} ${OUTCOME} } }`;
  return (await fixture.ask(document, { input }))[name];
}

/** Each builds on what those before it made. */
const changes: readonly [name: string, input: object, selection: string, shown: object][] = [
  [
    "createAccount",
    { account: "77", alias: "new" },
    "account { accountId alias }",
    { account: { accountId: "77", alias: "new" } },
  ],
  [
    "createResourceGroup",
    { account: ACCOUNT, id: "rg-new", name: "new" },
    "resourceGroup { id name }",
    { resourceGroup: { id: "rg-new", name: "new" } },
  ],
  [
    "createUser",
    { account: ACCOUNT, name: "Eve", displayName: "Eve", tags: [{ key: "team", value: "x" }] },
    "user { arn displayName tags { key value } }",
    { user: { arn: user("Eve"), displayName: "Eve", tags: [{ key: "team", value: "x" }] } },
  ],
  [
    "createGroup",
    { account: ACCOUNT, name: "new", comments: "c" },
    "group { arn comments }",
    { group: { arn: group("new"), comments: "c" } },
  ],
  [
    "createRole",
    { account: ACCOUNT, name: "new", trustPolicy: TRUST, service: "ecs.aliyuncs.com" },
    "role { arn roleKind trustPolicy service }",
    { role: { arn: role("new"), roleKind: "SERVICE", trustPolicy: TRUST, service: "ecs.aliyuncs.com" } },
  ],
  [
    "addUserToGroup",
    { user: user("eve"), group: group("new") },
    "user { groups { nodes { name } } } group { members { totalCount } }",
    { user: { groups: { nodes: [{ name: "new" }] } }, group: { members: { totalCount: 1 } } },
  ],
  [
    "removeUserFromGroup",
    { user: user("eve"), group: group("new") },
    "user { groups { totalCount } }",
    { user: { groups: { totalCount: 0 } } },
  ],
  [
    "createPolicy",
    { account: ACCOUNT, name: "New", document: DOCUMENT, description: "d" },
    "policy { arn document description }",
    { policy: { arn: policy("New"), document: DOCUMENT, description: "d" } },
  ],
  [
    "createPolicyVersion",
    { policy: policy("new"), document: JSON.stringify(DOCUMENT), rotateStrategy: "NONE" },
    "policyVersion { version isDefault document } policy { versions { totalCount } }",
    { policyVersion: { version: "v2", isDefault: false, document: DOCUMENT }, policy: { versions: { totalCount: 2 } } },
  ],
  [
    "setDefaultPolicyVersion",
    { policy: policy("new"), version: "v2" },
    "policy { defaultVersion { version } }",
    { policy: { defaultVersion: { version: "v2" } } },
  ],
  [
    "attachPolicy",
    { policy: policy("new"), principal: user("eve"), resourceGroup: "rg-new", expiresAt: "2031-02-03T04:05:06+08:00" },
    "attachment { policy { name } principal { arn } scope { kind resourceGroup { id } } expiresAt }",
    {
      attachment: {
        policy: { name: "New" },
        principal: { arn: user("Eve") },
        scope: { kind: "RESOURCE_GROUP", resourceGroup: { id: "rg-new" } },
        expiresAt: "2031-02-02T20:05:06.000Z",
      },
    },
  ],
  [
    "detachPolicy",
    { policy: policy("new"), principal: user("eve"), resourceGroup: "rg-new" },
    "policy { attachmentCount } principal { arn }",
    { policy: { attachmentCount: 0 }, principal: { arn: user("Eve") } },
  ],
  [
    "registerKey",
    { arn: key("key-new"), tags: [{ key: "a", value: "b" }], spec: "Aliyun_AES_256" },
    "key { arn state spec tags { key value } }",
    { key: { arn: key("key-new"), state: "ENABLED", spec: "Aliyun_AES_256", tags: [{ key: "a", value: "b" }] } },
  ],
  [
    "registerSecret",
    { arn: `acs:kms:cn-hangzhou:${ACCOUNT}:secret/new`, type: "Generic", encryptionKey: key("key-new") },
    "secret { name type encryptionKey { arn } }",
    { secret: { name: "new", type: "Generic", encryptionKey: { arn: key("key-new") } } },
  ],
  [
    "registerAlias",
    { arn: `acs:kms:cn-hangzhou:${ACCOUNT}:alias/new`, key: key("key-new") },
    "alias { name key { keyId } }",
    { alias: { name: "alias/new", key: { keyId: "key-new" } } },
  ],
  [
    "tagResource",
    { resource: key("key-new"), tags: [{ key: "c", value: "d" }] },
    "resource { tags { key } } principal { arn }",
    { resource: { tags: [{ key: "a" }, { key: "c" }] }, principal: null },
  ],
  [
    "untagResource",
    { resource: user("eve"), tagKeys: ["team"] },
    "resource { arn } principal { tags { key } }",
    { resource: null, principal: { tags: [] } },
  ],
  [
    "moveToResourceGroup",
    { resource: key("key-new"), resourceGroup: "rg-new" },
    "resource { resourceGroup { id } }",
    { resource: { resourceGroup: { id: "rg-new" } } },
  ],
  [
    "moveToResourceGroup",
    { resource: key("key-new"), resourceGroup: null },
    "resource { resourceGroup { id } }",
    { resource: { resourceGroup: null } },
  ],
  ["updateAccount", { account: "77", alias: "newer" }, "account { alias }", { account: { alias: "newer" } }],
  [
    "updateResourceGroup",
    { account: ACCOUNT, resourceGroup: "rg-new", name: "newer" },
    "resourceGroup { id name }",
    { resourceGroup: { id: "rg-new", name: "newer" } },
  ],
  [
    "updateUser",
    { user: user("eve"), newName: "Evelyn", displayName: null },
    "user { arn name displayName }",
    { user: { arn: user("Evelyn"), name: "Evelyn", displayName: null } },
  ],
  [
    "updateGroup",
    { group: group("new"), newName: "newer", comments: "d" },
    "group { arn comments }",
    { group: { arn: group("newer"), comments: "d" } },
  ],
  [
    "updateRole",
    { role: role("new"), description: "r", maxSessionDuration: 7200 },
    "role { arn description maxSessionDuration trustPolicy }",
    { role: { arn: role("new"), description: "r", maxSessionDuration: 7200, trustPolicy: TRUST } },
  ],
  [
    "updatePolicy",
    { policy: policy("new"), description: "e" },
    "policy { description }",
    { policy: { description: "e" } },
  ],
  [
    "deletePolicyVersion",
    { policy: policy("new"), version: "v1" },
    "policy { versions { nodes { version } } }",
    { policy: { versions: { nodes: [{ version: "v2" }] } } },
  ],
  [
    "attachPolicies",
    {
      attachments: [
        { policy: policy("new"), principal: user("evelyn"), expiresAt: "2031-02-03T04:05:06+08:00" },
        { policy: policy("new"), principal: group("newer"), resourceGroup: "rg-new" },
      ],
    },
    "changedCount attachments { principal { arn } expiresAt resourceGroup { id } }",
    {
      changedCount: 2,
      attachments: [
        { principal: { arn: user("Evelyn") }, expiresAt: "2031-02-02T20:05:06.000Z", resourceGroup: null },
        { principal: { arn: group("newer") }, expiresAt: null, resourceGroup: { id: "rg-new" } },
      ],
    },
  ],
  [
    "detachPolicies",
    {
      attachments: [
        { policy: policy("new"), principal: user("evelyn") },
        { policy: policy("new"), principal: group("newer"), resourceGroup: "rg-new" },
        { policy: policy("new"), principal: group("newer") },
      ],
    },
    "changedCount detachments { policy { name } principal { arn } scope { kind resourceGroup { id } } changed }",
    {
      changedCount: 2,
      detachments: [
        { policy: { name: "New" }, principal: { arn: user("Evelyn") }, scope: { kind: "ACCOUNT" }, changed: true },
        { principal: { arn: group("newer") }, scope: { resourceGroup: { id: "rg-new" } }, changed: true },
        { principal: { arn: group("newer") }, scope: { kind: "ACCOUNT", resourceGroup: null }, changed: false },
      ],
    },
  ],
  [
    "updateKey",
    { key: key("key-new"), state: "DISABLED", spec: null },
    "key { state spec }",
    { key: { state: "DISABLED", spec: null } },
  ],
  [
    "updateSecret",
    { secret: secret("new"), encryptionKey: null, type: "Rds" },
    "secret { type encryptionKey { arn } }",
    { secret: { type: "Rds", encryptionKey: null } },
  ],
  [
    "updateAlias",
    { alias: alias("new"), key: APOLLO_KEY },
    "alias { key { arn } }",
    { alias: { key: { arn: APOLLO_KEY } } },
  ],
  ["deregisterAlias", { alias: alias("new") }, "deletedArn", { deletedArn: alias("new") }],
  ["deregisterSecret", { secret: secret("new") }, "deletedArn", { deletedArn: secret("new") }],
  ["deregisterKey", { key: key("key-new") }, "deletedArn", { deletedArn: key("key-new") }],
  ["deletePolicy", { policy: policy("NEW") }, "deletedArn", { deletedArn: policy("New") }],
  ["deleteRole", { role: role("new") }, "deletedArn", { deletedArn: role("new") }],
  ["deleteGroup", { group: group("newer") }, "deletedArn", { deletedArn: group("newer") }],
  ["deleteUser", { user: user("evelyn") }, "deletedArn", { deletedArn: user("Evelyn") }],
  [
    "deleteResourceGroup",
    { account: ACCOUNT, resourceGroup: "rg-new" },
    "deletedArn",
    { deletedArn: `acs:resourcemanager::${ACCOUNT}:resourcegroup/rg-new` },
  ],
];

describe("changes", () => {
  it.each(changes)("%s shows what it made", async (name, input, selection, shown) => {
    const payload = await change(name, input, selection);
    expect(payload).toMatchObject({
      ...shown,
      userErrors: [],
      changed: true,
      revision: expect.stringMatching(/^v1\./),
    });
  });

  it("a dry run shows nothing new and leaves nothing", async () => {
    const payload = await change("createUser", { account: ACCOUNT, name: "frank", dryRun: true }, "user { arn }");
    expect(payload).toMatchObject({ user: null, userErrors: [], changed: true });
    expect(await fixture.ask(`{ principal(arn: "${user("frank")}") { arn } }`)).toEqual({ principal: null });
  });

  it("an import shows its plan and its warnings", async () => {
    const snapshot = JSON.parse(readFileSync(new URL("../../examples/demo-account.json", import.meta.url), "utf8"));
    snapshot.users.push({ name: "grace" });
    const selection =
      "account { accountId } plan { account counts { kind created updated deleted } } warnings { code message pointer }";
    const payload = await change("importAccount", { account: ACCOUNT, snapshot, mode: "MERGE" }, selection);
    expect(payload).toMatchObject({ account: { accountId: ACCOUNT }, userErrors: [], changed: true });
    expect(payload.plan).toEqual({
      account: "KEEP",
      counts: [{ kind: "PRINCIPAL", created: 1, updated: 0, deleted: 0 }],
    });
    const again = await change("importAccount", { account: ACCOUNT, snapshot, mode: "MERGE" }, selection);
    expect(again).toMatchObject({ changed: false, plan: { counts: [] } });
  });
});

describe("user errors", () => {
  it("are of their own types", async () => {
    const [plain] = (await change("createUser", { account: ACCOUNT, name: "BOB" }, "user { arn }")).userErrors;
    expect(plain).toMatchObject({
      __typename: "PlainUserError",
      code: "ENTITY_ALREADY_EXISTS_USER",
      pointer: null,
      line: null,
    });
    const text = '{\n "Version": "1",\n "Statement": [{ "Effect": "allow " }] }';
    const malformed = await change(
      "createPolicy",
      { account: ACCOUNT, name: "Broken", document: text },
      "policy { arn }",
    );
    expect(malformed).toMatchObject({ policy: null, changed: false, revision: null });
    for (const error of malformed.userErrors) {
      expect(error).toMatchObject({
        __typename: "MalformedPolicyDocumentError",
        code: "MALFORMED_POLICY_DOCUMENT",
        field: ["document"],
      });
      expect(error.line).toBeGreaterThan(0);
    }
    const { revision } = await change("attachPolicy", { policy: policy("ReadSecrets"), principal: user("bob") });
    await change("detachPolicy", { policy: policy("ReadSecrets"), principal: user("bob") });
    const conflict = await change("attachPolicy", {
      policy: policy("ReadSecrets"),
      principal: user("bob"),
      expectedRevision: revision,
    });
    expect(conflict.userErrors).toMatchObject([
      { __typename: "ConflictError", code: "CONFLICT", currentRevision: expect.stringMatching(/^v1\./) },
    ]);
  });

  it("name the length of a document that is malformed for its length too", async () => {
    const Statement = [{ Effect: "Allow", Action: "kms:*", Resource: "x".repeat(6_200) }];
    const { userErrors } = await change("createPolicy", {
      account: ACCOUNT,
      name: "Long",
      document: { Version: "1", Statement },
    });
    expect(userErrors.map(({ code }: { code: string }) => code)).toEqual([
      "INVALID_PARAMETER_POLICY_DOCUMENT_LENGTH",
      "MALFORMED_POLICY_DOCUMENT",
    ]);
  });

  it("a malformed ARN is refused as a whole", async () => {
    const document = `mutation { attachPolicy(input: { policy: "ReadSecrets", principal: "${user("bob")}" }) { changed } }`;
    expect(await fixture.fail(document)).toMatchObject({ code: "BAD_USER_INPUT" });
  });
});

describe("an instant", () => {
  it("that is none is refused as a whole", async () => {
    const document = `mutation { attachPolicy(input: {
      policy: "${policy("ReadSecrets")}", principal: "${user("bob")}", expiresAt: "2030-02-30T00:00:00Z" }) { changed } }`;
    expect(await fixture.fail(document)).toMatchObject({
      code: "BAD_USER_INPUT",
      message: expect.stringContaining("`expiresAt`"),
    });
  });
});

describe("a list of attachments", () => {
  const attachment = { policy: policy("ReadSecrets"), principal: user("bob") };

  it("names the item that an error is about", async () => {
    const attachments = [attachment, { ...attachment, policy: policy("none") }];
    const payload = await change("attachPolicies", { attachments }, "changedCount attachments { id }");
    expect(payload).toMatchObject({
      ...{ attachments: null, changedCount: 0, changed: false, revision: null },
      userErrors: [{ code: "ENTITY_NOT_EXIST_POLICY", field: ["attachments", "1", "policy"] }],
    });
  });

  it.each([
    ["an instant", { expiresAt: "2030-02-30T00:00:00Z" }, "/input/attachments/1/expiresAt"],
    ["an ARN", { principal: "bob" }, "/input/attachments/1"],
  ])("says where %s is malformed", async (_what, wrong, pointer) => {
    const document = "mutation ($input: AttachPoliciesInput!) { attachPolicies(input: $input) { changed } }";
    const attachments = [attachment, { ...attachment, ...wrong }];
    const { errors } = await fixture.run(document, { input: { attachments } });
    expect(errors).toMatchObject([{ extensions: { code: "BAD_USER_INPUT", pointer } }]);
  });

  it("on a dry run shows nothing that is new", async () => {
    const input = { attachments: [attachment], dryRun: true };
    const payload = await change("attachPolicies", input, "changedCount attachments { id }");
    expect(payload).toMatchObject({ attachments: [null], changedCount: 1, changed: true, userErrors: [] });
  });

  it("is answered again under its key, without what is gone by now", async () => {
    const input = { attachments: [attachment], idempotencyKey: "list" };
    expect((await change("attachPolicies", input, "attachments { id }")).attachments).toHaveLength(1);
    await change("detachPolicies", { attachments: [attachment] });
    const again = await change("attachPolicies", input, "changedCount attachments { id }");
    expect(again).toMatchObject({ attachments: [null], changedCount: 1, changed: true });
  });

  it("shows seven in the statements of one", async () => {
    for (const name of ["w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7"])
      await change("createUser", { account: ACCOUNT, name });
    const document = `mutation ($input: AttachPoliciesInput!) { attachPolicies(input: $input) {
      attachments { policy { name } principal { arn } resourceGroup { id } } } }`;
    const ask = async (names: readonly string[]) => {
      const attachments = names.map((name) => ({ ...attachment, principal: user(name), resourceGroup: "rg-apollo" }));
      const { statements, errors } = await fixture.run(document, { input: { attachments } });
      expect(errors).toEqual([]);
      return statements.length;
    };
    expect(await ask(["w1", "w2", "w3", "w4", "w5", "w6", "w7"])).toBe(await ask(["w0"]));
  });
});

describe("what follows a change in the same request", () => {
  it("sees it: payloads of later fields", async () => {
    const input = (resourceGroup: string) =>
      `(input: { resource: "${GEMINI_KEY}", resourceGroup: "${resourceGroup}" })`;
    const data = await fixture.ask(`mutation {
      there: moveToResourceGroup${input("rg-apollo")} { resource { resourceGroup { id } } }
      back: moveToResourceGroup${input("rg-gemini")} { resource { resourceGroup { id } } } }`);
    expect(data.there.resource.resourceGroup.id).toBe("rg-apollo");
    expect(data.back.resource.resourceGroup.id).toBe("rg-gemini");
  });

  it("and so does the next question", async () => {
    const question = `{ effectivePermissions(principal: "${user("carol")}", resource: "${APOLLO_KEY}", actions: ["kms:Decrypt"]) { cache permissions { outcome } } }`;
    const outcome = async () => (await fixture.ask(question)).effectivePermissions.permissions[0].outcome;
    const input = { policy: policy("ReadSecrets"), principal: user("carol") };
    expect(await outcome()).toBe("IMPLICIT_DENY");
    await change("attachPolicy", input);
    expect(await outcome()).toBe("ALLOW");
    await change("detachPolicy", input);
    expect(await outcome()).toBe("IMPLICIT_DENY");
  });
});
