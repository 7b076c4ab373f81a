import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TooMuchWorkError } from "../../src/domain/errors.js";
import { publicError } from "../../src/graphql/errors.js";
import { principal } from "./access-world.js";
import { type Fixture, openFixture } from "./fixture.js";

const ACCOUNT = "7100000000000071";
const ram = (path: string) => `acs:ram::${ACCOUNT}:${path}`;
const [USER, ROLE] = [(name: string) => ram(`user/${name}`), (name: string) => ram(`role/${name}`)];
const KEY = `acs:kms:cn-hangzhou:${ACCOUNT}:key/k`;
const SECRET = `acs:kms:cn-hangzhou:${ACCOUNT}:secret/s`;
const SESSION = ram("assumed-role/one/run");

type Statement = Readonly<Record<string, unknown>>;
const allow = (action: string, resource: string | string[], more: Statement = {}): Statement => ({
  ...{ Effect: "Allow", Action: action, Resource: resource, ...more },
});
const MFA = { Condition: { Bool: { "acs:MFAPresent": "true" } } };

/** Policies by who has them. */
const HELD: Readonly<Record<string, readonly Statement[]>> = {
  "group/ops": [allow("sts:AssumeRole", ROLE("one"))],
  "user/dir": [allow("kms:Decrypt", KEY)],
  "user/eve": [allow("sts:AssumeRole", ROLE("two"), MFA)],
  "user/lost": [allow("sts:AssumeRole", ROLE("two"))],
  "user/sure": [allow("kms:*", "*", MFA), allow("sts:AssumeRole", ROLE("one"))],
  "role/one": [allow("sts:AssumeRole", ROLE("two"))],
  "role/two": [allow("kms:*", "*")],
  "user/reader": [
    allow("ramgate:EvaluateAccess", [KEY, SECRET, USER("eve")]),
    allow("ramgate:ReadPrincipal", [USER("ann"), USER("eve"), USER("sure"), ROLE("two")]),
  ],
  "user/half": [allow("ramgate:EvaluateAccess", KEY), allow("ramgate:ReadPrincipal", [USER("ann"), ROLE("one")])],
  "user/asker": [allow("ramgate:EvaluateAccess", KEY)],
};
const trusted = (...names: string[]) => [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: names } }];
const TRUST: Readonly<Record<string, readonly Statement[]>> = {
  one: trusted(ram("root"), "acs:ram::8100000000000081:user/else"),
  two: trusted(ROLE("one"), USER("eve")),
};

const policyOf = (holder: string) => holder.replace("/", "-");
const documentOf = (statements: readonly Statement[]) => ({ Version: "1", Statement: statements });
const SNAPSHOT = {
  ...{ version: 1, account: { id: ACCOUNT }, resourceGroups: [], aliases: [] },
  groups: [{ name: "ops" }],
  users: ["ann", "asker", "dir", "eve", "half", "lost", "reader", "sure"].map((name) => ({
    ...{ name, groups: name === "ann" ? ["ops"] : [] },
  })),
  roles: ["one", "two"].map((name) => ({ name, kind: "REGULAR", trustPolicy: documentOf(TRUST[name] ?? []) })),
  policies: Object.entries(HELD).map(([holder, statements]) => ({
    ...{ type: "CUSTOM", name: policyOf(holder), defaultVersion: "v1" },
    versions: [{ id: "v1", document: documentOf(statements) }],
  })),
  attachments: Object.keys(HELD).map((holder) => ({
    ...{ policy: { type: "CUSTOM", name: policyOf(holder) }, principal: holder, scope: "ACCOUNT" },
  })),
  keys: [{ region: "cn-hangzhou", id: "k" }],
  secrets: [{ region: "cn-hangzhou", name: "s", encryptionKeyId: "k" }],
};

const DECISION = "principal action resource outcome decidedBy reason missingContextKeys";
const WHO = `query ($action: String, $operation: String, $resource: Arn!, $first: Int, $after: String, $some: Boolean, $assumable: Boolean, $context: RequestContextInput) {
  whoCan(action: $action, operation: $operation, resource: $resource, first: $first, after: $after, includeConditional: $some, includeAssumable: $assumable, context: $context) {
    totalCount pageInfo { endCursor hasNextPage }
    nodes { arn redacted outcome viaGroups { name } decision { ${DECISION} } operation { outcome legs { ${DECISION} } }
      assumes { arn redacted role { name } decision { ${DECISION} } } }
  } }`;
const CHECK = `query ($input: AccessCheckInput!) { checkAccess(input: $input) { ${DECISION} } }`;
const ASKED = { action: "kms:Decrypt", resource: KEY, first: 100, assumable: true };

// biome-ignore lint/suspicious/noExplicitAny: a test reads what its own document selected
type Row = any;

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("demo");
  const IMPORT = "mutation ($input: ImportAccountInput!) { importAccount(input: $input) { userErrors { message } } }";
  const { importAccount } = await fixture.ask(IMPORT, {
    input: { account: ACCOUNT, mode: "MERGE", snapshot: SNAPSHOT },
  });
  expect(importAccount.userErrors).toEqual([]);
  const OPEN = "mutation ($input: AssumeRoleInput!) { assumeRole(input: $input) { userErrors { message } } }";
  await fixture.ask(OPEN, { input: { role: ROLE("one"), sessionName: "run" } });
});
afterAll(() => fixture?.close());

const rowsOf = async (variables: object, by?: string): Promise<Row[]> => {
  const { data, errors } = await fixture.run(
    WHO,
    { ...ASKED, ...variables },
    by === undefined ? undefined : principal(by),
  );
  expect(errors).toEqual([]);
  return data.whoCan.nodes;
};
const waysIn = (rows: readonly Row[]) =>
  rows.map(({ arn, outcome, assumes }) => [arn, outcome, ...assumes.map(nameIn)]);
const nameIn = ({ role }: Row) => role.name;

const DIRECT = [
  [ROLE("two"), "ALLOW"],
  [ram("root"), "ALLOW"],
  [USER("dir"), "ALLOW"],
];
const CERTAIN = [
  [ROLE("one"), "ALLOW", "two"],
  ...DIRECT.slice(0, 2),
  [USER("ann"), "ALLOW", "one", "two"],
  [USER("dir"), "ALLOW"],
  [USER("sure"), "ALLOW", "one", "two"],
  [SESSION, "ALLOW", "two"],
];

describe("whoCan, roles that could be assumed included", () => {
  it("lists who could become a role that may, and how", async () => {
    expect(waysIn(await rowsOf({}))).toEqual(CERTAIN);
    expect(waysIn(await rowsOf({ assumable: false }))).toEqual(DIRECT);
  });

  it("lists what depends on context where that is wanted, and not where it is certain", async () => {
    const eve = [USER("eve"), "CONDITIONAL", "two"];
    expect(waysIn(await rowsOf({ some: true }))).toEqual([...CERTAIN.slice(0, 5), eve, ...CERTAIN.slice(5)]);
    const found = await rowsOf({ context: { mfaPresent: true } });
    expect(waysIn(found).slice(5, 7)).toEqual([
      [USER("eve"), "ALLOW", "two"],
      [USER("sure"), "ALLOW"],
    ]);
  });

  it("decides each step, and the last role's question, as `checkAccess` does", async () => {
    for (const { arn, assumes, decision } of await rowsOf({ some: true })) {
      let by = arn;
      for (const step of assumes) {
        const input = { principal: by, action: "sts:AssumeRole", resource: step.arn };
        expect(step.decision).toEqual((await fixture.ask(CHECK, { input })).checkAccess);
        by = step.arn;
      }
      const input = { principal: by, action: "kms:Decrypt", resource: KEY };
      expect(decision).toEqual((await fixture.ask(CHECK, { input })).checkAccess);
    }
  });

  it("names the groups that let a user assume the first role", async () => {
    const ann = (await rowsOf({})).find(({ arn }) => arn === USER("ann"));
    expect(ann.viaGroups).toEqual([{ name: "ops" }]);
  });

  it("takes all legs of an operation", async () => {
    const rows = await rowsOf({ action: null, operation: "GetSecretValue", resource: SECRET });
    expect(waysIn(rows)).toEqual(CERTAIN.filter(([arn]) => arn !== USER("dir")));
    const { operation, decision } = rows.find(({ arn }) => arn === USER("ann"));
    expect(decision).toBeNull();
    expect(operation.legs).toMatchObject([
      { principal: ROLE("two"), resource: SECRET, outcome: "ALLOW" },
      { principal: ROLE("two"), resource: KEY, outcome: "ALLOW" },
    ]);
  });

  it("has pages that are together the whole, and cursors for these alone", async () => {
    const found: Row[] = [];
    let after: string | null = null;
    for (let more = true; more; ) {
      const { whoCan }: Row = await fixture.ask(WHO, { ...ASKED, first: 2, after });
      expect(whoCan.totalCount).toBe(CERTAIN.length);
      found.push(...whoCan.nodes);
      after = whoCan.pageInfo.endCursor;
      more = whoCan.pageInfo.hasNextPage;
    }
    expect(found).toEqual(await rowsOf({}));
    const { code } = await fixture.fail(WHO, { ...ASKED, assumable: false, after });
    expect(code).toBe("BAD_USER_INPUT");
  });

  it("is not taken for the answer without them, of the same moment", async () => {
    const context = { currentTime: new Date(Date.now() + 1_000).toISOString() };
    const ask = async (more: object): Promise<Row> => (await fixture.ask(WHO, { ...ASKED, context, ...more })).whoCan;
    const { pageInfo } = await ask({ first: 2 });
    await ask({ first: 1, assumable: false });
    expect(waysIn((await ask({ after: pageInfo.endCursor })).nodes)).toEqual(CERTAIN.slice(2));
  });

  it("takes one statement where nothing has moved", async () => {
    const bare = WHO.replace(/nodes \{.*\} \}\n/s, "nodes { arn assumes { arn } }\n");
    await fixture.run(bare, ASKED);
    expect((await fixture.run(bare, ASKED)).statements).toHaveLength(1);
  });

  it("follows a trust policy as it is now", async () => {
    const UPDATE = "mutation ($input: UpdateRoleInput!) { updateRole(input: $input) { userErrors { message } } }";
    const update = (statements: readonly Statement[]) =>
      fixture.ask(UPDATE, { input: { role: ROLE("two"), trustPolicy: documentOf(statements) } });
    await update(trusted(USER("lost")));
    expect(waysIn(await rowsOf({})).filter(([, , ...roles]) => roles.length > 0)).toEqual([
      [USER("lost"), "ALLOW", "two"],
    ]);
    await update(TRUST["two"] ?? []);
    expect(waysIn(await rowsOf({}))).toEqual(CERTAIN);
  });

  it("says what to do where it takes too much work", () => {
    const error = new TooMuchWorkError("ask without `includeAssumable`");
    expect(publicError(error, "r")).toEqual({ code: "COST_LIMIT_EXCEEDED", message: error.message });
  });
});

describe("who may not read all of that", () => {
  const NOTHING = { arn: null, role: null, redacted: true, decision: null };

  it("sees no more of a way than the roles that it may read", async () => {
    const rows = await rowsOf({ some: true }, USER("reader"));
    const [two, ann, eve, sure] = rows.filter(({ redacted }) => !redacted);
    expect([two, ann, eve, sure].map(({ arn }) => arn)).toEqual([ROLE("two"), USER("ann"), USER("eve"), USER("sure")]);
    expect(ann).toMatchObject({ outcome: "ALLOW", viaGroups: null, decision: { principal: ROLE("two") } });
    expect(ann.assumes).toEqual([
      NOTHING,
      { arn: ROLE("two"), role: { name: "two" }, redacted: false, decision: null },
    ]);
    expect(eve.assumes).toMatchObject([{ arn: ROLE("two"), decision: { outcome: "CONDITIONAL" } }]); // it may ask about eve
    expect(sure.assumes[0]).toEqual(NOTHING);
    for (const row of rows.filter(({ redacted }) => redacted)) {
      expect(row).toMatchObject({ arn: null, assumes: null, decision: null, viaGroups: null });
    }
    expect(JSON.stringify(rows)).not.toContain("role/one");
  });

  it("sees no decision on a role that it may not read, or may not ask about", async () => {
    const rows = await rowsOf({}, USER("half"));
    const [one, ann] = rows.filter(({ redacted }) => !redacted);
    expect(one).toMatchObject({ arn: ROLE("one"), decision: null, assumes: [NOTHING] });
    expect(ann).toMatchObject({ arn: USER("ann"), decision: null, viaGroups: null });
    expect(ann.assumes).toEqual([
      { arn: ROLE("one"), role: { name: "one" }, redacted: false, decision: null },
      NOTHING,
    ]);
    const variables = { action: null, operation: "Decrypt" };
    expect((await rowsOf(variables, USER("half")))[0]).toMatchObject({ arn: ROLE("one"), operation: null });
    expect(JSON.stringify(rows)).not.toContain("role/two");
  });

  it("sees of others that there are some", async () => {
    const rows = await rowsOf({}, USER("asker"));
    expect(rows).toHaveLength(CERTAIN.length);
    expect(rows.every(({ redacted, assumes }) => redacted && assumes === null)).toBe(true);
  });

  it("gets nothing about another account", async () => {
    const stranger = principal("acs:ram::8100000000000081:root");
    const { errors } = await fixture.run(WHO, ASKED, stranger);
    expect(errors[0]?.extensions["code"]).toBe("FORBIDDEN");
  });
});
