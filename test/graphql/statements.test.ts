import {
  type GraphQLField,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSchema } from "../../src/graphql/schema.js";
import { type Fixture, openFixture } from "./fixture.js";
import { createLargeAccount, nth } from "./scale.js";

const ACCOUNT = "5000000000000005";
let fixture: Fixture;

beforeAll(async () => {
  fixture = await openFixture();
  await createLargeAccount(fixture.db, ACCOUNT, 60);
  await createSmallAccounts();
  await createApiKeys();
  await createDenials();
});
afterAll(() => fixture?.close());

const POLICY = "id arn name type document defaultVersion { version document } account { accountId }";
const PRINCIPAL = "__typename id arn name kind createdAt account { accountId } tags { key value }";
const ATTACHMENT = `id expiresAt scope { kind resourceGroup { id name } } resourceGroup { id } policy { ${POLICY} } principal { ${PRINCIPAL} }`;
const nodes = (selection: string) => `{ totalCount edges { node { ${selection} } } }`;

const PRINCIPALS = (selection: string, kind = "") =>
  `query ($first: Int!) { principals(account: "${ACCOUNT}", first: $first ${kind}) ${nodes(selection)} }`;
const POLICIES = (selection: string) =>
  `query ($first: Int!) { policies(account: "${ACCOUNT}", type: CUSTOM, first: $first) ${nodes(selection)} }`;
const RESOURCES = (selection: string, type = "") =>
  `query ($first: Int!) { resources(account: "${ACCOUNT}", first: $first ${type}) ${nodes(selection)} }`;

const EVENTS = (selection: string, filter = "") =>
  `query ($first: Int!) { auditEvents(account: "${ACCOUNT}", first: $first ${filter}) ${nodes(selection)} }`;

const DECISIONS = (selection: string) =>
  `query ($first: Int!) { decisionLog(account: "${ACCOUNT}", first: $first) ${nodes(selection)} }`;

const API_KEYS = (selection: string) =>
  `query ($first: Int!) { apiKeys(account: "${ACCOUNT}", first: $first) ${nodes(selection)} }`;

/** One page of 1 and one of 50 must take the same SQL; `atMost` keeps the number honest. */
const pages: readonly [name: string, document: string, atMost: number][] = [
  [
    "accounts",
    `query ($first: Int!) { accounts(first: $first) ${nodes("accountId resourceGroups(first: 3) { edges { node { id } } }")} }`,
    5,
  ],
  ["principals", PRINCIPALS(PRINCIPAL), 6],
  ["only __typename", PRINCIPALS("__typename"), 4],
  ["attachments", PRINCIPALS(`attachments(first: 5) ${nodes(ATTACHMENT)}`), 15],
  [
    "effectivePolicies",
    PRINCIPALS(
      `effectivePolicies(first: 5) ${nodes(`scope { kind } policy { ${POLICY} } attachedTo { ${PRINCIPAL} }`)}`,
    ),
    16,
  ],
  ["groups", PRINCIPALS(`... on User { groups(first: 2) ${nodes(PRINCIPAL)} }`, "kind: USER"), 12],
  ["only the number of groups", PRINCIPALS("... on User { groups { totalCount } }", "kind: USER"), 6],
  [
    "nodes without edges",
    PRINCIPALS(`... on Group { members(first: 2) { nodes { ${PRINCIPAL} } } }`, "kind: GROUP"),
    12,
  ],
  [
    "only __typename below",
    PRINCIPALS(
      "attachments { nodes { policy { __typename } principal { __typename } } } ... on User { groups { edges { node { __typename } } } }",
    ),
    12,
  ],
  [
    "groups and members of principals of every kind",
    PRINCIPALS(`groups(first: 2) ${nodes(PRINCIPAL)} members(first: 2) ${nodes(PRINCIPAL)}`),
    20,
  ],
  ["members", PRINCIPALS(`... on Group { members(first: 2) ${nodes(PRINCIPAL)} }`, "kind: GROUP"), 12],
  [
    "fields of several types",
    PRINCIPALS(
      "... on User { displayName attachments(first: 2) { totalCount } } ... on Group { attachments(first: 5) { edges { node { id } } } }",
    ),
    9,
  ],
  ["policies", POLICIES(POLICY), 9],
  [
    "versions and holders",
    POLICIES(
      `attachmentCount versions(first: 2) ${nodes("version isDefault")} attachments(first: 6) ${nodes(ATTACHMENT)}`,
    ),
    20,
  ],
  ["default version beside all versions", POLICIES(`document versions(first: 1) ${nodes("version")}`), 10],
  ["resources", RESOURCES("__typename id arn region account { accountId } resourceGroup { id } tags { key value }"), 7],
  [
    "aliases and secrets",
    RESOURCES(
      `... on Key { aliases(first: 2) ${nodes("arn key { arn }")} secrets(first: 2) ${nodes("arn encryptionKey { arn }")} }`,
      "type: KEY",
    ),
    12,
  ],
  ["api keys", API_KEYS(`id keyId lastUsedAt active principal { ${PRINCIPAL} }`), 10],
  ["denials", DECISIONS("at principal action resource outcome decidedBy error caller requestId"), 4],
  ["audit events", EVENTS("id sequence targets input before after revision hash"), 4],
  [
    "only the number of audit events",
    `query ($first: Int!) { auditEvents(account: "${ACCOUNT}", first: $first) { totalCount } }`,
    2,
  ],
  ["keys of secrets", RESOURCES("... on Secret { encryptionKey { arn state } } ... on Alias { key { arn } }"), 6],
];

async function statementsFor(document: string, first: number): Promise<readonly string[]> {
  const { statements, errors, data } = await fixture.run(document, { first });
  expect(errors).toEqual([]);
  expect(data).not.toBeNull();
  return statements;
}

const each = <T>(make: (index: number) => T): T[] => Array.from({ length: 60 }, (_, index) => make(index));

/** Accounts with an owner and a resource group. */
async function createSmallAccounts() {
  const accounts = each((index) => `60000000000000${String(index).padStart(2, "0")}`);
  const owner = (account: string) => `acs:ram::${account}:root`;
  await fixture.db.account.createMany({ data: accounts.map((id) => ({ id })) });
  await fixture.db.resourceGroup.createMany({
    data: accounts.map((accountId) => ({ accountId, id: "rg", name: "rg" })),
  });
  await fixture.db.principal.createMany({
    data: accounts.map((accountId) => {
      return { accountId, kind: "ACCOUNT_OWNER", name: "root", arn: owner(accountId), arnKey: owner(accountId) };
    }),
  });
}

/** One for each of the users. */
async function createApiKeys() {
  const users = await fixture.db.principal.findMany({
    where: { accountId: ACCOUNT, kind: "USER" },
    select: { id: true },
  });
  const secretDigest = new Uint8Array(32);
  await fixture.db.credential.createMany({
    data: users.map(({ id }, index) => ({ id: `k${index}`, kind: "PRINCIPAL", principalId: id, secretDigest })),
  });
}

async function createDenials() {
  const failed = { principal: "p", resource: "r", error: "NOT_FOUND", caller: "operator:op", requestId: "r-1" };
  await fixture.db.decisionLogEntry.createMany({
    data: each(() => ({ ...failed, accountId: ACCOUNT, at: new Date() })),
  });
}

type Source = (selection: string) => string;

const byId =
  (type: string): Source =>
  (selection) =>
    `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on ${type} { ${selection} } } }`;

/** How to come by many objects of a type: with `$first` of a list, or with `$ids`. */
const SOURCES: Readonly<Record<string, Source>> = {
  Account: (selection) => `query ($first: Int!) { accounts(first: $first) { nodes { ${selection} } } }`,
  User: (selection) => PRINCIPALS(`... on User { ${selection} }`, "kind: USER"),
  Group: (selection) => PRINCIPALS(`... on Group { ${selection} }`, "kind: GROUP"),
  Role: (selection) => PRINCIPALS(`... on Role { ${selection} }`, "kind: ROLE"),
  RoleSession: byId("RoleSession"),
  AccountOwner: byId("AccountOwner"),
  Policy: POLICIES,
  PolicyVersion: (selection) => POLICIES(`versions(first: 2) { nodes { ${selection} } }`),
  Attachment: (selection) => PRINCIPALS(`attachments(first: 2) { nodes { ${selection} } }`, "kind: USER"),
  EffectivePolicy: (selection) => PRINCIPALS(`effectivePolicies(first: 4) { nodes { ${selection} } }`, "kind: USER"),
  AttachmentScope: (selection) =>
    PRINCIPALS(`attachments(first: 2) { nodes { scope { ${selection} } } }`, "kind: USER"),
  ResourceGroup: (selection) =>
    `query ($first: Int!) { accounts(first: $first) { nodes { resourceGroups(first: 1) { nodes { ${selection} } } } } }`,
  Key: (selection) => RESOURCES(`... on Key { ${selection} }`, "type: KEY"),
  Secret: (selection) => RESOURCES(`... on Secret { ${selection} }`, "type: SECRET"),
  Alias: (selection) => RESOURCES(`... on Alias { ${selection} }`, "type: ALIAS"),
  AuditEvent: EVENTS,
  DecisionLogEntry: DECISIONS,
  ApiKey: API_KEYS,
};

const SHORT_PRINCIPAL = "{ __typename arn }";
const ofPrincipal = {
  account: "{ accountId }",
  tags: "{ key value }",
  attachments: `(first: 2) ${nodes("id createdAt")}`,
  effectivePolicies: `(first: 2) ${nodes("expiresAt")}`,
  groups: `(first: 2) ${nodes("name comments")}`,
  members: `(first: 2) ${nodes("name comments")}`,
};
const ofResource = { account: "{ accountId }", resourceGroup: "{ id name }", tags: "{ key value }" };

/** Every field of a record that is not in its own row, and what to ask of it. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Account: { resourceGroups: `(first: 2) ${nodes("id name")}` },
  User: ofPrincipal,
  Group: ofPrincipal,
  Role: { ...ofPrincipal, sessions: `(first: 2) ${nodes("sessionName role { name }")}` },
  RoleSession: { ...ofPrincipal, role: "{ name roleKind }" },
  AccountOwner: ofPrincipal,
  Policy: {
    account: "{ accountId }",
    document: "",
    defaultVersion: "{ version document }",
    versions: `(first: 2) ${nodes("version document")}`,
    attachments: `(first: 2) ${nodes("id createdAt")}`,
    attachmentCount: "",
  },
  PolicyVersion: {},
  Attachment: {
    policy: "{ name document }",
    principal: SHORT_PRINCIPAL,
    scope: "{ kind resourceGroup { name } }",
    resourceGroup: "{ id name }",
  },
  EffectivePolicy: {
    policy: "{ name document }",
    attachedTo: SHORT_PRINCIPAL,
    scope: "{ kind resourceGroup { name } }",
    attachment: "{ id notBefore principal { arn } }",
  },
  AttachmentScope: { resourceGroup: "{ id name account { accountId } }" },
  ResourceGroup: { account: "{ accountId }" },
  Key: { ...ofResource, aliases: `(first: 2) ${nodes("name")}`, secrets: `(first: 2) ${nodes("name")}` },
  Secret: { ...ofResource, encryptionKey: "{ keyId tags { key } }" },
  Alias: { ...ofResource, key: "{ keyId tags { key } }" },
  AuditEvent: { targets: "" },
  DecisionLogEntry: {},
  ApiKey: { principal: SHORT_PRINCIPAL },
};
/** In no row of their own, although they are no objects. */
const SCALARS_WITH_SQL = ["Policy.document", "Policy.attachmentCount"];

const NO_RECORDS = ["PageInfo", "Tag"];
/** Lists of decisions: what they take, account-questions.test.ts says. */
const ANSWERS: readonly string[] = ["whatCan", "whoCan"];

/** Types whose objects come from the database: all that lists hold, and all that these lead to. */
function recordTypes(): string[] {
  const schema = buildSchema();
  const found = new Set<string>();
  const visit = (name: string): void => {
    const type = schema.getType(name);
    if (found.has(name) || !type || NO_RECORDS.includes(name)) return;
    found.add(name);
    const next = isAbstractType(type)
      ? schema.getPossibleTypes(type)
      : isObjectType(type)
        ? objectsOf(type.getFields())
        : [];
    for (const each of next) visit(each.name);
  };
  for (const { name, type } of listsOf("Query")) if (!ANSWERS.includes(name)) visit(getNamedType(type).name);
  const isRecord = (name: string) => isObjectType(schema.getType(name)) && !/(Connection|Edge)$/.test(name);
  return [...found].filter(isRecord).sort();
}

const objectsOf = (fields: Record<string, GraphQLField<unknown, unknown>>) =>
  Object.values(fields).flatMap(({ type }) => (isCompositeType(getNamedType(type)) ? [getNamedType(type)] : []));

function fieldsOf(type: string): GraphQLField<unknown, unknown>[] {
  const object = buildSchema().getType(type);
  return isObjectType(object) ? Object.values(object.getFields()) : [];
}

const listsOf = (type: string) =>
  fieldsOf(type).filter((field) => getNamedType(field.type).name.endsWith("Connection"));

function needsStatement({ type }: GraphQLField<unknown, unknown>): boolean {
  return isCompositeType(getNamedType(type)) || isListType(isNonNullType(type) ? type.ofType : type);
}

describe("the table of fields", () => {
  it("holds every type and every field that leads to other rows", () => {
    expect(Object.keys(FIELDS).sort()).toEqual(recordTypes());
    for (const [type, fields] of Object.entries(FIELDS)) {
      const inSchema = fieldsOf(type).filter(
        (field) => needsStatement(field) || SCALARS_WITH_SQL.includes(`${type}.${field.name}`),
      );
      expect({ type, fields: Object.keys(fields).sort() }).toEqual({
        type,
        fields: inSchema.map(({ name }) => name).sort(),
      });
    }
  });

  it("knows every list of the query", () => {
    const known = ["accounts", "apiKeys", "auditEvents", "decisionLog", "policies", "principals", "resources"];
    expect(
      listsOf("Query")
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...known, ...ANSWERS]);
  });
});

const ownId = (type: string, key: string) => Buffer.from(`${type}:${key}`).toString("base64");

/** Ids of objects that no list holds. */
async function idsOf(type: string): Promise<string[]> {
  if (type === "RoleSession") {
    return each((index) => ownId(type, `acs:ram::${ACCOUNT}:assumed-role/${nth("role", index)}/run`));
  }
  const owners = await fixture.db.principal.findMany({ where: { kind: "ACCOUNT_OWNER" }, select: { id: true } });
  return owners.map(({ id }) => ownId(type, id));
}

const fields = Object.entries(FIELDS).flatMap(([type, selections]) =>
  Object.entries({ __typename: "", ...selections }).map(([field, selection]) => [type, field, selection] as const),
);

describe("SQL of every field does not grow with the number of objects", () => {
  it.each(fields)("%s.%s", async (type, field, selection) => {
    const document = SOURCES[type]?.(`__typename ${field} ${selection}`) ?? "";
    const ids = document.includes("$ids") ? await idsOf(type) : [];
    const statements = async (count: number) => {
      const variables = document.includes("$ids") ? { ids: ids.slice(0, count) } : { first: count };
      const { statements: sent, errors, data } = await fixture.run(document, variables);
      expect(errors).toEqual([]);
      expect(JSON.stringify(data).split(`"${type}"`).length - 1).toBeGreaterThanOrEqual(count);
      return sent.map(shape).sort();
    };
    const one = await statements(1);
    expect(await statements(50)).toEqual(one);
    expect(one.length).toBeLessThanOrEqual(9);
  });
});

describe("SQL does not grow with the page", () => {
  it.each(pages)("%s", async (_name, document, atMost) => {
    const one = await statementsFor(document, 1);
    const many = await statementsFor(document, 50);
    expect(many.map(shape).sort()).toEqual(one.map(shape).sort());
    expect(many.length).toBeLessThanOrEqual(atMost);
  });

  it("nodes by id", async () => {
    const list = await fixture.ask(PRINCIPALS("id"), { first: 50 });
    const ids = list.principals.edges.map(({ node }: { node: { id: string } }) => node.id);
    const document = `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on User { ${PRINCIPAL} } ... on Group { ${PRINCIPAL} } } }`;
    const one = await fixture.run(document, { ids: ids.slice(0, 1) });
    const many = await fixture.run(document, { ids });
    expect(many.errors).toEqual([]);
    expect(many.data.nodes).toHaveLength(50);
    expect(many.statements.length).toBe(one.statements.length);
  });

  it("questions, with policies and holders of the statements that matched", async () => {
    const document = `query ($inputs: [AccessCheckInput!]!) { checkAccessBatch(inputs: $inputs) { ... on Decision {
      outcome matchedStatements { policy { ${POLICY} } attachedTo { ${PRINCIPAL} } scope { kind resourceGroup { id } } } } } }`;
    const question = (i: number) => ({
      principal: `acs:ram::${ACCOUNT}:user/${nth("user", i % 60)}`,
      action: "kms:Decrypt",
      resource: `acs:kms:cn-hangzhou:${ACCOUNT}:key/${nth("key", i)}`,
    });
    const questions = (length: number) => Array.from({ length }, (_, i) => question(i));
    await fixture.run(document, { inputs: [question(55)] }); // opens connections
    const few = await fixture.run(document, { inputs: questions(5) }); // one alone needs a round less
    const many = await fixture.run(document, { inputs: questions(50) });
    expect(many.errors).toEqual([]);
    expect(many.data.checkAccessBatch.every(({ outcome }: { outcome: string }) => outcome === "ALLOW")).toBe(true);
    expect(many.statements.map(shape).sort()).toEqual(few.statements.map(shape).sort());
  });
});

it("the names of a policy that matched need no statement, and are those of the record", async () => {
  const names = "__typename id arn name type";
  const asked = (fields: string) => `{ checkAccess(input: { principal: "acs:ram::${ACCOUNT}:user/${nth("user", 1)}",
    action: "kms:Decrypt", resource: "acs:kms:cn-hangzhou:${ACCOUNT}:key/${nth("key", 1)}" }) {
    matchedStatements { ...Named } } } fragment Named on MatchedStatement { policy { ${fields} } }`;
  await fixture.run(asked(names)); // is kept from now on
  const named = await fixture.run(asked(names));
  expect(named.statements.map(shape).filter((table) => table === "policy")).toEqual([]);
  const whole = await fixture.run(asked(`${names} description`));
  expect(whole.statements.map(shape)).toContain("policy");
  const policies = (data: typeof named.data) =>
    data.checkAccess.matchedStatements.map(({ policy }: { policy: object }) => ({ ...policy, description: null }));
  expect(policies(named.data).length).toBeGreaterThan(0);
  expect(policies(named.data)).toEqual(policies(whole.data));
});

/** The table that a statement is about. */
function shape(statement: string): string {
  return /"public"\."(\w+)"/.exec(statement)?.[1] ?? statement;
}
