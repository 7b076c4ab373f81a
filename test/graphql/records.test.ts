import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  ACCOUNT,
  APOLLO_ALIAS,
  APOLLO_KEY,
  APOLLO_SECRET,
  group,
  OLD_KEY,
  policy,
  role,
  user,
} from "../support/demo.js";
import { type Fixture, openFixture } from "./fixture.js";
import { createLargeAccount, nth } from "./scale.js";

const LARGE = "6000000000000006";
let fixture: Fixture;

beforeAll(async () => {
  fixture = await openFixture("demo");
  await createLargeAccount(fixture.db, LARGE, 30);
});
afterAll(() => fixture?.close());

const globalId = (type: string, key: string) => Buffer.from(`${type}:${key}`).toString("base64");

// biome-ignore lint/suspicious/noExplicitAny: rows of any connection
const nodesOf = (connection: { edges: { node: any }[] }) => connection.edges.map(({ node }) => node);

describe("a principal", () => {
  const PRINCIPAL = `query ($arn: Arn!) { principal(arn: $arn) { __typename id arn name kind account { accountId }
    attachments { totalCount edges { node { policy { name } scope { kind resourceGroup { id } } expiresAt } } }
    effectivePolicies { totalCount edges { node { policy { name } attachedTo { arn } } } }
    ... on User { displayName groups { totalCount edges { node { name } } } }
    ... on Group { comments members { totalCount edges { node { name } } } }
    ... on Role { roleKind service trustPolicy maxSessionDuration }
    ... on RoleSession { sessionName role { arn roleKind } } tags { key value } } }`;
  const read = async (arn: string) => (await fixture.ask(PRINCIPAL, { arn })).principal;

  it("can be a user, found without regard to case", async () => {
    const alice = await read(user("ALICE"));
    expect(alice).toMatchObject({ __typename: "User", arn: user("alice"), kind: "USER", displayName: "Alice" });
    expect(alice).toMatchObject({ account: { accountId: ACCOUNT }, tags: [{ key: "team", value: "platform" }] });
    expect(nodesOf(alice.groups)).toEqual([{ name: "kms-operators" }]);
    expect(alice.attachments).toEqual({ totalCount: 0, edges: [] });
    expect(nodesOf(alice.effectivePolicies)).toEqual([
      { policy: { name: "AccessAllKmsResources" }, attachedTo: { arn: group("kms-operators") } },
      { policy: { name: "NoKeyDeletionFromOutside" }, attachedTo: { arn: group("kms-operators") } },
    ]);
  });

  it("can be a group", async () => {
    const operators = await read(group("kms-operators"));
    expect(operators).toMatchObject({ __typename: "Group", kind: "GROUP", comments: "look after keys" });
    expect(nodesOf(operators.members)).toEqual([{ name: "alice" }, { name: "dave" }]);
    expect(operators.members.totalCount).toBe(2);
  });

  it("shows groups and members whatever it is", async () => {
    const document = `query ($arn: Arn!) { principal(arn: $arn) {
      groups { totalCount nodes { name } } members { totalCount nodes { name } } } }`;
    const none = { totalCount: 0, nodes: [] };
    const ask = async (arn: string) => (await fixture.ask(document, { arn })).principal;
    expect(await ask(user("alice"))).toEqual({
      groups: { totalCount: 1, nodes: [{ name: "kms-operators" }] },
      members: none,
    });
    expect(await ask(group("kms-operators"))).toMatchObject({ groups: none, members: { totalCount: 2 } });
    expect(await ask(role("deploy-bot"))).toEqual({ groups: none, members: none });
  });

  it("shows the scope of its attachments", async () => {
    const carol = await read(user("carol"));
    expect(nodesOf(carol.attachments)).toEqual([
      {
        policy: { name: "QueryAndUseKeys" },
        scope: { kind: "RESOURCE_GROUP", resourceGroup: { id: "rg-gemini" } },
        expiresAt: null,
      },
    ]);
  });

  it("can be a role, with its trust policy as an object", async () => {
    const bot = await read(role("deploy-bot"));
    expect(bot).toMatchObject({ __typename: "Role", kind: "ROLE", roleKind: "REGULAR", maxSessionDuration: 3600 });
    expect(bot.trustPolicy.Statement[0].Action).toBe("sts:AssumeRole");
    expect(nodesOf(bot.attachments)[0].expiresAt).toBe("2030-01-01T00:00:00.000Z");
    const linked = await read(role("AliyunServiceRoleForKMSSecretsManagerForRDS"));
    expect(linked).toMatchObject({ roleKind: "SERVICE_LINKED", service: "secretsmanager-rds.kms.aliyuncs.com" });
  });

  it("can be any session of a role, in every spelling", async () => {
    const arn = `acs:ram::${ACCOUNT}:assumed-role/deploy-bot/Run-1`;
    for (const spelling of [
      arn,
      `acs:ram::${ACCOUNT}:role/deploy-bot/Run-1`,
      `acs:sts::${ACCOUNT}:assumed-role/deploy-bot/Run-1`,
    ]) {
      const session = await read(spelling);
      expect(session).toMatchObject({ __typename: "RoleSession", arn, kind: "ROLE_SESSION", sessionName: "Run-1" });
      expect(session.role).toEqual({ arn: role("deploy-bot"), roleKind: "REGULAR" });
      expect(nodesOf(session.attachments)[0].policy).toEqual({ name: "ReadSecrets" });
      const again = await fixture.ask("query ($id: ID!) { node(id: $id) { __typename id ... on Principal { arn } } }", {
        id: session.id,
      });
      expect(again.node).toEqual({ __typename: "RoleSession", id: session.id, arn });
    }
    expect(await read(`acs:ram::${ACCOUNT}:assumed-role/no-such-role/Run-1`)).toBeNull();
  });

  it("can be the account owner", async () => {
    const arn = `acs:ram::${ACCOUNT}:root`;
    expect(await read(arn)).toMatchObject({ __typename: "AccountOwner", arn, kind: "ACCOUNT_OWNER", name: "root" });
  });

  it("is null when unknown and an error when malformed", async () => {
    expect(await read(user("mallory"))).toBeNull();
    expect(await fixture.fail(PRINCIPAL, { arn: "bob" })).toMatchObject({
      code: "BAD_USER_INPUT",
      message: expect.stringContaining("`bob`"),
    });
  });
});

describe("lists", () => {
  const page =
    "{ totalCount pageInfo { hasNextPage hasPreviousPage endCursor startCursor } edges { cursor node { name } } nodes { name } }";
  const PRINCIPALS = `query ($account: String = "${LARGE}", $first: Int, $last: Int, $after: String, $before: String, $kind: PrincipalKind, $nameContains: String) {
    principals(account: $account, first: $first, last: $last, after: $after, before: $before, kind: $kind, nameContains: $nameContains) ${page} }`;
  const list = async (variables: object) => (await fixture.ask(PRINCIPALS, { ...variables })).principals;

  it("page forwards through everything, once each, in stable order", async () => {
    const names: string[] = [];
    let after: string | null = null;
    do {
      const { nodes, pageInfo, totalCount } = await list({ first: 7, after });
      expect(totalCount).toBe(90);
      names.push(...nodes.map(({ name }: { name: string }) => name));
      after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    } while (after);
    expect(names).toHaveLength(90);
    expect(names).toEqual([...new Set(names)].sort());
  });

  it("page backwards", async () => {
    const end = await list({ last: 2 });
    expect(end.nodes.map(({ name }: { name: string }) => name)).toEqual([nth("user", 28), nth("user", 29)]);
    const before = await list({ last: 1, before: end.pageInfo.startCursor });
    expect(before.nodes).toEqual([{ name: nth("user", 27) }]);
  });

  it("hold 20 unless told and refuse more than 100, nested ones too", async () => {
    expect((await list({})).nodes).toHaveLength(20);
    expect(await fixture.fail(PRINCIPALS, { first: 101 })).toMatchObject({
      code: "BAD_USER_INPUT",
      message: expect.stringContaining("`101`"),
    });
    expect(await fixture.fail(PRINCIPALS, { first: -1 })).toMatchObject({ code: "BAD_USER_INPUT" });
    expect(await fixture.fail(PRINCIPALS, { first: 1, after: "bad cursor" })).toMatchObject({ code: "BAD_USER_INPUT" });
    const nested = `{ principal(arn: "${user("bob")}") { attachments(first: 101) { totalCount } } }`;
    expect(await fixture.fail(nested)).toMatchObject({ code: "BAD_USER_INPUT" });
    const effective = `{ principal(arn: "${user("bob")}") { effectivePolicies(first: 101) { totalCount } } }`;
    expect(await fixture.fail(effective)).toMatchObject({ code: "BAD_USER_INPUT" });
  });

  it("filter principals by kind and by a literal part of the name", async () => {
    expect((await list({ kind: "GROUP" })).totalCount).toBe(30);
    expect((await list({ kind: "ACCOUNT_OWNER" })).nodes).toEqual([{ name: "root" }]);
    expect((await list({ kind: "ROLE_SESSION" })).totalCount).toBe(0);
    expect((await list({ nameContains: "USER-00" })).totalCount).toBe(10);
    expect((await list({ nameContains: "user_00" })).totalCount).toBe(0);
    expect((await list({ nameContains: "%" })).totalCount).toBe(0);
    expect((await list({ nameContains: "\\" })).totalCount).toBe(0);
  });

  it.each(["principals", "policies", "resources"])("%s of an unknown account are NOT_FOUND", async (field) => {
    for (const selection of ["edges { cursor }", "totalCount"]) {
      expect(await fixture.fail(`{ ${field}(account: "42") { ${selection} } }`)).toMatchObject({
        code: "NOT_FOUND",
        message: expect.stringContaining("`42`"),
      });
    }
  });

  it("refuse cursors that are none", async () => {
    const encoded = (text: string) => Buffer.from(text).toString("base64");
    for (const after of [
      "",
      "%",
      encoded("GPC:S:not-a-uuid"),
      encoded("GPC:N:5"),
      encoded("GPC:"),
      encoded("GPC:J:[1]"),
      encoded("GPC:J:null"),
      encoded("GPC:D:never"),
      encoded("x"),
    ]) {
      for (const list of [
        `policies(account: "${LARGE}", after: $after)`,
        `resources(account: "${LARGE}", after: $after)`,
        "accounts(after: $after)",
      ]) {
        const { errors } = await fixture.run(`query ($after: String) { ${list} { edges { cursor } } }`, { after });
        for (const { extensions } of errors) expect(extensions["code"]).toBe("BAD_USER_INPUT");
      }
      for (const field of ["attachments", "effectivePolicies", "... on User { groups"]) {
        const end = field.startsWith("...") ? "}" : "";
        const { errors } = await fixture.run(
          `query ($after: String) { principals(account: "${LARGE}", kind: USER, first: 2) { edges { node { ${field}(after: $after) { edges { cursor } } ${end} } } } }`,
          { after },
        );
        for (const { extensions } of errors) expect(extensions["code"]).toBe("BAD_USER_INPUT");
      }
    }
  });

  it("are counted from one end", async () => {
    const both = `{ principals(account: "${ACCOUNT}", first: 2, last: 2) { nodes { arn } } }`;
    expect(await fixture.fail(both)).toMatchObject({ code: "BAD_USER_INPUT" });
  });

  it("refuse or do not find names with a NUL character", async () => {
    for (const list of [
      "principals(account: $x)",
      `principals(account: "${LARGE}", nameContains: $x)`,
      `resources(account: "${LARGE}", resourceGroup: $x)`,
    ]) {
      const { errors } = await fixture.run(`query ($x: String!) { ${list} { totalCount edges { cursor } } }`, {
        x: "a\u0000b",
      });
      expect(errors.map(({ extensions }) => extensions["code"])).not.toContain("INTERNAL_SERVER_ERROR");
    }
  });

  it("can be asked for twice with different arguments", async () => {
    const { principals } = await fixture.ask(`{ principals(account: "${LARGE}", kind: USER, first: 2) { nodes {
      one: attachments(first: 1) { nodes { id } } all: attachments(first: 10) { totalCount nodes { id principal { name } } } } } }`);
    for (const { one, all } of principals.nodes) {
      expect(all).toMatchObject({ totalCount: 2, nodes: [one.nodes[0], {}] });
    }
    expect(principals.nodes.map((each: { all: { nodes: object[] } }) => each.all.nodes[1])).toMatchObject([
      { principal: { name: nth("user", 0) } },
      { principal: { name: nth("user", 1) } },
    ]);
  });

  it("page through memberships from both sides", async () => {
    const GROUPS = `query ($after: String) { principal(arn: "acs:ram::${LARGE}:user/${nth("user", 5)}") { ... on User {
      groups(first: 2, after: $after) ${page} } } }`;
    const first = (await fixture.ask(GROUPS)).principal.groups;
    expect(first).toMatchObject({ totalCount: 3, nodes: [{ name: nth("group", 5) }, { name: nth("group", 6) }] });
    const rest = (await fixture.ask(GROUPS, { after: first.pageInfo.endCursor })).principal.groups;
    expect(rest).toMatchObject({ totalCount: 3, nodes: [{ name: nth("group", 7) }], pageInfo: { hasNextPage: false } });
    const MEMBERS = `{ principal(arn: "acs:ram::${LARGE}:group/${nth("group", 5)}") { ... on Group { members(last: 2) ${page} } } }`;
    const last = (await fixture.ask(MEMBERS)).principal.members;
    expect(last).toMatchObject({ totalCount: 3, nodes: [{ name: nth("user", 4) }, { name: nth("user", 5) }] });
  });

  it("page through policies in force", async () => {
    const EFFECTIVE = `query ($after: String) { principal(arn: "acs:ram::${LARGE}:user/${nth("user", 5)}") {
      effectivePolicies(first: 5, after: $after) { totalCount pageInfo { hasNextPage endCursor } nodes { scope { kind } attachedTo { name } policy { name } } } } }`;
    const first = (await fixture.ask(EFFECTIVE)).principal.effectivePolicies;
    expect(first.totalCount).toBe(8);
    const rest = (await fixture.ask(EFFECTIVE, { after: first.pageInfo.endCursor })).principal.effectivePolicies;
    const all = [...first.nodes, ...rest.nodes].map((each) => JSON.stringify(each));
    expect(new Set(all).size).toBe(8);
    expect(rest.pageInfo.hasNextPage).toBe(false);
  });

  it("hold accounts with their resource groups", async () => {
    const { accounts } = await fixture.ask(
      "{ accounts { nodes { accountId alias resourceGroups { totalCount nodes { id name } } } } }",
    );
    expect(accounts.nodes[0]).toEqual({
      accountId: ACCOUNT,
      alias: "acme",
      resourceGroups: {
        totalCount: 2,
        nodes: [
          { id: "rg-apollo", name: "apollo" },
          { id: "rg-gemini", name: "gemini" },
        ],
      },
    });
  });

  it("filter resources by type, tag and resource group", async () => {
    const arns = async (filter: string) => {
      const { resources } = await fixture.ask(`{ resources(account: "${ACCOUNT}" ${filter}) { nodes { arn } } }`);
      return resources.nodes.map(({ arn }: { arn: string }) => arn);
    };
    expect(await arns("type: ALIAS")).toEqual([APOLLO_ALIAS]);
    expect(await arns('tag: { key: "Project", value: "apollo" }')).toEqual([APOLLO_KEY]);
    expect(await arns('tag: { key: "Project" } type: SECRET')).toEqual([APOLLO_SECRET]);
    expect(await arns('resourceGroup: "rg-apollo"')).toEqual([APOLLO_KEY, APOLLO_SECRET]);
  });
});

describe("a policy", () => {
  const POLICY = `query ($arn: Arn!) { policy(arn: $arn) { __typename id arn name type description document account { accountId }
    defaultVersion { version isDefault document } versions { totalCount nodes { version } } attachmentCount
    attachments { nodes { principal { arn } } } } }`;

  it("shows its document and holders", async () => {
    const { policy: shown } = await fixture.ask(POLICY, { arn: policy("USEAPOLLOKEYS") });
    expect(shown).toMatchObject({
      name: "UseApolloKeys",
      type: "CUSTOM",
      attachmentCount: 1,
      account: { accountId: ACCOUNT },
    });
    expect(shown.document.Statement[0].Condition.StringEqualsIgnoreCase).toEqual({ "kms:tag/Project": ["Apollo"] });
    expect(shown.defaultVersion).toEqual({ version: "v1", isDefault: true, document: shown.document });
    expect(shown.attachments.nodes).toEqual([{ principal: { arn: group("apollo-developers") } }]);
  });

  it("can be built in", async () => {
    const arn = "acs:ram::system:policy/AliyunKMSFullAccess";
    const { policy: shown } = await fixture.ask(POLICY, { arn });
    expect(shown).toMatchObject({ arn, type: "SYSTEM", account: null, attachmentCount: 0 });
  });

  it("is null for ARNs that name none", async () => {
    for (const arn of [policy("None"), user("bob"), APOLLO_KEY, "*"]) {
      expect(await fixture.ask(POLICY, { arn })).toEqual({ policy: null });
    }
    expect(await fixture.fail(POLICY, { arn: "ReadSecrets" })).toMatchObject({ code: "BAD_USER_INPUT" });
  });

  it("is listed once, as the account overrides it", async () => {
    const name = "AliyunKMSFullAccess";
    const names = async () => {
      const { policies } = await fixture.ask(
        `{ policies(account: "${LARGE}", type: SYSTEM, first: 100) { totalCount nodes { name account { accountId } } } }`,
      );
      expect(policies.totalCount).toBe(policies.nodes.length);
      return policies.nodes;
    };
    const before = await names();
    expect(before).toContainEqual({ name, account: null });
    const arn = `acs:ram::system:policy/${name}`;
    await fixture.db.policy.create({
      data: { accountId: LARGE, type: "SYSTEM", name, nameKey: name.toLowerCase(), arn },
    });
    const after = await names();
    expect(after).toHaveLength(before.length);
    expect(after).toContainEqual({ name, account: { accountId: LARGE } });
    expect(after).not.toContainEqual({ name, account: null });
  });
});

describe("a resource", () => {
  const RESOURCE = `query ($arn: Arn!) { resource(arn: $arn) { __typename id arn region account { accountId } resourceGroup { id } tags { key value }
    ... on Key { keyId state spec usage origin aliases { nodes { name } } secrets { totalCount nodes { name } } }
    ... on Secret { name type encryptionKey { arn } } ... on Alias { name key { keyId } } } }`;
  const read = async (arn: string) => (await fixture.ask(RESOURCE, { arn })).resource;

  it("can be a key, a secret or an alias", async () => {
    expect(await read(APOLLO_KEY)).toMatchObject({
      __typename: "Key",
      keyId: "key-apollo-01",
      state: "ENABLED",
      resourceGroup: { id: "rg-apollo" },
      tags: [{ key: "Project", value: "apollo" }],
      aliases: { nodes: [{ name: "alias/apollo" }] },
      secrets: { totalCount: 1, nodes: [{ name: "apollo/db" }] },
    });
    expect(await read(APOLLO_SECRET)).toMatchObject({
      __typename: "Secret",
      name: "apollo/db",
      type: "Generic",
      encryptionKey: { arn: APOLLO_KEY },
    });
    expect(await read(APOLLO_ALIAS)).toMatchObject({
      __typename: "Alias",
      name: "alias/apollo",
      key: { keyId: "key-apollo-01" },
    });
    expect(await read(OLD_KEY)).toMatchObject({
      region: "cn-shanghai",
      state: "PENDING_DELETION",
      resourceGroup: null,
    });
    expect(await read(`${APOLLO_KEY}x`)).toBeNull();
    expect(await fixture.fail(RESOURCE, { arn: "key-apollo-01" })).toMatchObject({ code: "BAD_USER_INPUT" });
  });
});

describe("nodes", () => {
  const NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";

  it("come back by id as what they were", async () => {
    const { principals, policies, resources, accounts } = await fixture.ask(`{
      principals(account: "${ACCOUNT}", first: 100) { nodes { __typename id attachments { nodes { __typename id } } } }
      policies(account: "${ACCOUNT}", first: 100) { nodes { __typename id defaultVersion { __typename id } } }
      resources(account: "${ACCOUNT}") { nodes { __typename id } } accounts { nodes { __typename id } } }`);
    const nodes = [
      ...principals.nodes.flatMap((each: { attachments: { nodes: object[] } }) => [each, ...each.attachments.nodes]),
      ...policies.nodes.flatMap((each: { defaultVersion: object }) => [each, each.defaultVersion]),
      ...resources.nodes,
      ...accounts.nodes,
    ].map(({ __typename, id }) => ({ __typename, id }));
    expect(new Set(nodes.map(({ __typename }) => __typename))).toEqual(
      new Set(["User", "Group", "Role", "Attachment", "Policy", "PolicyVersion", "Key", "Secret", "Alias", "Account"]),
    );
    for (let start = 0; start < nodes.length; start += 100) {
      const expected = nodes.slice(start, start + 100);
      expect((await fixture.ask(NODES, { ids: expected.map(({ id }) => id) })).nodes).toEqual(expected);
    }
  });

  it("never change their type, and are null when gone", async () => {
    const bob = await fixture.db.principal.findUniqueOrThrow({ where: { arnKey: user("bob") } });
    const ids = [
      globalId("Group", bob.id),
      globalId("User", bob.id),
      globalId("User", "00000000-0000-0000-0000-000000000000"),
      globalId("Policy", "not-a-uuid"),
    ];
    const { nodes } = await fixture.ask(NODES, { ids });
    expect(nodes).toEqual([null, { __typename: "User", id: ids[1] }, null, null]);
  });

  it("are refused for ids of nobody's and for too many", async () => {
    for (const id of [
      "AAAA",
      "",
      globalId("Nothing", "1"),
      globalId("Query", "1"),
      globalId("Principal", "1"),
      globalId("RoleSession", "x"),
      globalId("Account", "\0"),
    ]) {
      expect(await fixture.fail("query ($id: ID!) { node(id: $id) { id } }", { id })).toMatchObject({
        code: "BAD_USER_INPUT",
      });
    }
    expect(await fixture.fail(NODES, { ids: Array(101).fill(globalId("User", "1")) })).toMatchObject({
      code: "BAD_USER_INPUT",
    });
  });
});

describe("a resource group whose id holds a slash", () => {
  it("is not taken for the one before the slash", async () => {
    const snapshot = {
      version: 1,
      account: { id: "88" },
      resourceGroups: [
        { id: "a", name: "a" },
        { id: "a/b", name: "a/b" },
      ],
      users: [{ name: "eve" }],
      attachments: [{ policy: { type: "SYSTEM", name: "AdministratorAccess" }, principal: "user/eve", scope: "a/b" }],
    };
    const { importAccount } = await fixture.ask(
      'mutation ($snapshot: JSON!) { importAccount(input: { account: "88", snapshot: $snapshot, mode: MERGE }) { changed } }',
      { snapshot },
    );
    expect(importAccount.changed).toBe(true);
    const { principal } = await fixture.ask(
      '{ principal(arn: "acs:ram::88:user/eve") { attachments { nodes { scope { resourceGroup { id } } } } } }',
    );
    expect(principal.attachments.nodes).toEqual([{ scope: { resourceGroup: { id: "a/b" } } }]);
  });
});
