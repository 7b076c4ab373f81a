import { readFileSync } from "node:fs";
import { buildASTSchema, type GraphQLSchema, isObjectType, parse, printSchema } from "graphql";
import { describe, expect, it } from "vitest";
import { ACCESS_RULES, type AccessRules, type FieldAccess } from "../../src/graphql/access.js";
import type { FieldRule } from "../../src/graphql/access-rules.js";
import { accessTables, withTables } from "../../src/graphql/access-table.js";
import { createContext, type GraphQLContext, type Services } from "../../src/graphql/context.js";
import { guard } from "../../src/graphql/guard.js";
import { buildSchema } from "../../src/graphql/schema.js";

const schema = buildSchema();

function* fieldsOf(of: GraphQLSchema): Generator<[path: string, access: FieldAccess | undefined]> {
  for (const type of Object.values(of.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith("__")) continue;
    for (const { name, extensions } of Object.values(type.getFields())) {
      yield [`${type.name}.${name}`, extensions["access"] as FieldAccess | undefined];
    }
  }
}

/** A schema of the same types, without rules so far. */
const bare = () => buildASTSchema(parse(printSchema(schema)), { assumeValid: true });
const without = (name: string): AccessRules => ({
  types: Object.fromEntries(Object.entries(ACCESS_RULES.types).filter(([each]) => each !== name)),
  fields: Object.fromEntries(Object.entries(ACCESS_RULES.fields).filter(([each]) => each !== name)),
});

describe("every field of every type", () => {
  it("has a rule", () => {
    const fields = [...fieldsOf(schema)];
    expect(fields.length).toBeGreaterThan(400);
    expect(fields.filter(([, access]) => access === undefined).map(([path]) => path)).toEqual([]);
    expect([...fieldsOf(bare())].filter(([, access]) => access !== undefined)).toEqual([]);
  });

  it.each(["Query", "Subscription"])("of the %s has one of its own", (root) => {
    const roots = [...fieldsOf(schema)].filter(([path]) => path.startsWith(`${root}.`));
    expect(roots).not.toEqual([]);
    for (const [path, access] of roots) {
      expect(access?.rule, path).toBeTruthy();
      expect(access?.rule, path).toBe(ACCESS_RULES.fields[path]);
    }
  });

  it.each(Object.keys(ACCESS_RULES.types).filter((name) => isObjectType(schema.getType(name)) && name !== "PageInfo"))(
    "needs that of its type %s",
    (name) => {
      expect(() => guard(bare(), without(name))).toThrow(`the type \`${name}\` has no access rule`);
    },
  );

  const ROOTS = Object.keys(ACCESS_RULES.fields).filter((name) => /^(Query|Subscription)\./.test(name));
  it.each(ROOTS)("needs that of %s", (name) => {
    expect(() => guard(bare(), without(name))).toThrow(`\`${name}\` has no access rule`);
  });

  it("names no type or field that is not there", () => {
    const paths = new Set([...fieldsOf(schema)].map(([path]) => path));
    expect(Object.keys(ACCESS_RULES.fields).filter((path) => !paths.has(path))).toEqual([]);
    expect(Object.keys(ACCESS_RULES.types).filter((name) => schema.getType(name) === undefined)).toEqual([]);
  });
});

describe("docs/authorization.md", () => {
  const page = readFileSync(new URL("../../docs/authorization.md", import.meta.url), "utf8");

  it("has the tables that the rules make: run `npm run docs` after a change", () => {
    expect(page).toBe(withTables(page, accessTables(ACCESS_RULES)));
    for (const field of Object.keys(schema.getQueryType()?.getFields() ?? {}))
      expect(page).toContain(`| \`${field}\` |`);
  });

  it("keeps its places, or nothing is printed", () => {
    expect(() => withTables(page.replace("<!-- queries -->", ""), accessTables(ACCESS_RULES))).toThrow(
      "is not there once",
    );
  });
});

describe("a subscription", () => {
  const SDL = "type Query { viewer: Int } type Subscription { news(account: String): Int }";
  const news = (before: NonNullable<FieldRule["before"]>) => {
    const rule: FieldRule = { actions: ["ramgate:ReadAuditTrail"], on: "", free: "", result: "AS_IS", before };
    const made = buildASTSchema(parse(SDL));
    const field = made.getSubscriptionType()?.getFields()["news"];
    if (field === undefined) throw new Error("there is no such field");
    field.subscribe = async function* () {
      yield 1;
    };
    guard(made, { ...ACCESS_RULES, fields: { ...ACCESS_RULES.fields, "Subscription.news": rule } });
    return field;
  };
  const contextOf = (caller: GraphQLContext["caller"]) => createContext({} as Services, caller, "request-1");
  const principal = { kind: "PRINCIPAL", credentialId: "c", principalArn: "acs:ram::1:user/ann" } as const;

  it("asks its rule before it begins, and needs one", async () => {
    const refused = news(() => Promise.reject(new Error("refused")));
    await expect(refused.subscribe?.({}, {}, contextOf(principal), {} as never)).rejects.toThrow("internal error");
    const open = news(() => Promise.resolve());
    expect(await open.subscribe?.({}, {}, contextOf(principal), {} as never)).toHaveProperty("next");
    expect(() => open.subscribe?.({}, {}, contextOf(null), {} as never)).toThrow("send an api key");
    expect(() => guard(buildASTSchema(parse(SDL)))).toThrow("`Subscription.news` has no access rule");
  });

  it("is not asked of operators", () => {
    const refused = news(() => Promise.reject(new Error("refused")));
    const operator = { kind: "OPERATOR", credentialId: "o" } as const;
    expect(refused.subscribe?.({}, {}, contextOf(operator), {} as never)).toHaveProperty("next");
  });
});
