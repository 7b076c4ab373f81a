import {
  BREAK,
  defaultFieldResolver,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  type InlineFragmentNode,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  TypeNameMetaFieldDef,
  visit,
} from "graphql";
import {
  abstractOf,
  type Complete,
  type FieldInfo,
  type FieldPlan,
  leaf,
  listOf,
  nonNull,
  type ObjectPlan,
  objectOf,
} from "./run-plan.js";

/** An operation has something that plans do not cover. */
export class NotCovered extends Error {
  override readonly name = "NotCovered";
}

/** Fields that one plan has at most. Fragments on many types, within each other, would make any number of them. */
const MOST_FIELDS = 300;
/** What a field may weigh (`extensions.cost.base`) that is executed once more where something goes wrong. */
const MOST_BASE_COST = 10;

/**
 * Works out how the fields of an operation are executed. Not covered, and so for graphql-js, are introspection, `@skip` and
 * `@include`, the one name that is no member for objects of JavaScript, fields that are much work, and operations with too
 * many fields. What lies below a field is worked out when an object of its type first comes.
 */
export class Planner {
  readonly #schema: GraphQLSchema;
  readonly #operation: OperationDefinitionNode;
  readonly #fragments: Readonly<Record<string, FragmentDefinitionNode>>;
  #left = MOST_FIELDS;

  constructor(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Readonly<Record<string, FragmentDefinitionNode>>,
  ) {
    this.#schema = schema;
    this.#operation = operation;
    this.#fragments = fragments;
  }

  /** @throws NotCovered */
  root(): ObjectPlan {
    for (const node of [this.#operation, ...Object.values(this.#fragments)])
      if (hasDirectives(node)) throw new NotCovered();
    const type = this.#schema.getRootType(this.#operation.operation);
    if (!type || this.#operation.operation !== "query") throw new NotCovered();
    return this.#object(type, [this.#operation.selectionSet]);
  }

  #object(type: GraphQLObjectType, sets: readonly SelectionSetNode[]): ObjectPlan {
    const nodes = new Map<string, FieldNode[]>();
    const seen = new Set<string>();
    for (const set of sets) this.#collect(set, type, nodes, seen);
    return [...nodes].map(([responseName, list]) => this.#field(type, responseName, list));
  }

  #collect(set: SelectionSetNode, type: GraphQLObjectType, into: Map<string, FieldNode[]>, seen: Set<string>): void {
    for (const node of set.selections) {
      if (node.kind === Kind.FIELD) {
        const name = node.alias?.value ?? node.name.value;
        if (name === "__proto__") throw new NotCovered();
        into.set(name, [...(into.get(name) ?? []), node]);
        continue;
      }
      const fragment = node.kind === Kind.INLINE_FRAGMENT ? node : this.#unseen(node.name.value, seen);
      if (fragment && this.#applies(fragment, type)) this.#collect(fragment.selectionSet, type, into, seen);
    }
  }

  /** Each fragment counts once for an object. */
  #unseen(name: string, seen: Set<string>): FragmentDefinitionNode | undefined {
    if (seen.has(name)) return undefined;
    seen.add(name);
    return this.#fragments[name];
  }

  #applies({ typeCondition }: FragmentDefinitionNode | InlineFragmentNode, type: GraphQLObjectType): boolean {
    if (typeCondition === undefined) return true;
    const wanted = this.#schema.getType(typeCondition.name.value);
    return wanted === type || (isAbstractType(wanted) && this.#schema.isSubType(wanted, type));
  }

  #field(parentType: GraphQLObjectType, responseName: string, fieldNodes: readonly FieldNode[]): FieldPlan {
    const [node] = fieldNodes;
    const field = node && fieldOf(parentType, node.name.value);
    if (!node || !field) throw new NotCovered(); // introspection
    if (isMuchWork(field) || --this.#left < 0) throw new NotCovered();
    const { resolve = defaultFieldResolver } = field;
    const info = this.#info(field, parentType, fieldNodes);
    return {
      ...{ responseName, name: field.name, info, leadsOn: !isLeafType(getNamedType(field.type)) },
      resolve: resolve === defaultFieldResolver ? null : resolve,
      argsWith: field.args.length === 0 ? () => ({}) : (variables) => getArgumentValues(field, node, variables),
      complete: completion(field.type, this.#below(fieldNodes), info),
    };
  }

  /** Plans what lies below some nodes, for each type once. */
  #below(nodes: readonly FieldNode[]): (type: GraphQLObjectType) => ObjectPlan {
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    const known = new Map<GraphQLObjectType, ObjectPlan>();
    return (type) => {
      const plan = known.get(type) ?? this.#object(type, sets);
      known.set(type, plan);
      return plan;
    };
  }

  #info(
    { name, type }: GraphQLField<unknown, unknown>,
    parentType: GraphQLObjectType,
    fieldNodes: readonly FieldNode[],
  ): FieldInfo {
    return {
      ...{ fieldName: name, fieldNodes, returnType: type, parentType, schema: this.#schema },
      ...{ fragments: this.#fragments, rootValue: undefined, operation: this.#operation },
    };
  }
}

function hasDirectives(node: OperationDefinitionNode | FragmentDefinitionNode): boolean {
  let has = false;
  visit(node, {
    Directive: () => {
      has = true;
      return BREAK;
    },
  });
  return has;
}

function isMuchWork({ extensions }: GraphQLField<unknown, unknown>): boolean {
  return ((extensions["cost"] as { readonly base?: number } | undefined)?.base ?? 0) > MOST_BASE_COST;
}

function fieldOf(type: GraphQLObjectType, name: string): GraphQLField<unknown, unknown> | undefined {
  return name === TypeNameMetaFieldDef.name ? TypeNameMetaFieldDef : type.getFields()[name];
}

function completion(
  type: GraphQLOutputType,
  below: (type: GraphQLObjectType) => ObjectPlan,
  info: FieldInfo,
): Complete {
  if (isNonNullType(type)) return nonNull(completion(type.ofType, below, info));
  if (isListType(type)) return listOf(completion(type.ofType, below, info));
  if (isLeafType(type)) return leaf(type);
  return isObjectType(type) ? objectOf(type, below, info) : abstractOf(type, below, info);
}
