import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fixture, openFixture } from "./fixture.js";
import { createLargeAccount, nth } from "./scale.js";

const ACCOUNT = "5000000000000005";
let fixture: Fixture;

beforeAll(async () => {
  fixture = await openFixture();
  await createLargeAccount(fixture.db, ACCOUNT, 60);
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

/** One page of 1 and one of 50 must take the same SQL; `atMost` keeps the number honest. */
const pages: readonly [name: string, document: string, atMost: number][] = [
  [
    "accounts",
    `query ($first: Int!) { accounts(first: $first) ${nodes("accountId resourceGroups(first: 3) { edges { node { id } } }")} }`,
    4,
  ],
  ["principals", PRINCIPALS(PRINCIPAL), 5],
  ["only __typename", PRINCIPALS("__typename"), 4],
  ["attachments", PRINCIPALS(`attachments(first: 5) ${nodes(ATTACHMENT)}`), 14],
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
  ["keys of secrets", RESOURCES("... on Secret { encryptionKey { arn state } } ... on Alias { key { arn } }"), 6],
];

async function statementsFor(document: string, first: number): Promise<readonly string[]> {
  const { statements, errors, data } = await fixture.run(document, { first });
  expect(errors).toEqual([]);
  expect(data).not.toBeNull();
  return statements;
}

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

/** The table that a statement is about. */
function shape(statement: string): string {
  return /"public"\."(\w+)"/.exec(statement)?.[1] ?? statement;
}
