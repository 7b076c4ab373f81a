import { getNamedType, isObjectType } from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FIELDS, type RecordKind, TYPES, type TypeRule } from "../../src/graphql/access-rules.js";
import { buildSchema, createSchema } from "../../src/graphql/schema.js";
import { reportKilled } from "../support/mutation.js";
import { selectionsFrom } from "./access-paths.js";
import {
  AWAY,
  BUILT_IN,
  CALLERS,
  CANARIES,
  type Canary,
  canariesIn,
  createWorld,
  HOME,
  type Place,
  SEEN,
} from "./access-world.js";
import { type Fixture, OPERATOR, openFixture, requests } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
  await createWorld(fixture);
});
afterAll(() => fixture?.close());

const schema = buildSchema();
/** Records on a way behind the first one. */
const DEPTH = 2;

/** A query of the root with its arguments, and the canaries that stand in these. */
interface Start {
  readonly field: string;
  readonly args: string;
  readonly said: readonly Canary[];
}

function startsAt({ account, user, role, session, group, policy, key, secret, alias }: Place): Start[] {
  const named = (field: string, arn: string, ...said: Canary[]) => ({ field, args: `(arn: "${arn}")`, said });
  const listed = (field: string) => ({ field, args: `(account: "${account}", first: 20)`, said: [] });
  const asked = (field: string, args: string) => ({ field, args, said: ["ann", "key"] as const });
  const question = `principal: "${user("ann")}", resource: "${key}"`;
  return [
    { field: "viewer", args: "", said: [] },
    { field: "accounts", args: "", said: [] },
    ...["principals", "policies", "resources", "auditEvents"].map(listed),
    { field: "apiKeys", args: "", said: [] },
    named("principal", user("ann")),
    named("principal", user("bob")),
    named("principal", group),
    named("principal", role),
    named("principal", session),
    ...(["annpol", "sparepol"] as const).map((of) => named("policy", policy(of))),
    named("policy", BUILT_IN),
    ...[key, secret, alias].map((arn) => named("resource", arn)),
    asked("effectivePermissions", `(${question})`),
    asked("checkAccess", `(input: { ${question}, action: "kms:Encrypt" })`),
    asked("canPerform", `(principal: "${user("ann")}", operation: "Encrypt", targets: { key: "${key}" })`),
    asked("whoCan", `(action: "kms:Encrypt", resource: "${key}", first: 20)`),
    asked("whoCan", `(operation: "Encrypt", resource: "${key}", first: 20)`),
    asked("whatCan", `(principal: "${user("ann")}", action: "kms:Encrypt", first: 20)`),
  ];
}

function documentsFrom({ field, args }: Start, depth: number): string[] {
  const root = schema.getQueryType()?.getFields()[field];
  if (root === undefined) throw new Error(`there is no query \`${field}\``);
  const type = getNamedType(root.type);
  const connection = type.name.endsWith("Connection");
  const nodes = connection && isObjectType(type) ? type.getFields()["nodes"] : undefined;
  const from = nodes === undefined ? type : getNamedType(nodes.type);
  return selectionsFrom(from, { schema, depth }).map((below) =>
    connection ? `{ ${field}${args} { totalCount nodes { ${below} } } }` : `{ ${field}${args} { ${below} } }`,
  );
}

/** What a caller learns on all ways, beside what it has said itself. */
async function learnedBy(
  caller: (typeof CALLERS)[keyof typeof CALLERS] | typeof OPERATOR,
  run = fixture.run,
  depth = DEPTH,
) {
  const learned = { home: new Set<Canary>(), away: new Set<Canary>() };
  let ways = 0;
  for (const [at, seen] of [[HOME, learned.home] as const, [AWAY, learned.away] as const]) {
    for (const start of startsAt(at)) {
      for (const document of documentsFrom(start, depth)) {
        const { data, errors } = await run(document, {}, caller);
        const odd = errors.filter(({ extensions }) => !["FORBIDDEN", "NOT_FOUND"].includes(String(extensions["code"])));
        expect(odd, document).toEqual([]);
        const answer = { data, messages: errors.map(({ message }) => message) };
        for (const canary of canariesIn(answer, at)) if (!start.said.includes(canary)) seen.add(canary);
        const other = at === HOME ? AWAY : HOME;
        for (const canary of canariesIn(answer, other)) (at === HOME ? learned.away : learned.home).add(canary);
        ways += 1;
      }
    }
  }
  return { ways, home: [...learned.home].sort(), away: [...learned.away].sort() };
}

describe("along every way through the schema", { timeout: 300_000 }, () => {
  it("operators see everything, so that a leak would be seen", async () => {
    const { home, away, ways } = await learnedBy(OPERATOR);
    expect(ways).toBeGreaterThan(300);
    expect(home).toEqual([...CANARIES].sort());
    expect(away).toEqual([...CANARIES].sort());
  });

  it.each(Object.keys(CALLERS) as (keyof typeof CALLERS)[])("%s sees what it may, and nothing else", async (who) => {
    const { home, away } = await learnedBy(CALLERS[who]);
    const [own, other] = who === "stranger" ? [away, home] : [home, away];
    expect(other).toEqual([]);
    expect(own.filter((canary) => !SEEN[who].includes(canary))).toEqual([]);
    expect(own).not.toEqual([]);
  });
});

describe("without a rule", { timeout: 300_000 }, () => {
  const BROKEN: readonly [kind: RecordKind, who: keyof typeof CALLERS][] = [
    ["POLICY", "ofPrincipals"],
    ["PRINCIPAL", "ofPolicies"],
    ["RESOURCE", "ofOneKey"],
    ["RESOURCE_GROUP", "ofOneKey"],
  ];

  it.each(BROKEN)("for %s, %s sees more than it may", async (kind, who) => {
    const types = Object.entries(TYPES).map(([name, rule]): [string, TypeRule] => [
      name,
      rule === kind ? "PART" : rule,
    ]);
    const broken = createSchema({ types: Object.fromEntries(types), fields: FIELDS });
    const { home } = await learnedBy(CALLERS[who], requests(fixture.services, broken).run, 2);
    expect(home.filter((canary) => !SEEN[who].includes(canary))).not.toEqual([]);
    reportKilled(`access: ${kind} is not checked`);
  });

  it.each(["Query.principals", "Query.policies", "Query.resources", "Query.auditEvents", "Query.resource"])(
    "for %s, anybody sees what it may not",
    async (name) => {
      const rule = FIELDS[name];
      if (rule === undefined) throw new Error(`there is no rule for ${name}`);
      const { before: _, ...open } = rule;
      const result = rule.result === "LISTED" ? "LISTED" : "AS_IS";
      const broken = createSchema({ types: TYPES, fields: { ...FIELDS, [name]: { ...open, result } } });
      const { home, away } = await learnedBy(CALLERS.nobody, requests(fixture.services, broken).run, 0);
      expect([...home, ...away].filter((canary) => canary !== "bob")).not.toEqual([]);
      reportKilled(`access: ${name} refuses nobody`);
    },
  );
});
