import { type GraphQLField, type GraphQLObjectType, getNamedType } from "graphql";
import { PERMISSIONS } from "../administration/permissions.js";
import {
  FIELDS,
  type FieldRule,
  mayRead,
  mayReadDirectly,
  NOTHING,
  RECORDS,
  type RecordKind,
  TYPES,
  type TypeRule,
} from "./access-rules.js";
import type { Made } from "./change.js";
import type { GraphQLContext } from "./context.js";
import { toGraphQLError } from "./errors.js";
import { readNodeId } from "./node-id.js";
import { type Permissions, refusal } from "./permissions.js";

export interface AccessRules {
  readonly types: Readonly<Record<string, TypeRule>>;
  readonly fields: Readonly<Record<string, FieldRule>>;
}

export const ACCESS_RULES: AccessRules = { types: TYPES, fields: FIELDS };

/** Who may use a field; stands in its `extensions.access`. */
export interface FieldAccess {
  /** Of the object that it is a field of; a mutation is decided by its use case. */
  readonly of: TypeRule | "QUERY" | "MUTATION" | "SUBSCRIPTION";
  /** Null: nothing beside the rule of its type. */
  readonly rule: FieldRule | null;
  /** What kind of records it leads to; null: to none. */
  readonly leadsTo: RecordKind | null;
}

type Field = GraphQLField<unknown, GraphQLContext>;
type Resolve = NonNullable<Field["resolve"]>;

/** @throws Error where a type, or a field of the query or subscription, has no rule */
export function accessOf(
  type: GraphQLObjectType<unknown, GraphQLContext>,
  root: "QUERY" | "MUTATION" | "SUBSCRIPTION" | null,
  field: Field,
  rules: AccessRules,
): FieldAccess {
  const rule = rules.fields[`${type.name}.${field.name}`] ?? null;
  const target = getNamedType(field.type);
  const leadsTo = rules.types[target.name];
  if (root === "MUTATION") return { of: root, rule: changeRule(field.name), leadsTo: null };
  if (root !== null && rule === null) throw new Error(`\`${type.name}.${field.name}\` has no access rule`);
  const access = root ?? typeRule(type, rules);
  return { of: access, rule, leadsTo: isRecordKind(leadsTo) ? leadsTo : null };
}

/** What the description of a field says of its rule; nothing where every known caller may use it. */
export function accessSentence({ of, rule }: FieldAccess): string {
  if (of === "MUTATION") return rule === null || rule.actions.length === 0 ? "" : `Principals need ${rule.on}.`;
  if (rule === null || rule.actions.length === 0) return "";
  const free = rule.free === NOTHING ? "" : `, except for ${rule.free}`;
  return `Principals need ${rule.actions.map((action) => `\`${action}\``).join(", ")} on ${rule.on}${free}; else FORBIDDEN.`;
}

/** Decided by the use case, in the transaction of the change. */
function changeRule(mutation: string): FieldRule {
  const needed = Object.entries(PERMISSIONS).find(([name]) => name === mutation)?.[1];
  if (needed === undefined) throw new Error(`the mutation \`${mutation}\` has no access rule`);
  if (typeof needed === "string") return { actions: [], on: needed, free: NOTHING, result: "AS_IS" };
  const on = Object.entries(needed).map(([action, what]) => `\`${action}\` on ${what}`);
  return { actions: Object.keys(needed), on: on.join("; "), free: NOTHING, result: "AS_IS" };
}

function isRecordKind(rule: TypeRule | undefined): rule is RecordKind {
  return rule !== undefined && rule in RECORDS;
}

function typeRule(type: GraphQLObjectType, { types }: AccessRules): TypeRule {
  const rule = types[type.name] ?? structuralRule(type);
  if (rule === undefined) throw new Error(`the type \`${type.name}\` has no access rule`);
  return rule;
}

function structuralRule(type: GraphQLObjectType): TypeRule | undefined {
  const fields = type.getFields();
  if (type.name.endsWith("Payload") && fields["userErrors"]) return "CHANGE";
  return fields["pageInfo"] || (fields["cursor"] && fields["node"]) ? "PART" : undefined;
}

/** What a principal gets from a field. The same resolver where the rule of its type says all. */
export function restricted(resolve: Resolve, access: FieldAccess): Resolve {
  const { rule } = access;
  const screen = screenOf(access);
  if (rule?.before === undefined && screen === null) return resolve;
  return async (parent, args, context, info) => {
    const permissions = context.permissions as Permissions; // operators never come here
    await rule?.before?.({ parent, args, permissions });
    const value = await resolve(parent, args, context, info);
    return screen === null ? value : screen(value, { parent, args, context, permissions });
  };
}

interface Screening {
  readonly parent: unknown;
  readonly args: Readonly<Record<string, unknown>>;
  readonly context: GraphQLContext;
  readonly permissions: Permissions;
}

/** Lets a value through, or throws. */
type Screen = (value: unknown, screening: Screening) => unknown;

function screenOf({ of, rule, leadsTo }: FieldAccess): Screen | null {
  if (rule?.result === "LISTED") return showPage;
  if (rule?.result === "NODE") return screenNodes;
  if (leadsTo === null || rule?.result === "AS_IS") return null;
  if (of === "CHANGE") return (value, screening) => screenChanged(value, leadsTo, screening);
  const may = rule?.result === "DIRECT" ? mayReadDirectly : mayRead;
  return (value, screening) => screenEach(value, screening, (row) => screenRow(row, leadsTo, may, screening));
}

/** Its name came from the caller, so where nothing was changed it is as if it were asked for by that name. */
function screenChanged(value: unknown, kind: RecordKind, screening: Screening): unknown {
  if ((screening.parent as Pick<Made<unknown>, "made">).made) return value;
  return screenEach(value, screening, async (row) => {
    if (await mayReadNode(kind, row, screening)) return row;
    throw refusal(RECORDS[kind].action);
  });
}

function showPage(page: unknown, { permissions }: Screening): unknown {
  for (const { node } of (page as { edges: readonly { node: object }[] }).edges) permissions.show(node);
  return page;
}

async function screenRow(row: object, kind: RecordKind, may: typeof mayRead, { permissions }: Screening) {
  if (permissions.isShown(row) || (await may(kind, row as never, permissions))) return row;
  throw refusal(RECORDS[kind].action);
}

/** One that is refused never takes the others of a list with it. */
function screenEach(value: unknown, { context }: Screening, screen: (row: object) => Promise<unknown>): unknown {
  if (!Array.isArray(value)) return isRow(value) ? screen(value) : value;
  return value.map((item) => (isRow(item) ? screen(item).catch(failing(context)) : item));
}

function failing({ requestId }: GraphQLContext) {
  return (error: unknown): never => {
    throw toGraphQLError(error, requestId);
  };
}

function isRow(value: unknown): value is object {
  return typeof value === "object" && value !== null && !(value instanceof Error);
}

function screenNodes(value: unknown, screening: Screening): unknown {
  const { args, context } = screening;
  if (!Array.isArray(value)) return screenNode(String(args["id"]), value, screening);
  const ids = args["ids"] as readonly unknown[];
  return value.map((row, place) => screenNode(String(ids[place]), row, screening).catch(failing(context)));
}

/** What may not be seen is answered like what is missing. */
async function screenNode(id: string, row: unknown, screening: Screening): Promise<unknown> {
  const { permissions } = screening;
  const { typename } = readNodeId(id);
  if (typename === "ApiKey") return row; // null unless it is the caller's
  const kind = kindOfNode(typename);
  if (isRow(row) && (await mayReadNode(typename === "PolicyVersion" ? "VERSION" : kind, row, screening))) return row;
  const { action, all } = RECORDS[kind];
  if (await permissions.allows(action, [all(permissions.account)])) return null;
  throw refusal(action);
}

function kindOfNode(typename: string): RecordKind {
  if (typename === "PolicyVersion") return "POLICY";
  const rule = TYPES[typename];
  if (isRecordKind(rule)) return rule;
  throw new Error(`nodes of type \`${typename}\` have no access rule`);
}

/** An attachment and a version are seen by who sees what they hang on. */
async function mayReadNode(kind: RecordKind | "VERSION", row: object, { context, permissions }: Screening) {
  if (kind !== "ATTACHMENT" && kind !== "VERSION") return mayReadDirectly(kind, row as never, permissions);
  const { records } = context;
  const { policyId, attached } = hangingOf(row);
  if (attached !== null && attached.accountId !== permissions.account) return false;
  const policy = await records.policies.load(policyId);
  if (policy !== null && (await mayReadDirectly("POLICY", policy, permissions))) return true;
  const principal = attached && (await records.principals.load(attached.principalId));
  return principal !== null && mayReadDirectly("PRINCIPAL", principal, permissions);
}

/** Versions are of a policy alone. */
function hangingOf(row: object) {
  const attachment = row as { policyId: string; accountId: string; principalId: string };
  return { policyId: attachment.policyId, attached: "principalId" in row ? attachment : null };
}
