import {
  defaultTypeResolver,
  type GraphQLAbstractType,
  type GraphQLFieldResolver,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  isObjectType,
} from "graphql";

export type Args = { [name: string]: unknown };
type Path = GraphQLResolveInfo["path"] | undefined;

/** The fields of an object, in the order of the answer. */
export type ObjectPlan = readonly FieldPlan[];

/** What is the same whenever a field of an operation is executed. */
export interface FieldPlan {
  readonly responseName: string;
  readonly name: string;
  /** Null: it is the member of the object that has its name. */
  readonly resolve: GraphQLFieldResolver<unknown, unknown> | null;
  readonly argsWith: (variables: Args) => Args;
  readonly info: FieldInfo;
  /** Whether what it leads to has fields. */
  readonly leadsOn: boolean;
  readonly complete: Complete;
}

export type FieldInfo = Omit<GraphQLResolveInfo, "path" | "variableValues">;

/** One execution of a plan. */
export interface Execution {
  readonly context: unknown;
  readonly variables: Args;
  /** What was under way when something went wrong, and nobody waits for any more. */
  readonly left: Promise<unknown>[];
}

/** Makes what goes into the answer of what a resolver gave; a promise of it, where there is something to wait for. */
export type Complete = (value: unknown, execution: Execution, path: Path) => unknown;

/** Something is not on the straight way, most often an error. */
export class OffPlan extends Error {
  override readonly name = "OffPlan";
}

/** @throws OffPlan, or rejects with it, or with what a resolver throws */
export function runObject(plan: ObjectPlan, source: unknown, execution: Execution, path: Path): unknown {
  const result: Args = {};
  const pending: Promise<unknown>[] = [];
  try {
    for (const field of plan) {
      const value = runField(field, source, execution, path);
      result[field.responseName] = value;
      if (isPromise(value)) pending.push(value.then((completed) => (result[field.responseName] = completed)));
    }
  } catch (error) {
    leave(pending, execution);
    throw error;
  }
  return pending.length === 0 ? result : all(pending, execution).then(() => result);
}

function all<T>(promises: readonly Promise<T>[], execution: Execution): Promise<readonly T[]> {
  return Promise.all(promises).catch((error: unknown) => {
    leave(promises, execution);
    throw error;
  });
}

/** What they reject with nobody wants to know, but it must not be taken for an error that nobody has caught. */
function leave(promises: readonly Promise<unknown>[], { left }: Execution): void {
  for (const promise of promises) left.push(promise.then(undefined, () => {}));
}

function runField(plan: FieldPlan, source: unknown, execution: Execution, prev: Path): unknown {
  const { resolve, complete, leadsOn, responseName: key, info: fixed } = plan;
  if (resolve === null && !leadsOn) return complete(memberOf(source, plan.name), execution, undefined);
  const path = { prev, key, typename: fixed.parentType.name };
  if (resolve === null) return complete(memberOf(source, plan.name), execution, path);
  const { context, variables } = execution;
  const value = resolve(source, plan.argsWith(variables), context, whole(fixed, execution, path));
  if (!isPromise(value)) return complete(value, execution, path);
  return value.then((resolved) => complete(resolved, execution, path));
}

function memberOf(source: unknown, name: string): unknown {
  const member = (source as Args | null | undefined)?.[name];
  if (typeof member === "function" || isPromise(member)) throw new OffPlan();
  return member;
}

export function nonNull(inner: Complete): Complete {
  const required = (value: unknown) => {
    if (value === null) throw new OffPlan();
    return value;
  };
  return (value, execution, path) => {
    const completed = inner(value, execution, path);
    return isPromise(completed) ? completed.then(required) : required(completed);
  };
}

export function listOf(inner: Complete): Complete {
  return orNull((list, execution, prev) => {
    if (!Array.isArray(list)) throw new OffPlan();
    const results: unknown[] = new Array(list.length);
    let waits = false;
    try {
      for (let key = 0; key < list.length; key++) {
        const path = { prev, key, typename: undefined };
        const item: unknown = list[key];
        const result = isPromise(item)
          ? item.then((value) => inner(value, execution, path))
          : inner(item, execution, path);
        waits ||= isPromise(result);
        results[key] = result;
      }
    } catch (error) {
      leave([...results, ...list].filter(isPromise), execution);
      throw error;
    }
    return waits ? all(results.map(asPromise), execution) : results;
  });
}

export function leaf(type: GraphQLLeafType): Complete {
  return orNull((value) => type.serialize(value) ?? off());
}

export function objectOf(
  type: GraphQLObjectType,
  below: (type: GraphQLObjectType) => ObjectPlan,
  info: FieldInfo,
): Complete {
  const { isTypeOf } = type;
  return orNull((value, execution, path) => {
    if (isTypeOf && isTypeOf(value, execution.context, whole(info, execution, path)) !== true) throw new OffPlan();
    return runObject(below(type), value, execution, path);
  });
}

export function abstractOf(
  type: GraphQLAbstractType,
  below: (type: GraphQLObjectType) => ObjectPlan,
  info: FieldInfo,
): Complete {
  const resolveType = type.resolveType ?? defaultTypeResolver;
  return orNull((value, execution, path) => {
    const name = resolveType(value, execution.context, whole(info, execution, path), type);
    const found = typeof name === "string" ? info.schema.getType(name) : undefined;
    if (!isObjectType(found) || !info.schema.isSubType(type, found)) throw new OffPlan();
    if (found.isTypeOf && found.isTypeOf(value, execution.context, whole(info, execution, path)) !== true) off();
    return runObject(below(found), value, execution, path);
  });
}

/** Member by member, which is many times faster than a copy of all. */
function whole(info: FieldInfo, { variables: variableValues }: Execution, path: Path): GraphQLResolveInfo {
  const { fieldName, fieldNodes, returnType, parentType, schema, fragments, rootValue, operation } = info;
  return {
    fieldName,
    fieldNodes,
    returnType,
    parentType,
    path: path as NonNullable<Path>,
    schema,
    fragments,
    rootValue,
    operation,
    variableValues,
  };
}

function orNull(complete: Complete): Complete {
  return (value, execution, path) => {
    if (value === null || value === undefined) return null;
    if (value instanceof Error) throw new OffPlan();
    return complete(value, execution, path);
  };
}

function off(): never {
  throw new OffPlan();
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

function asPromise(value: unknown): Promise<unknown> {
  return isPromise(value) ? value : Promise.resolve(value);
}
