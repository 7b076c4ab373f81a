import {
  defaultFieldResolver,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isObjectType,
} from "graphql";
import { InvalidInputError } from "../domain/errors.js";
import { ACCESS_RULES, type AccessRules, accessOf, accessSentence, type FieldAccess, restricted } from "./access.js";
import type { GraphQLContext } from "./context.js";
import { toGraphQLError, UnauthenticatedError } from "./errors.js";
import { MAX_PAGE_SIZE } from "./page-size.js";

type Resolve = NonNullable<GraphQLField<unknown, GraphQLContext>["resolve"]>;

/**
 * Puts what holds for every field around every field: nobody unknown gets past a root field, principals get no further
 * than the rules of access let them, no page is larger than the limit, and whatever a resolver throws leaves with a code
 * of the closed list.
 *
 * @throws Error where a type or a root field has no rule of access
 */
export function guard(schema: GraphQLSchema, rules: AccessRules = ACCESS_RULES): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (isObjectType(type) && !type.name.startsWith("__")) guardType(type, rootOf(type, schema), rules);
  }
  return schema;
}

type Root = "QUERY" | "MUTATION" | "SUBSCRIPTION" | null;

function rootOf(type: GraphQLObjectType, schema: GraphQLSchema): Root {
  if (type === schema.getQueryType()) return "QUERY";
  if (type === schema.getMutationType()) return "MUTATION";
  return type === schema.getSubscriptionType() ? "SUBSCRIPTION" : null;
}

function guardType(type: GraphQLObjectType<unknown, GraphQLContext>, root: Root, rules: AccessRules): void {
  for (const field of Object.values(type.getFields())) {
    const access = accessOf(type, root, field, rules);
    const limits = checks(field, root !== null);
    field.extensions = { ...field.extensions, access };
    field.description = [field.description, accessSentence(access)].filter(Boolean).join(" ");
    if (root === "SUBSCRIPTION") guardSubscription(field, limits, access);
    else if (!isPlainMember(field, limits, access))
      field.resolve = guarded(field.resolve ?? defaultFieldResolver, limits, access);
  }
}

/** Reading a member of what is there already cannot fail, and there is nothing to guard. */
function isPlainMember(
  { resolve }: GraphQLField<unknown, GraphQLContext>,
  limits: readonly Check[],
  access: FieldAccess,
) {
  const reads = resolve === undefined || resolve === defaultFieldResolver;
  return reads && limits.length === 0 && restricted(defaultFieldResolver, access) === defaultFieldResolver;
}

/** The rule holds for the stream; what each event leads to is looked at when it comes. */
function guardSubscription(
  field: GraphQLField<unknown, GraphQLContext>,
  limits: readonly Check[],
  access: FieldAccess,
) {
  field.subscribe = guarded(field.subscribe ?? defaultFieldResolver, limits, { ...access, leadsTo: null });
  field.resolve = guarded(field.resolve ?? defaultFieldResolver, limits, { ...access, rule: null });
}

type Check = (args: Record<string, unknown>, context: GraphQLContext) => void;

function checks(field: GraphQLField<unknown, GraphQLContext>, root: boolean): readonly Check[] {
  const paged = field.args.some(({ name }) => name === "first");
  const listed = root && field.args.some(({ name }) => name === "ids");
  return [...(root ? [requireCaller] : []), ...(paged ? [limitPage] : []), ...(listed ? [limitIds] : [])];
}

function guarded(resolve: Resolve, limits: readonly Check[], access: FieldAccess): Resolve {
  const forPrincipals = restricted(resolve, access);
  return (parent, args, context, info) => {
    try {
      for (const check of limits) check(args, context);
      const result = (context.permissions === null ? resolve : forPrincipals)(parent, args, context, info);
      return isThenable(result) ? Promise.resolve(result).catch((error) => fail(error, context)) : result;
    } catch (error) {
      return fail(error, context);
    }
  };
}

/** Prisma's promises are none of the language's. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

function fail(error: unknown, context: GraphQLContext): never {
  throw toGraphQLError(error, context.requestId);
}

function requireCaller(_args: Record<string, unknown>, { caller }: GraphQLContext): void {
  if (!caller) throw new UnauthenticatedError("send an api key as `authorization: Bearer <key>`");
}

function limitPage({ first, last }: Record<string, unknown>): void {
  if (typeof first === "number" && typeof last === "number") {
    throw new InvalidInputError("a page is counted from one end: give `first` or `last`, not both");
  }
  for (const size of [first, last]) {
    if (typeof size === "number" && (size < 0 || size > MAX_PAGE_SIZE)) {
      throw new InvalidInputError(`a page has 0 to ${MAX_PAGE_SIZE} objects, not \`${size}\``);
    }
  }
}

function limitIds({ ids }: Record<string, unknown>): void {
  if (Array.isArray(ids) && ids.length > MAX_PAGE_SIZE) {
    throw new InvalidInputError(`at most ${MAX_PAGE_SIZE} ids can be asked at a time, not \`${ids.length}\``);
  }
}
