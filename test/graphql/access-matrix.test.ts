import { parse, subscribe } from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Caller } from "../../src/domain/caller.js";
import { createContext } from "../../src/graphql/context.js";
import { buildSchema } from "../../src/graphql/schema.js";
import { AWAY, BUILT_IN, CALLERS, CANARIES, canariesIn, createWorld, HOME, type Place, SEEN } from "./access-world.js";
import { type Fixture, OPERATOR, openFixture } from "./fixture.js";

let fixture: Fixture;
const ids: Record<string, string> = {};
beforeAll(async () => {
  fixture = await openFixture();
  await createWorld(fixture);
  for (const at of [HOME, AWAY]) Object.assign(ids, await findIds(at));
});
afterAll(() => fixture?.close());

/** Ids of one node of each type, by account and type. */
async function findIds(at: Place): Promise<Record<string, string>> {
  const { principals, policies, resources, auditEvents, accounts, sessions, keys } = await fixture.ask(
    `query ($account: String!, $session: Arn!) {
      accounts { nodes { id accountId } }
      principals(account: $account) { nodes { __typename id attachments { nodes { __typename id } } } }
      policies(account: $account, type: CUSTOM) { nodes { __typename id versions { nodes { __typename id } } } }
      resources(account: $account) { nodes { __typename id } }
      auditEvents(account: $account) { nodes { __typename id } }
      keys: apiKeys(account: $account) { nodes { __typename id } }
      sessions: principal(arn: $session) { __typename id }
    }`,
    { account: at.account, session: at.session },
  );
  const nodes = [
    ...principals.nodes,
    ...policies.nodes,
    ...resources.nodes,
    ...auditEvents.nodes,
    ...keys.nodes,
    sessions,
  ];
  const below = nodes.flatMap(({ attachments, versions }) => (attachments ?? versions)?.nodes ?? []);
  const account = accounts.nodes.find(({ accountId }: { accountId: string }) => accountId === at.account);
  const all: { __typename: string; id: string }[] = [...nodes, ...below, { __typename: "Account", id: account.id }];
  return Object.fromEntries(all.map(({ __typename, id }) => [`${at.account} ${__typename}`, id]));
}

const encode = (typename: string, key: string) => Buffer.from(`${typename}:${key}`).toString("base64");
const nodeId = (at: Place, typename: string, exists: boolean): string => {
  const id = ids[`${at.account} ${typename}`];
  if (id === undefined) throw new Error(`there is no ${typename}`);
  if (exists) return id;
  const [, key = ""] = Buffer.from(id, "base64").toString().split(/:(.*)/s);
  return encode(
    typename,
    typename === "RoleSession" ? key.replace("/run1", "x/run1") : key.replace(/^........-/, "00000000-"),
  );
};

interface Sample {
  readonly query: string;
  readonly variables: object;
}
type Expected = "DATA" | "NULL" | "FORBIDDEN" | "NOT_FOUND";
interface Row {
  /** What it asks of a place: of what is there, or of what is not. */
  readonly sample: (at: Place, exists: boolean) => Sample;
  /** What comes of it for callers with the permission, where nothing is there. */
  readonly missing: Expected;
  /** What comes of it in another account; default FORBIDDEN. */
  readonly foreign?: Expected;
  /** What comes of it without permission; default FORBIDDEN. */
  readonly refused?: Expected;
}

const LIST = (field: string, selection: string): Row => ({
  sample: ({ account }) => ({
    query: `query ($account: String!) { ${field}(account: $account, first: 2) { totalCount nodes { ${selection} } } }`,
    variables: { account },
  }),
  missing: "DATA",
});
const missingName = (arn: string) => arn.replace("zq", "xx");
const BY_ARN = (field: string, arnIn: (at: Place) => string): Row => ({
  sample: (at, exists) => ({
    query: `query ($arn: Arn!) { ${field}(arn: $arn) { __typename } }`,
    variables: { arn: exists ? arnIn(at) : missingName(arnIn(at)) },
  }),
  missing: "NULL",
});
const ASKED = (query: string): Row => ({
  sample: (at, exists) => {
    const principal = exists ? at.user("kim") : missingName(at.user("kim"));
    const input = { principal, action: "kms:Decrypt", resource: at.key };
    const variables = { principal, resource: at.key, input, inputs: [input] };
    const used = Object.entries(variables).filter(([name]) => query.includes(`$${name}`));
    return { query, variables: Object.fromEntries(used) };
  },
  missing: "NOT_FOUND",
});

/** How each query is asked about a place. A new query needs a row here. */
const ROWS: Readonly<Record<string, Row>> = {
  accessMatrix: {
    ...ASKED(
      'query ($principal: Arn!, $resource: Arn!) { accessMatrix(principals: [$principal], resources: [$resource], actions: ["kms:Decrypt"]) { cells { outcome error { code message } } } }',
    ),
  },
  accounts: {
    sample: () => ({ query: "{ accounts { totalCount nodes { accountId alias } } }", variables: {} }),
    ...{ missing: "DATA", foreign: "DATA" },
  },
  apiKey: {
    sample: (at, exists) => ({
      query: "query ($id: ID!) { apiKey(id: $id) { keyId } }",
      variables: {
        id: exists
          ? Buffer.from(nodeId(at, "ApiKey", true), "base64")
              .toString()
              .slice(7)
          : "0123456789abcdef",
      },
    }),
    ...{ missing: "NULL", foreign: "NULL", refused: "NULL" },
  },
  apiKeys: { ...LIST("apiKeys", "keyId"), missing: "DATA", refused: "DATA" },
  auditEvents: LIST("auditEvents", "id"),
  canPerform: ASKED(
    'query ($principal: Arn!, $resource: Arn!) { canPerform(principal: $principal, operation: "Decrypt", targets: { key: $resource }) { outcome } }',
  ),
  checkAccess: ASKED("query ($input: AccessCheckInput!) { checkAccess(input: $input) { outcome reason } }"),
  checkAccessBatch: ASKED(
    "query ($inputs: [AccessCheckInput!]!) { checkAccessBatch(inputs: $inputs) { ... on Decision { outcome } ... on AccessCheckError { code message } } }",
  ),
  decisionLog: LIST("decisionLog", "principal"),
  effectivePermissions: ASKED(
    "query ($principal: Arn!, $resource: Arn!) { effectivePermissions(principal: $principal, resource: $resource) { permissions { action outcome reason } } }",
  ),
  exportAccount: {
    sample: ({ account }) => ({
      query: "query ($account: String!) { exportAccount(account: $account) }",
      variables: { account },
    }),
    missing: "DATA",
  },
  lintPolicy: {
    sample: () => ({ query: '{ lintPolicy(document: "{}") { code } }', variables: {} }),
    ...{ missing: "DATA", foreign: "DATA", refused: "DATA" },
  },
  node: {
    sample: (at, exists) => ({
      query: "query ($id: ID!) { node(id: $id) { __typename } }",
      variables: { id: nodeId(at, "Key", exists) },
    }),
    ...{ missing: "NULL", foreign: "NULL" },
  },
  nodes: {
    sample: (at, exists) => ({
      query: "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }",
      variables: { ids: [nodeId(at, "Key", exists)] },
    }),
    ...{ missing: "NULL", foreign: "NULL" },
  },
  policies: LIST("policies", "arn"),
  policy: BY_ARN("policy", ({ policy }) => policy("sparepol")),
  principal: BY_ARN("principal", ({ group }) => group.replace("opsz", "kimz").replace("group/", "user/")),
  principals: LIST("principals", "arn"),
  resource: BY_ARN("resource", ({ key }) => key),
  resources: LIST("resources", "arn"),
  whatCan: ASKED(
    'query ($principal: Arn!) { whatCan(principal: $principal, action: "kms:Decrypt") { totalCount nodes { resource decision { reason } } } }',
  ),
  whoCan: {
    ...ASKED(
      'query ($resource: Arn!) { whoCan(action: "kms:Decrypt", resource: $resource) { totalCount nodes { arn decision { reason } } } }',
    ),
    missing: "DATA",
  },
  viewer: {
    sample: () => ({ query: "{ viewer { kind principal { arn } } }", variables: {} }),
    ...{ missing: "DATA", foreign: "DATA", refused: "DATA" },
  },
};
const FIELDS = Object.keys(buildSchema().getQueryType()?.getFields() ?? {});
const PERMITTED: ReadonlySet<string> = new Set(["owner", "admin"]);
const STRICT_ANYWAY = new Set(["apiKey", "apiKeys"]);

async function outcomeOf(field: string, { query, variables }: Sample, caller: Caller) {
  const { data, errors } = await fixture.run(query, variables as Record<string, unknown>, caller);
  const [code] = errors.map(({ extensions }) => extensions["code"]);
  const value = data?.[field];
  const first = Array.isArray(value) && !field.startsWith("lint") ? value[0] : value;
  const outcome = code ?? first?.code ?? first?.cells?.[0]?.error?.code ?? (first === null ? "NULL" : "DATA");
  return { outcome, bytes: JSON.stringify({ data, errors }) };
}

function expectedOf(field: string, who: string, exists: boolean, foreign: boolean): Expected {
  const { missing, foreign: abroad = "FORBIDDEN", refused = "FORBIDDEN" } = ROWS[field] as Row;
  if (STRICT_ANYWAY.has(field)) return foreign ? abroad : refused;
  if (!PERMITTED.has(who)) return refused === "FORBIDDEN" ? "FORBIDDEN" : refused;
  if (foreign) return abroad;
  return exists ? "DATA" : missing;
}

it("there is a row for each query", () => {
  expect(FIELDS.filter((field) => ROWS[field] === undefined)).toEqual([]);
});

const WHO = ["owner", "admin", "user", "nobody", "session"] as const;

describe.each(FIELDS)("%s", (field) => {
  const row = ROWS[field] as Row;

  it("answers operators about everything", async () => {
    const caller = { kind: "OPERATOR", credentialId: "o" } as const;
    for (const at of [HOME, AWAY]) {
      expect((await outcomeOf(field, row.sample(at, true), caller)).outcome).toBe("DATA");
      expect((await outcomeOf(field, row.sample(at, false), caller)).outcome).toBe(row.missing);
    }
  });

  it.each(WHO)("answers %s as it should", async (who) => {
    for (const [at, exists] of [
      ...[[HOME, true] as const, [HOME, false] as const],
      ...[[AWAY, true] as const, [AWAY, false] as const],
    ]) {
      const { outcome } = await outcomeOf(field, row.sample(at, exists), CALLERS[who]);
      expect([at.account, exists, outcome]).toEqual([at.account, exists, expectedOf(field, who, exists, at === AWAY)]);
    }
  });

  it.each([...WHO, "stranger"] as const)(
    "tells %s nothing of another account, nor whether it is there",
    async (who) => {
      const foreign = who === "stranger" ? HOME : AWAY;
      const [there, missing] = [
        await outcomeOf(field, row.sample(foreign, true), CALLERS[who]),
        await outcomeOf(field, row.sample(foreign, false), CALLERS[who]),
      ];
      expect(there.bytes).toBe(missing.bytes);
      expect(canariesIn(there.bytes, foreign)).toEqual([]);
    },
  );

  it.each(["user", "nobody", "session"] as const)("looks the same to %s whether it is there or not", async (who) => {
    const [there, missing] = [
      await outcomeOf(field, row.sample(HOME, true), CALLERS[who]),
      await outcomeOf(field, row.sample(HOME, false), CALLERS[who]),
    ];
    if (field !== "apiKeys") expect(there.bytes).toBe(missing.bytes);
    const hidden = CANARIES.filter((canary) => !SEEN[who].includes(canary));
    expect(canariesIn(there.bytes, HOME).filter((canary) => hidden.includes(canary))).toEqual([]);
  });
});

/** How each subscription is asked for; whoever may not have it is refused before it begins. */
const STREAMS: Readonly<Record<string, string>> = {
  grantChanges: "subscription ($account: String!) { grantChanges(account: $account) { event { action } } }",
};
const SUBSCRIPTIONS = Object.keys(buildSchema().getSubscriptionType()?.getFields() ?? {});

it("there is a row for each subscription", () => {
  expect(SUBSCRIPTIONS.filter((field) => STREAMS[field] === undefined)).toEqual([]);
  expect(SUBSCRIPTIONS).not.toEqual([]);
});

describe.each(SUBSCRIPTIONS)("the subscription %s", (field) => {
  const begin = async (account: string, caller: Caller) => {
    const gone = new AbortController();
    const presence = { gone: gone.signal, isSignedIn: async () => true };
    const contextValue = createContext(fixture.services, caller, "request-1", presence);
    const document = parse(STREAMS[field] ?? "");
    const begun = await subscribe({ schema: buildSchema(), document, variableValues: { account }, contextValue });
    gone.abort();
    return Symbol.asyncIterator in begun ? "DATA" : JSON.stringify(begun);
  };

  it.each([...WHO, "stranger"] as const)("answers %s as it should", async (who) => {
    const home = await begin(HOME.account, CALLERS[who]);
    expect(home === "DATA").toBe(PERMITTED.has(who));
    if (home !== "DATA") expect(home).toContain("FORBIDDEN");
    const abroad = who === "stranger" ? HOME : AWAY;
    expect(await begin(abroad.account, CALLERS[who])).toBe(await begin("4242", CALLERS[who]));
    expect(await begin(abroad.account, CALLERS[who])).toContain("FORBIDDEN");
  });

  it("answers operators about everything", async () => {
    for (const at of [HOME, AWAY]) expect(await begin(at.account, OPERATOR)).toBe("DATA");
  });
});

describe("a node", () => {
  const TYPES = [
    "User",
    "Group",
    "Role",
    "RoleSession",
    "Policy",
    "PolicyVersion",
    "Attachment",
    "Key",
    "Secret",
    "Alias",
  ];
  const NODE = "query ($id: ID!) { node(id: $id) { __typename } }";
  const read = async (id: string, caller: Caller) => {
    const { data, errors } = await fixture.run(NODE, { id }, caller);
    return errors[0]?.extensions["code"] ?? data.node?.__typename ?? "NULL";
  };

  it.each([...TYPES, "AuditEvent", "Account"])(
    "of type %s is as good as missing where it may not be seen",
    async (type) => {
      const [here, abroad] = [nodeId(HOME, type, true), nodeId(AWAY, type, true)];
      expect(await read(here, CALLERS.admin)).toBe(type);
      expect(await read(abroad, CALLERS.stranger)).toBe(type);
      expect(await read(abroad, CALLERS.admin)).toBe("NULL");
      expect(await read(abroad, CALLERS.nobody)).toBe("FORBIDDEN");
      if (TYPES.includes(type)) expect(await read(nodeId(HOME, type, false), CALLERS.nobody)).toBe("FORBIDDEN");
      if (TYPES.includes(type)) expect(await read(nodeId(HOME, type, false), CALLERS.admin)).toBe("NULL");
    },
  );

  it("that is the attachment of a built-in policy in another account is none", async () => {
    const HELD = "query ($arn: Arn!) { principal(arn: $arn) { attachments { nodes { id policy { arn } } } } }";
    for (const [at, outcome] of [[HOME, "Attachment"] as const, [AWAY, "FORBIDDEN"] as const]) {
      const { nodes } = (await fixture.ask(HELD, { arn: at.user("bob") })).principal.attachments;
      expect(nodes).toMatchObject([{ policy: { arn: BUILT_IN } }]);
      expect(await read(nodes[0].id, CALLERS.nobody)).toBe(outcome);
    }
  });

  it("is refused by itself among others", async () => {
    const self = (await fixture.run("{ viewer { principal { id } } }", {}, CALLERS.user)).data.viewer.principal.id;
    const query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    const { data, errors } = await fixture.run(query, { ids: [nodeId(AWAY, "Key", true), self] }, CALLERS.user);
    expect(data.nodes).toEqual([null, { id: self }]);
    expect(errors).toMatchObject([{ path: ["nodes", 0], extensions: { code: "FORBIDDEN" } }]);
  });
});

describe("whoever has no permission", () => {
  const read = async (field: string, arn: string, caller: Caller) => {
    const { data, errors } = await fixture.run(
      `query ($arn: Arn!) { it: ${field}(arn: $arn) { arn } }`,
      { arn },
      caller,
    );
    return errors[0]?.extensions["code"] ?? data.it?.arn ?? null;
  };

  it("sees itself in every spelling, its groups, and the policies of both", async () => {
    const { account } = HOME;
    for (const arn of [
      HOME.user("ann"),
      HOME.user("ann").toUpperCase().replace("ACS:RAM", "acs:ram").replace("USER/", "user/"),
    ]) {
      expect(await read("principal", arn, CALLERS.user)).toBe(HOME.user("ann"));
    }
    expect(await read("principal", HOME.group, CALLERS.user)).toBe(HOME.group);
    for (const policy of ["annpol", "oppol"] as const)
      expect(await read("policy", HOME.policy(policy), CALLERS.user)).not.toBe("FORBIDDEN");
    expect(await read("policy", HOME.policy("sparepol"), CALLERS.user)).toBe("FORBIDDEN");
    expect(await read("principal", HOME.user("bob"), CALLERS.user)).toBe("FORBIDDEN");
    expect(await read("principal", `acs:sts::${account}:assumed-role/${HOME.name("bot")}/run1`, CALLERS.session)).toBe(
      HOME.session,
    );
    expect(await read("principal", HOME.role, CALLERS.session)).toBe(HOME.role);
    expect(await read("principal", HOME.session.replace("run1", "run2"), CALLERS.session)).toBe("FORBIDDEN");
  });

  it("sees what is built in, and its holders of the own account only", async () => {
    const HOLDERS = `query ($arn: Arn!) { policy(arn: $arn) { document attachmentCount attachments { totalCount nodes { expiresAt } } } }`;
    const { data, errors } = await fixture.run(HOLDERS, { arn: BUILT_IN }, CALLERS.nobody);
    expect(errors).toEqual([]);
    expect(data.policy).toMatchObject({ attachmentCount: 1, attachments: { totalCount: 1 } });
    expect((await fixture.ask(HOLDERS, { arn: BUILT_IN })).policy).toMatchObject({ attachmentCount: 2 });
  });

  it("does not see a policy of another account that an earlier version let be attached to it", async () => {
    const { db } = fixture;
    const { id: policyId } = await db.policy.findFirstOrThrow({ where: { arn: AWAY.policy("sparepol") } });
    const { id: principalId } = await db.principal.findUniqueOrThrow({ where: { arnKey: HOME.user("bob") } });
    const { id } = await db.attachment.create({ data: { accountId: HOME.account, policyId, principalId } });
    const HELD = `{ viewer { principal { attachments { nodes { id policy { name document } } } } } }`;
    const { data, errors } = await fixture.run(HELD, {}, CALLERS.nobody);
    expect(canariesIn({ data, errors }, AWAY)).toEqual([]);
    expect(errors).toMatchObject([{ extensions: { code: "FORBIDDEN" } }]);
    expect(await read("policy", AWAY.policy("sparepol"), CALLERS.nobody)).toBe("FORBIDDEN");
    for (const caller of [CALLERS.nobody, CALLERS.admin]) {
      const { errors: refused } = await fixture.run(
        "query ($id: ID!) { node(id: $id) { ... on Attachment { policy { document } } } }",
        { id: encode("Attachment", id) },
        caller,
      );
      expect(refused).toMatchObject([{ extensions: { code: "FORBIDDEN" } }]);
    }
    await db.attachment.delete({ where: { id } });
  });

  it("is told so without names, and a malformed name is an error of its own", async () => {
    const { errors } = await fixture.run(`{ principal(arn: "${HOME.user("bob")}") { arn } }`, {}, CALLERS.user);
    expect(errors).toMatchObject([{ message: "you need `ramgate:ReadPrincipal` for this" }]);
    for (const field of ["principal", "policy", "resource"])
      expect(await read(field, "acs:ram", CALLERS.user)).toBe("BAD_USER_INPUT");
  });
});

describe("a Deny on one record", () => {
  it("closes the ways to ask for it by name or id, and leaves it in lists", async () => {
    const ALL = `mutation ($input: CreatePolicyInput!) { createPolicy(input: $input) { userErrors { message } } }`;
    const GIVE = `mutation ($input: AttachPolicyInput!) { attachPolicy(input: $input) { userErrors { message } } }`;
    const on = (Effect: string, Resource: string[]) => ({ Effect, Action: ["ramgate:Read*"], Resource });
    const denied = [HOME.user("bob"), HOME.policy("sparepol"), HOME.key, HOME.role];
    const document = { Version: "1", Statement: [on("Allow", ["*"]), on("Deny", denied)] };
    await fixture.ask(ALL, { input: { account: HOME.account, name: "most", document } });
    const input = { policy: `acs:ram::${HOME.account}:policy/most`, principal: HOME.user("rpo") };
    await fixture.ask(GIVE, { input });
    const code = async (query: string, variables = {}) =>
      (await fixture.run(query, variables, CALLERS.ofPolicies)).errors[0]?.extensions["code"] ?? "DATA";
    const [user, policy, key, role] = denied as [string, string, string, string];
    expect(await code(`{ principal(arn: "${user}") { arn } }`)).toBe("FORBIDDEN");
    expect(await code(`{ policy(arn: "${policy}") { arn } }`)).toBe("FORBIDDEN");
    expect(await code(`{ resource(arn: "${key}") { arn } }`)).toBe("FORBIDDEN");
    expect(await code(`{ principal(arn: "${role.replace("role/", "assumed-role/")}/x") { arn } }`)).toBe("FORBIDDEN");
    expect(await code(`{ principal(arn: "${HOME.user("ann")}") { arn } }`)).toBe("DATA");
    const NODE = "query ($id: ID!) { node(id: $id) { id } }";
    const { data } = await fixture.run(NODE, { id: nodeId(HOME, "Key", true) }, CALLERS.ofPolicies);
    expect(data.node).toBeNull();
    expect(await code(`{ principals(account: "${HOME.account}") { nodes { arn } } }`)).toBe("DATA");
  });
});

it("sees no other account among the accounts, nor counts it", async () => {
  const { data } = await fixture.run("{ accounts { totalCount nodes { accountId } } }", {}, CALLERS.admin);
  expect(data.accounts).toEqual({ totalCount: 1, nodes: [{ accountId: HOME.account }] });
});
