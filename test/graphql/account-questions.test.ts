import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAccountQuestions } from "../../src/decisions/account-questions.js";
import { actionsOfType } from "../../src/domain/kms/actions.js";
import { createPolicyCompiler } from "../../src/store/compiled-policies.js";
import { openLoadPool } from "../../src/store/evaluation-input.js";
import { CALLERS, canariesIn, createWorld, HOME } from "./access-world.js";
import { type Fixture, openFixture, requests } from "./fixture.js";

const ACCOUNT = "1234567890123456";
const KMS = `acs:kms:cn-hangzhou:${ACCOUNT}:`;
const KEY = `${KMS}key/key-apollo-01`;
const SECRET = `${KMS}secret/apollo/db`;

let fixture: Fixture;
let everybody: string[];
let everything: string[];
beforeAll(async () => {
  fixture = await openFixture("demo");
  await createWorld(fixture);
  const ASSUME = "mutation ($input: AssumeRoleInput!) { assumeRole(input: $input) { userErrors { message } } }";
  await fixture.ask(ASSUME, { input: { role: `acs:ram::${ACCOUNT}:role/deploy-bot`, sessionName: "ci" } });
  const { users, owners, sessions, resources } = await fixture.ask(
    `query ($account: String!) {
      users: principals(account: $account, first: 100) { nodes { arn kind } }
      owners: principals(account: $account, kind: ACCOUNT_OWNER) { nodes { arn kind } }
      sessions: principals(account: $account, kind: ROLE_SESSION) { nodes { arn kind } }
      resources(account: $account, first: 100) { nodes { arn } }
    }`,
    { account: ACCOUNT },
  );
  const all: { arn: string; kind: string }[] = [...users.nodes, ...owners.nodes, ...sessions.nodes];
  everybody = all.filter(({ kind }) => kind !== "GROUP").map(({ arn }) => arn);
  everything = resources.nodes.map(({ arn }: { arn: string }) => arn);
});
afterAll(() => fixture?.close());

const DECISION =
  "outcome decidedBy reason missingContextKeys matchedStatements { index effect policy { arn } } validUntil";
const WHO = `query ($action: String, $operation: String, $resource: Arn!, $first: Int, $after: String, $some: Boolean, $account: String) {
  whoCan(action: $action, operation: $operation, resource: $resource, first: $first, after: $after, includeConditional: $some, account: $account) {
    totalCount evaluatedAt pageInfo { endCursor hasNextPage }
    nodes { arn redacted outcome principal { arn } decision { ${DECISION} }
      operation { outcome usableNow legs { ${DECISION} } } viaGroups { name } }
  } }`;
const WHAT = `query ($principal: Arn!, $action: String!, $first: Int, $after: String, $some: Boolean) {
  whatCan(principal: $principal, action: $action, first: $first, after: $after, includeConditional: $some) {
    totalCount pageInfo { endCursor hasNextPage } nodes { resource redacted outcome decision { ${DECISION} } }
  } }`;
const BATCH = `query ($inputs: [AccessCheckInput!]!) { checkAccessBatch(inputs: $inputs) { ... on Decision { ${DECISION} } } }`;

// biome-ignore lint/suspicious/noExplicitAny: a test reads what its own document selected
type Rows = any[];

const wanted = (outcome: string) => outcome === "ALLOW" || outcome === "CONDITIONAL";

describe("whoCan", () => {
  it.each(["kms:Decrypt", "kms:TagResource", "kms:ScheduleKeyDeletion", "kms:DescribeKey"])(
    "names for %s those whom a question about each names, for the same reasons",
    async (action) => {
      const inputs = everybody.map((principal) => ({ principal, action, resource: KEY }));
      const { checkAccessBatch } = await fixture.ask(BATCH, { inputs });
      const expected = everybody.flatMap((arn, place) => {
        const decision = checkAccessBatch[place];
        return wanted(decision.outcome) ? [{ arn, outcome: decision.outcome, decision }] : [];
      });
      const { whoCan } = await fixture.ask(WHO, { action, resource: KEY, first: 100, some: true });
      expect(whoCan.totalCount).toBe(expected.length);
      expect(sorted(whoCan.nodes)).toMatchObject(sorted(expected));
      const strict = (await fixture.ask(WHO, { action, resource: KEY, first: 100 })).whoCan;
      expect(strict.totalCount).toBe(expected.filter(({ outcome }) => outcome === "ALLOW").length);
    },
  );

  it.each(["GetSecretValue", "DescribeSecret"])(
    "names for the operation %s those who may perform it",
    async (operation) => {
      const CAN = `query ($principal: Arn!, $operation: String!) { canPerform(principal: $principal, operation: $operation, targets: { secret: "${SECRET}" }) { outcome usableNow legs { ${DECISION} } } }`;
      const each = await Promise.all(everybody.map((principal) => fixture.ask(CAN, { principal, operation })));
      const expected = everybody.flatMap((arn, place) => {
        const { canPerform } = each[place];
        return wanted(canPerform.outcome) ? [{ arn, outcome: canPerform.outcome, operation: canPerform }] : [];
      });
      const { whoCan } = await fixture.ask(WHO, { operation, resource: SECRET, first: 100, some: true });
      expect(expected.length).toBeGreaterThan(1);
      expect(sorted(whoCan.nodes)).toMatchObject(sorted(expected));
    },
  );

  it("names the groups through which somebody may", async () => {
    const { whoCan } = await fixture.ask(WHO, { action: "kms:Decrypt", resource: HOME.key });
    const ann = whoCan.nodes.find(({ arn }: { arn: string }) => arn === HOME.user("ann"));
    expect(ann).toMatchObject({ outcome: "ALLOW", viaGroups: [{ name: HOME.name("ops") }] });
    const role = whoCan.nodes.find(({ arn }: { arn: string }) => arn === HOME.role);
    expect(role).toMatchObject({ outcome: "ALLOW", viaGroups: [] });
  });

  it("lists what open sessions may within their policies, and not those that are over", async () => {
    const REVOKE = "mutation ($input: RevokeRoleSessionsInput!) { revokeRoleSessions(input: $input) { revoked } }";
    const arns = async () => {
      const { whoCan } = await fixture.ask(WHO, { action: "kms:Encrypt", resource: HOME.key });
      return whoCan.nodes.map(({ arn }: { arn: string }) => arn);
    };
    expect(await arns()).toContain(HOME.session);
    await fixture.ask(REVOKE, { input: { role: HOME.role } });
    expect(await arns()).not.toContain(HOME.session);
    expect(await arns()).toContain(HOME.role);
  });

  it.each([
    [{ resource: KEY }, "BAD_USER_INPUT"],
    [{ resource: KEY, action: "kms:Decrypt", operation: "Decrypt" }, "BAD_USER_INPUT"],
    [{ resource: KEY, action: "Decrypt" }, "BAD_USER_INPUT"],
    [{ resource: "*", action: "kms:GetRandomPassword" }, "BAD_USER_INPUT"],
    [{ resource: KEY, action: "kms:Decrypt", account: "1" }, "BAD_USER_INPUT"],
    [{ resource: KEY, operation: "GetSecretValue" }, "BAD_USER_INPUT"],
    [{ resource: `${KMS}secret`, operation: "CreateKey" }, "BAD_USER_INPUT"],
    [{ resource: KEY.replace(ACCOUNT, "99"), action: "kms:Decrypt" }, "NOT_FOUND"],
    [{ resource: KEY, action: "kms:Decrypt", after: "x" }, "BAD_USER_INPUT"],
  ])("refuses %o", async (variables, code) => {
    expect((await fixture.fail(WHO, variables)).code).toBe(code);
  });

  it("is as fresh as it is asked to be", async () => {
    const FRESH = `query ($resource: Arn!, $token: RevisionToken!) {
      whoCan(action: "kms:Decrypt", resource: $resource, consistency: { atLeast: $token }) { totalCount nodes { arn } } }`;
    const create = `mutation { createUser(input: { account: "${ACCOUNT}", name: "fresh" }) { revision } }`;
    const { revision } = (await fixture.ask(create)).createUser;
    expect((await fixture.ask(FRESH, { resource: KEY, token: revision })).whoCan.totalCount).toBeGreaterThan(0);
    expect((await fixture.fail(FRESH, { resource: KEY, token: "v1.x.y" })).code).toBe("BAD_USER_INPUT");
    const { tokens } = fixture.administration;
    const ahead = tokens.issue(new Map([["glob", { rev: 1e9, tag: "" }]]), Date.now());
    expect((await fixture.fail(FRESH, { resource: KEY, token: ahead })).code).toBe("REVISION_UNAVAILABLE");
    everybody.push(`acs:ram::${ACCOUNT}:user/fresh`);
  });

  it("is asked about an account where the resource states none", async () => {
    const variables = { resource: "*", action: "kms:GetRandomPassword", account: ACCOUNT };
    expect((await fixture.ask(WHO, variables)).whoCan.totalCount).toBeGreaterThan(0);
    const all = (await fixture.ask(WHO, { ...variables, action: null, operation: "DescribeRegions", first: 100 }))
      .whoCan;
    expect(all.totalCount).toBe(everybody.length);
    expect(all.nodes[0].operation).toMatchObject({ outcome: "ALLOW", legs: [] });
  });
});

function sorted(rows: Rows): Rows {
  return [...rows].sort((a, b) => ((a.arn ?? a.resource) < (b.arn ?? b.resource) ? -1 : 1));
}

describe("whatCan", () => {
  it.each(["kms:Decrypt", "kms:GetSecretValue", "kms:CreateAlias", "kms:TagResource"])(
    "names for %s what questions about each resource name",
    async (action) => {
      const types = { key: "KEY", secret: "SECRET", alias: "ALIAS" } as const;
      const fits = everything.filter((arn) => {
        const type = types[(/:(key|secret|alias)\//.exec(arn)?.[1] ?? "key") as keyof typeof types];
        return actionsOfType(type).includes(action);
      });
      for (const principal of everybody) {
        const { checkAccessBatch } = await fixture.ask(BATCH, {
          inputs: fits.map((resource) => ({ principal, action, resource })),
        });
        const expected = fits.flatMap((resource, place) => {
          const decision = checkAccessBatch[place];
          return wanted(decision.outcome) ? [{ resource, outcome: decision.outcome, redacted: false, decision }] : [];
        });
        const { whatCan } = await fixture.ask(WHAT, { principal, action, first: 100, some: true });
        expect(whatCan.totalCount, principal).toBe(expected.length);
        expect(sorted(whatCan.nodes)).toMatchObject(sorted(expected));
      }
    },
  );

  it("names the containers of each region, and `*`", async () => {
    const owner = `acs:ram::${ACCOUNT}:root`;
    const arns = async (action: string) =>
      (await fixture.ask(WHAT, { principal: owner, action })).whatCan.nodes.map(
        ({ resource }: { resource: string }) => resource,
      );
    const regions = [...new Set(everything.map((arn) => arn.split(":")[2]))];
    expect(await arns("kms:CreateKey")).toEqual(regions.map((region) => `acs:kms:${region}:${ACCOUNT}:key`));
    expect(await arns("kms:GetRandomPassword")).toEqual(["*"]);
  });

  it("refuses what is no principal, and what is no action of KMS", async () => {
    const principal = `acs:ram::${ACCOUNT}:user/bob`;
    expect((await fixture.fail(WHAT, { principal, action: "kms:Decryp" })).code).toBe("BAD_USER_INPUT");
    expect((await fixture.fail(WHAT, { principal: `${principal}x`, action: "kms:Decrypt" })).code).toBe("NOT_FOUND");
    const group = principal.replace("user/bob", "group/x");
    expect((await fixture.fail(WHAT, { principal: group, action: "kms:Decrypt" })).code).toBe("BAD_USER_INPUT");
  });
});

const LISTS: readonly [field: "whoCan" | "whatCan", document: string, variables: object][] = [
  ["whoCan", WHO, { action: "kms:DescribeKey", resource: KEY, some: true }],
  ["whatCan", WHAT, { principal: `acs:ram::${ACCOUNT}:root`, action: "kms:TagResource" }],
];
const CHANGES = `mutation ($create: CreateUserInput!, $attach: AttachPolicyInput!, $register: RegisterKeyInput!) {
  createUser(input: $create) { userErrors { message } }
  attachPolicy(input: $attach) { userErrors { message } }
  registerKey(input: $register) { userErrors { message } }
}`;

/** What would stand on the first page, and another resource. */
let made = 0;
async function change(): Promise<void> {
  made += 1;
  const [name, policy] = [`aaa${made}`, "acs:ram::system:policy/AliyunKMSFullAccess"];
  const data = await fixture.ask(CHANGES, {
    create: { account: ACCOUNT, name },
    attach: { policy, principal: `acs:ram::${ACCOUNT}:user/${name}` },
    register: { arn: `${KMS}key/${name}` },
  });
  expect(Object.values(data).flatMap((payload) => (payload as { userErrors: unknown[] }).userErrors)).toEqual([]);
}

describe.each(LISTS)("pages of %s", (field, document, variables) => {
  const page = async (args: object, ask = fixture.ask) => (await ask(document, { ...variables, ...args }))[field];
  const whole = async () => (await page({ first: 100 })).nodes as Rows;

  it("are together the whole, whatever changes meanwhile", async () => {
    const expected = await whole();
    expect(expected.length).toBeGreaterThan(3);
    const found: Rows = [];
    let after: string | null = null;
    for (let more = true; more; ) {
      const { nodes, pageInfo, totalCount } = await page({ first: 2, after });
      expect(totalCount).toBe(expected.length);
      found.push(...nodes);
      more = pageInfo.hasNextPage;
      after = pageInfo.endCursor;
      await change();
    }
    expect(found).toEqual(expected);
    expect((await whole()).length).toBeGreaterThan(expected.length);
  });

  it("are the same on another gateway, until something changes", async () => {
    const { administration, services } = fixture;
    const pool = openLoadPool(fixture.url, 1);
    const options = { loadPool: pool, compile: createPolicyCompiler(), scopePrecedence: "staged" } as const;
    const accountQuestions = createAccountQuestions({ ...options, tokens: administration.tokens });
    const other = requests({ ...services, accountQuestions });
    const expected = await whole();
    const { pageInfo } = await page({ first: 2 });
    const rest = await page({ first: 100, after: pageInfo.endCursor }, other.ask);
    expect(rest.nodes).toEqual(expected.slice(2));
    const { endCursor } = (await page({ first: 1 })).pageInfo;
    await change();
    const { errors } = await other.run(document, { ...variables, first: 2, after: endCursor });
    expect(errors).toMatchObject([{ extensions: { code: "BAD_USER_INPUT", reason: "INVALID_CURSOR" } }]);
    expect((await page({ first: 2, after: endCursor })).nodes).toEqual(expected.slice(1, 3));
    await pool.end();
  });

  it("have cursors for the same arguments only", async () => {
    const { pageInfo } = await page({ first: 1 });
    const { code } = await fixture.fail(document, {
      ...variables,
      some: field === "whatCan",
      after: pageInfo.endCursor,
    });
    expect(code).toBe("BAD_USER_INPUT");
  });
});

describe("statements", () => {
  it("are as many for a large page as for a small one, and one for outcomes when nothing has moved", async () => {
    const count = async (first: number) =>
      (await fixture.run(WHO, { action: "kms:DescribeKey", resource: KEY, first })).statements.length;
    await count(1);
    expect(await count(100)).toBeLessThanOrEqual(3); // the state of the account, principals, groups
    const BARE =
      'query ($resource: Arn!) { whoCan(action: "kms:Decrypt", resource: $resource) { totalCount nodes { arn outcome } } }';
    expect((await fixture.run(BARE, { resource: KEY })).statements).toHaveLength(1);
    const bare = await fixture.run(
      'query ($principal: Arn!) { whatCan(principal: $principal, action: "kms:Decrypt") { totalCount nodes { resource } } }',
      { principal: `acs:ram::${ACCOUNT}:user/bob` },
    );
    expect(bare.statements).toHaveLength(1);
  });
});

describe("accessMatrix", () => {
  const MATRIX = `query ($principals: [Arn!]!, $resources: [Arn!]!, $actions: [String!]!, $consistency: ConsistencyInput) {
    accessMatrix(principals: $principals, resources: $resources, actions: $actions, consistency: $consistency) {
      principal resource cells { action outcome error { code message } } } }`;
  const actions = ["kms:Decrypt", "kms:TagResource", "kms:DescribeKey"];

  it("has the outcome of each question in its place", async () => {
    const { accessMatrix } = await fixture.ask(MATRIX, { principals: everybody, resources: everything, actions });
    const pairs = everybody.flatMap((principal) => everything.map((resource) => ({ principal, resource })));
    const inputs = pairs.flatMap((pair) => actions.map((action) => ({ ...pair, action })));
    const { checkAccessBatch } = await fixture.ask(BATCH, { inputs });
    const expected = pairs.map((pair, row) => {
      const cells = actions.map((action, column) => {
        return { action, outcome: checkAccessBatch[row * actions.length + column].outcome, error: null };
      });
      return { ...pair, cells };
    });
    expect(accessMatrix).toEqual(expected);
    expect(new Set(checkAccessBatch.map(({ outcome }: { outcome: string }) => outcome)).size).toBeGreaterThan(1);
  });

  it("fails cell by cell, and row by row", async () => {
    const [first = ""] = everybody;
    const { accessMatrix } = await fixture.ask(MATRIX, {
      principals: [first, `${first}x`],
      resources: [KEY, "acs:kms"],
      actions: ["kms:Decrypt", "Decrypt", "kms:DescribeKey"],
    });
    const codes = accessMatrix.map(({ cells }: { cells: { error: { code: string } | null }[] }) =>
      cells.map(({ error }) => error?.code ?? null),
    );
    expect(codes).toEqual([
      [null, "BAD_USER_INPUT", null],
      ["BAD_USER_INPUT", "BAD_USER_INPUT", "BAD_USER_INPUT"],
      ["NOT_FOUND", "BAD_USER_INPUT", "NOT_FOUND"],
      ["BAD_USER_INPUT", "BAD_USER_INPUT", "BAD_USER_INPUT"],
    ]);
  });

  it("asks for permission pair by pair", async () => {
    const principals = [HOME.user("rpo"), HOME.user("ann")];
    const variables = { principals, resources: [HOME.key], actions: ["kms:Decrypt"] };
    const { data } = await fixture.run(MATRIX, variables, CALLERS.ofPolicies);
    expect(data.accessMatrix).toMatchObject([
      { cells: [{ outcome: "IMPLICIT_DENY", error: null }] },
      { cells: [{ outcome: null, error: { code: "FORBIDDEN" } }] },
    ]);
  });

  it("is refused when it is too large, or its consistency cannot be had", async () => {
    const many = Array.from({ length: 101 }, (_, place) => `${place}`);
    const large = { principals: many, resources: many, actions: ["kms:Decrypt"] };
    expect((await fixture.fail(MATRIX, large)).code).toBe("BAD_USER_INPUT");
    const variables = { principals: everybody.slice(0, 1), resources: [KEY], actions, consistency: { atLeast: "x" } };
    expect((await fixture.fail(MATRIX, variables)).code).toBe("BAD_USER_INPUT");
  });

  it("takes two statements, however large it is", async () => {
    const variables = { principals: everybody, resources: everything, actions: ["kms:Encrypt", "kms:ListKeys"] };
    expect((await fixture.run(MATRIX, variables)).statements).toHaveLength(2);
  });
});

describe("who may not read everybody", () => {
  const GRANT = `mutation ($policy: CreatePolicyInput!, $attach: AttachPolicyInput!) {
    createPolicy(input: $policy) { userErrors { message } } attachPolicy(input: $attach) { userErrors { message } } }`;
  const grant = async (name: string, Statement: object[], user: string) =>
    fixture.ask(GRANT, {
      policy: { account: HOME.account, name, document: { Version: "1", Statement } },
      attach: { policy: `acs:ram::${HOME.account}:policy/${name}`, principal: user },
    });

  it("sees that there are others, and nothing of them", async () => {
    await grant(
      "asker",
      [{ Effect: "Allow", Action: "ramgate:EvaluateAccess", Resource: "acs:kms:*:*:*" }],
      HOME.user("ann"),
    );
    const variables = { action: "kms:Decrypt", resource: HOME.key };
    const all = (await fixture.ask(WHO, variables)).whoCan;
    const { data, errors } = await fixture.run(WHO, variables, CALLERS.user);
    expect(errors).toEqual([]);
    expect(data.whoCan.totalCount).toBe(all.totalCount);
    const shown = data.whoCan.nodes.filter(({ redacted }: { redacted: boolean }) => !redacted);
    expect(shown).toMatchObject([{ arn: HOME.user("ann"), outcome: "ALLOW", viaGroups: [{ name: HOME.name("ops") }] }]);
    const hidden = data.whoCan.nodes.filter(({ redacted }: { redacted: boolean }) => redacted);
    expect(hidden.length).toBe(all.totalCount - 1);
    for (const row of hidden) {
      expect(row).toEqual({
        ...{ arn: null, principal: null, decision: null, operation: null, viaGroups: null },
        ...{ redacted: true, outcome: "ALLOW" },
      });
    }
    const cursors = await fixture.run(WHO.replace("nodes {", "edges { cursor } nodes {"), variables, CALLERS.user);
    const decoded = cursors.data.whoCan.edges.map(({ cursor }: { cursor: string }) =>
      Buffer.from(cursor, "base64url").toString(),
    );
    expect(canariesIn(decoded, HOME)).toEqual([]);
  });

  it("does not see the key that a secret has led to", async () => {
    const evaluate = { Effect: "Allow", Action: "ramgate:EvaluateAccess", Resource: HOME.secret };
    await grant("secretasker", [evaluate], HOME.user("pri"));
    const variables = { operation: "GetSecretValue", resource: HOME.secret };
    const { data, errors } = await fixture.run(WHO, variables, CALLERS.ofPrincipals);
    expect(errors).toEqual([]);
    expect(data.whoCan.totalCount).toBeGreaterThan(1);
    expect(canariesIn(data, HOME)).not.toContain("key");
    expect(
      (await fixture.ask(WHO.replaceAll("reason", "reason resource"), variables)).whoCan.nodes[0].operation.legs,
    ).toMatchObject([{ resource: HOME.secret }, { resource: HOME.key }]);
    const legs = await fixture.run(WHO.replaceAll("reason", "reason resource"), variables, CALLERS.ofPrincipals);
    expect(legs.data.whoCan.nodes[0].operation.legs).toMatchObject([{ resource: HOME.secret }, { resource: "*" }]);
  });

  it("is kept from rows by a Deny, as from questions about them", async () => {
    const deny = { Effect: "Deny", Action: "ramgate:EvaluateAccess", Resource: [HOME.role, HOME.secret] };
    await grant("denier", [{ Effect: "Allow", Action: "ramgate:*", Resource: "*" }, deny], HOME.user("bob"));
    const { whoCan } = (await fixture.run(WHO, { action: "kms:Decrypt", resource: HOME.key }, CALLERS.nobody)).data;
    const redacted = whoCan.nodes.filter((row: { redacted: boolean }) => row.redacted);
    expect(redacted).toHaveLength(1);
    expect(whoCan.nodes.map(({ arn }: { arn: string }) => arn)).not.toContain(HOME.role);
    const asked = { principal: HOME.user("ann"), action: "kms:GetSecretValue" };
    const full = (await fixture.ask(WHAT, { ...asked, principal: `acs:ram::${HOME.account}:root` })).whatCan;
    const { data } = await fixture.run(WHAT, { ...asked, principal: `acs:ram::${HOME.account}:root` }, CALLERS.nobody);
    expect(full.nodes.map(({ resource }: { resource: string }) => resource)).toEqual([HOME.secret]);
    expect(data.whatCan.nodes).toEqual([{ resource: null, redacted: true, outcome: "ALLOW", decision: null }]);
  });

  it("asks what it may do itself without permission, and about others or all with it", async () => {
    const code = async (document: string, variables: object, caller = CALLERS.session) =>
      (await fixture.run(document, variables as Record<string, unknown>, caller)).errors[0]?.extensions["code"] ??
      "DATA";
    expect(await code(WHAT, { principal: HOME.user("bob"), action: "kms:Decrypt" }, CALLERS.ofPolicies)).toBe(
      "FORBIDDEN",
    );
    expect(await code(WHAT, { principal: HOME.user("rpo"), action: "kms:Decrypt" }, CALLERS.ofPolicies)).toBe("DATA");
    expect(await code(WHO, { resource: HOME.key, action: "kms:Decrypt" }, CALLERS.ofPolicies)).toBe("FORBIDDEN");
    expect(await code(WHO, { resource: HOME.key, action: "kms:Decrypt" }, CALLERS.admin)).toBe("DATA");
    expect(await code(WHO, { resource: "*", action: "kms:GetRandomPassword" }, CALLERS.admin)).toBe("DATA");
    expect(await code(WHO, { resource: KEY, action: "kms:Decrypt" }, CALLERS.admin)).toBe("FORBIDDEN");
    const elsewhere = { resource: "*", action: "kms:GetRandomPassword", account: ACCOUNT };
    expect(await code(WHO, elsewhere, CALLERS.owner)).toBe("FORBIDDEN");
    expect(await code(WHO, { ...elsewhere, resource: "acs:kms:*:*:key/k" }, CALLERS.owner)).toBe("FORBIDDEN");
  });
});
