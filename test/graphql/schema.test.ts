import { readFileSync } from "node:fs";
import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  lexicographicSortSchema,
  printSchema,
} from "graphql";
import { describe, expect, it } from "vitest";
import { buildSchema } from "../../src/graphql/schema.js";

const schema = buildSchema();
const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith("__"));
const BUILT_IN = new Set(["Boolean", "Float", "ID", "Int", "String"]);

type Described = { readonly name: string; readonly description?: string | null | undefined };

/** Everything of a type that can carry a description, by its path. */
function* parts(type: GraphQLNamedType): Generator<[path: string, part: Described]> {
  yield [type.name, type];
  if (isEnumType(type)) for (const value of type.getValues()) yield [`${type.name}.${value.name}`, value];
  if (!(isObjectType(type) || isInterfaceType(type) || isInputObjectType(type))) return;
  for (const field of Object.values<GraphQLField<unknown, unknown> | GraphQLInputField>(type.getFields())) {
    yield [`${type.name}.${field.name}`, field];
    for (const arg of argsOf(field)) yield [`${type.name}.${field.name}(${arg.name}:)`, arg];
  }
}

function argsOf(field: GraphQLField<unknown, unknown> | GraphQLInputField): readonly GraphQLArgument[] {
  return "args" in field ? field.args : [];
}

const QUERIES = [
  ...[
    "accessMatrix",
    "accounts",
    "apiKey",
    "apiKeys",
    "auditEvents",
    "canPerform",
    "checkAccess",
    "checkAccessBatch",
    "decisionLog",
    "effectivePermissions",
    "exportAccount",
    "lintPolicy",
    "node",
    "nodes",
    "policies",
  ],
  ...["policy", "principal", "principals", "resource", "resources", "viewer", "whatCan", "whoCan"],
];
const CHANGES = [
  ...["addUserToGroup", "assumeRole", "attachPolicies", "attachPolicy", "createAccount", "createApiKey", "createGroup"],
  ...["createPolicy", "createPolicyVersion", "createResourceGroup", "createRole", "createUser"],
  ...["deleteGroup", "deletePolicy", "deletePolicyVersion", "deleteResourceGroup", "deleteRole"],
  ...["deleteUser", "deregisterAlias", "deregisterKey", "deregisterSecret", "detachPolicies"],
  ...["detachPolicy", "importAccount", "moveToResourceGroup", "registerAlias", "registerKey"],
  ...[
    "registerSecret",
    "removeUserFromGroup",
    "revokeApiKey",
    "revokeRoleSessions",
    "rotateApiKey",
    "setDefaultPolicyVersion",
    "tagResource",
    "untagResource",
  ],
  ...["updateAccount", "updateAlias", "updateGroup", "updateKey", "updatePolicy"],
  ...["updateResourceGroup", "updateRole", "updateSecret", "updateUser"],
];

describe("the schema", () => {
  it("describes every type, field, argument, input field and enum value", () => {
    const missing = types
      .filter(({ name }) => !BUILT_IN.has(name))
      .flatMap((type) => [...parts(type)])
      .filter(([, { description }]) => !description || description.length < 4)
      .map(([path]) => path);
    expect(missing).toEqual([]);
  });

  it("is what schema.graphql says: run `npm run schema` after a change", () => {
    const committed = readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8");
    expect(committed).toBe(`${printSchema(lexicographicSortSchema(schema))}\n`);
  });

  it("holds the public contract's questions and changes", () => {
    const names = (type: GraphQLObjectType | null | undefined) => Object.keys(type?.getFields() ?? {});
    expect(names(schema.getQueryType())).toEqual(QUERIES);
    expect(names(schema.getMutationType())).toEqual(CHANGES);
    for (const name of CHANGES) {
      const field = schema.getMutationType()?.getFields()[name];
      const capital = name.charAt(0).toUpperCase() + name.slice(1);
      expect(`${field?.args.map((arg) => `${arg.name}: ${arg.type}`)}`).toBe(`input: ${capital}Input!`);
      expect(String(field?.type)).toBe(`${capital}Payload!`);
      const payload = schema.getType(`${capital}Payload`) as GraphQLObjectType;
      const types = Object.fromEntries(
        Object.values(payload.getFields()).map((each) => [each.name, String(each.type)]),
      );
      expect(types).toMatchObject({ userErrors: "[UserError!]!", revision: "RevisionToken", changed: "Boolean!" });
      const input = schema.getType(`${capital}Input`) as GraphQLInputObjectType;
      expect(Object.keys(input.getFields())).toEqual(
        expect.arrayContaining(["dryRun", "expectedRevision", "idempotencyKey", "reason"]),
      );
    }
  });

  it("gives every description the form of a sentence", () => {
    const odd = types
      .filter(({ name }) => !BUILT_IN.has(name))
      .flatMap((type) => [...parts(type)])
      .filter(([, { description }]) => !/^[A-Z`].*([.?…]|`)$/s.test(description ?? ""))
      .map(([path, { description }]) => `${path}: ${description}`);
    expect(odd).toEqual([]);
  });
});
