// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what attackers write
import { readdirSync, readFileSync } from "node:fs";
import {
  type GraphQLArgument,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from "graphql";
import { APOLLO_KEY, APOLLO_SECRET, group, policy, role, user } from "./demo.js";
import { randomFrom } from "./random-cases.js";

const OPERATIONS = new URL("../../examples/operations/", import.meta.url);
const EXAMPLES = readdirSync(OPERATIONS)
  .filter((name) => name.endsWith(".graphql"))
  .map((name) => readFileSync(new URL(name, OPERATIONS), "utf8"));

const TEXTS = [
  ...[
    APOLLO_KEY,
    APOLLO_SECRET,
    user("alice"),
    user("none"),
    group("kms-operators"),
    role("deploy-bot"),
    policy("none"),
  ],
  ...[
    "acs:ram::system:policy/AliyunKMSFullAccess",
    "acs:ram::999:user/x",
    "acs:::::",
    "*",
    "",
    " ",
    "\\u0000",
    "\\ud800",
    "%",
  ],
  ...[
    "1234567890123456",
    "rg-apollo",
    "kms:Decrypt",
    "kms:*",
    "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "v1.AAAA",
  ],
  ...[
    "__proto__",
    "constructor",
    "'; DROP TABLE account; --",
    "${jndi:x}",
    "\\u212a",
    "VXNlcjox",
    "UG9saWN5OjE=",
    "a".repeat(300),
  ],
];
const LITERALS = [
  "null",
  "true",
  "0",
  "-1",
  "1",
  "100",
  "101",
  "2147483647",
  "2147483648",
  "1e999",
  "0.5",
  "[]",
  "{}",
  "[[[]]]",
  "ENUM",
];
const SNIPPETS = [
  "{",
  "}",
  "(",
  ")",
  "@skip(if: true)",
  "@include(if: $x)",
  "...",
  "... on User {",
  "fragment f on Query { ...f }",
  "$x: [ID!]!",
  '"',
  '"""',
  "#",
  "\u0000",
  "\ufeff",
  "query",
  "mutation",
  "subscription",
  "__schema",
  "__typename",
  "a: a: a",
];

/** Makes documents and bodies that nobody would send in good faith; the same seed makes the same. */
export class HostileDocuments {
  private readonly random: () => number;
  private readonly schema: GraphQLSchema;

  constructor(schema: GraphQLSchema, seed: number) {
    this.schema = schema;
    this.random = randomFrom(seed);
  }

  /** A body for `POST /graphql`. */
  body(): string {
    const query = this.chance(0.6) ? this.operation() : this.broken(this.pick(EXAMPLES));
    const document = this.chance(0.3) ? this.broken(query) : query;
    const body = {
      query: document,
      variables: this.chance(0.3) ? this.value(3) : undefined,
      operationName: this.chance(0.05) ? this.pick(TEXTS) : undefined,
    };
    const text = JSON.stringify(body);
    return this.chance(0.1) ? this.broken(text) : text;
  }

  private operation(): string {
    const [keyword, type] = this.chance(0.75)
      ? (["query", this.schema.getQueryType()] as const)
      : (["mutation", this.schema.getMutationType()] as const);
    return `${keyword} ${type ? this.selection(type, 0) : "{ x }"}`;
  }

  private selection(type: GraphQLObjectType, depth: number): string {
    const fields = Object.values(type.getFields());
    const chosen = Array.from({ length: 1 + this.below(depth === 0 ? 2 : 4) }, () => this.pick(fields));
    const made = chosen.map((field, place) => {
      const args = field.args
        .filter((arg) => isNonNullType(arg.type) || this.chance(0.4))
        .map((arg) => this.argument(arg));
      const inner = this.inner(getNamedType(field.type), depth + 1);
      return `${this.chance(0.3) ? `a${place}: ` : ""}${field.name}${args.length > 0 ? `(${args.join(", ")})` : ""}${inner}`;
    });
    return `{ ${made.join(" ")} }`;
  }

  private inner(type: unknown, depth: number): string {
    if (depth > 6) return isObjectType(type) || isInterfaceType(type) || isUnionType(type) ? " { __typename }" : "";
    if (isObjectType(type)) return ` ${this.selection(type, depth)}`;
    if (!isInterfaceType(type) && !isUnionType(type)) return "";
    const possible = this.pick(this.schema.getPossibleTypes(type));
    return ` { __typename ... on ${possible.name} ${this.selection(possible, depth)} }`;
  }

  private argument({ name, type }: GraphQLArgument): string {
    return `${name}: ${this.chance(0.05) ? this.pick(LITERALS) : this.input(type, 0)}`;
  }

  private input(type: GraphQLInputType, depth: number): string {
    if (isNonNullType(type)) return this.input(type.ofType, depth);
    if (isListType(type))
      return `[${Array.from({ length: this.below(3) }, () => this.input(type.ofType, depth + 1)).join(", ")}]`;
    if (isEnumType(type)) return this.pick(type.getValues()).name;
    if (isInputObjectType(type)) return depth > 4 ? "{}" : this.inputObject(type, depth);
    if (["Int", "Float"].includes(type.name)) return this.pick(LITERALS.slice(2, 11));
    if (type.name === "Boolean") return this.pick(["true", "false"]);
    if (["PolicyDocument", "JSON"].includes(type.name) && this.chance(0.7)) return this.literal(this.value(4));
    return `"${this.pick(TEXTS)}"`;
  }

  private inputObject(
    type: { getFields(): Readonly<Record<string, { name: string; type: GraphQLInputType }>> },
    depth: number,
  ): string {
    const fields = Object.values(type.getFields()).filter((field) => isNonNullType(field.type) || this.chance(0.4));
    return `{${fields.map((field) => `${field.name}: ${this.input(field.type, depth + 1)}`).join(", ")}}`;
  }

  /** A JSON value, some of it like a policy. */
  private value(depth: number): unknown {
    if (depth === 0 || this.chance(0.4)) return this.pick([...TEXTS, 0, -1, 1e308, null, true, "Allow"]);
    if (this.chance(0.3)) return Array.from({ length: this.below(4) }, () => this.value(depth - 1));
    const names = ["Version", "Statement", "Effect", "Action", "Resource", "Condition", "x", "input", "__proto__"];
    return Object.fromEntries(Array.from({ length: this.below(4) }, () => [this.pick(names), this.value(depth - 1)]));
  }

  private literal(value: unknown): string {
    return JSON.stringify(value).replace(/"([A-Za-z]+)":/g, "$1:");
  }

  /** The text with something cut out, put in or said twice. */
  private broken(text: string): string {
    const [from, to] = [this.below(text.length), this.below(text.length)].sort((a, b) => a - b) as [number, number];
    if (this.chance(0.3)) return text.slice(0, from) + text.slice(Math.min(to, from + 12));
    if (this.chance(0.3)) return text.slice(0, to) + text.slice(from, Math.min(to, from + 60)) + text.slice(to);
    return text.slice(0, from) + this.pick([...SNIPPETS, ...LITERALS]) + text.slice(from);
  }

  private chance(probability: number): boolean {
    return this.random() < probability;
  }

  private below(end: number): number {
    return Math.floor(this.random() * end);
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}
