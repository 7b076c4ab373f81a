import {
  defaultFieldResolver,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isObjectType,
} from "graphql";
import { InvalidInputError } from "../domain/errors.js";
import type { GraphQLContext } from "./context.js";
import { toGraphQLError, UnauthenticatedError } from "./errors.js";
import { MAX_PAGE_SIZE } from "./page-size.js";

type Resolve = NonNullable<GraphQLField<unknown, GraphQLContext>["resolve"]>;

/**
 * Puts what holds for every field around every field: nobody unknown gets past a root field, no page is larger than the
 * limit, and whatever a resolver throws leaves with a code of the closed list.
 */
export function guard(schema: GraphQLSchema): GraphQLSchema {
  const roots = new Set([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]);
  for (const type of Object.values(schema.getTypeMap())) {
    if (isObjectType(type) && !type.name.startsWith("__")) guardType(type, roots.has(type));
  }
  return schema;
}

function guardType(type: GraphQLObjectType<unknown, GraphQLContext>, root: boolean): void {
  for (const field of Object.values(type.getFields())) {
    const limits = checks(field, root);
    field.resolve = guarded(field.resolve ?? defaultFieldResolver, limits);
    if (field.subscribe) field.subscribe = guarded(field.subscribe, limits);
  }
}

type Check = (args: Record<string, unknown>, context: GraphQLContext) => void;

function checks(field: GraphQLField<unknown, GraphQLContext>, root: boolean): readonly Check[] {
  const paged = field.args.some(({ name }) => name === "first");
  const listed = root && field.args.some(({ name }) => name === "ids");
  return [...(root ? [requireCaller] : []), ...(paged ? [limitPage] : []), ...(listed ? [limitIds] : [])];
}

function guarded(resolve: Resolve, limits: readonly Check[]): Resolve {
  return (parent, args, context, info) => {
    try {
      for (const check of limits) check(args, context);
      const result = resolve(parent, args, context, info);
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
