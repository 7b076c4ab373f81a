import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLField,
  GraphQLIncludeDirective,
  type GraphQLInputType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getArgumentValues,
  getDirectiveValues,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInputObjectType,
  isListType,
  isUnionType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from "graphql";
import { DEFAULT_PAGE_SIZE } from "../graphql/page-size.js";
import { limitExceeded } from "./limit-exceeded.js";

/** Rows that a list is taken to have that no argument says the length of. */
const ASSUMED_ROWS = 5;
/** What `__schema` or `__type` costs, whatever it selects: it is read from memory, and bounded by the schema. */
const INTROSPECTION_COST = 100;

/** A valid operation. */
interface Operation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** The variables as its resolvers will get them; null: they do not fit. */
  readonly coerced: Readonly<Record<string, unknown>> | null;
}

/** @throws GraphQLError COST_LIMIT_EXCEEDED for an operation that costs more than `limit` */
export function assertCostWithin(limit: number, operation: Operation): void {
  const cost = operationCost(operation);
  if (cost > limit) throw limitExceeded("cost", limit, cost);
}

/**
 * What a valid operation costs, from its arguments as its resolvers will get them. An object costs 1, a scalar nothing;
 * what is within a list counts for each row: as many as the list argument of the field has items, or `first` or `last`
 * says, or {@link ASSUMED_ROWS}. Each item of a list in an argument costs 1, too. What a field or its rows
 * weigh against this, `extensions.cost` of the field can say: `base`, `row`, `product` for a table, and `flags` for
 * arguments that make it more when they are true.
 *
 * @returns 0 for an operation that cannot be executed, which execution itself will say
 */
export function operationCost({ schema, document, operation, coerced }: Operation): number {
  const root = schema.getRootType(operation.operation);
  if (!root || coerced === null) return 0;
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const costs = new Costs(schema, coerced, fragments);
  return Math.round(costs.selectionSet(operation.selectionSet, root, ASSUMED_ROWS) * 10) / 10;
}

class Costs {
  readonly #schema: GraphQLSchema;
  readonly #variables: Readonly<Record<string, unknown>>;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Fragments of fragments would else be gone through times and again. */
  readonly #known = new Map<string, number>();

  constructor(
    schema: GraphQLSchema,
    variables: Readonly<Record<string, unknown>>,
    fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  ) {
    this.#schema = schema;
    this.#variables = variables;
    this.#fragments = fragments;
  }

  /** `rows`: how many a list in this set has that says nothing of its own. */
  selectionSet(set: SelectionSetNode | undefined, type: GraphQLCompositeType, rows: number): number {
    let sum = 0;
    for (const node of set?.selections ?? []) if (this.#isIncluded(node)) sum += this.#selection(node, type, rows);
    return sum;
  }

  #isIncluded(node: SelectionNode): boolean {
    if (getDirectiveValues(GraphQLSkipDirective, node, this.#variables)?.["if"] === true) return false;
    return getDirectiveValues(GraphQLIncludeDirective, node, this.#variables)?.["if"] !== false;
  }

  #selection(node: SelectionNode, type: GraphQLCompositeType, rows: number): number {
    if (node.kind === Kind.FIELD) return this.#field(node, type, rows);
    if (node.kind === Kind.FRAGMENT_SPREAD) return this.#fragment(node.name.value, rows);
    return this.selectionSet(node.selectionSet, this.#typeOf(node.typeCondition?.name.value) ?? type, rows);
  }

  #fragment(name: string, rows: number): number {
    const key = `${name} ${rows}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const fragment = this.#fragments.get(name);
    const type = this.#typeOf(fragment?.typeCondition.name.value);
    const cost = fragment && type ? this.selectionSet(fragment.selectionSet, type, rows) : 0;
    this.#known.set(key, cost);
    return cost;
  }

  #field(node: FieldNode, parent: GraphQLCompositeType, rows: number): number {
    if (node.name.value.startsWith("__")) return node.name.value === "__typename" ? 0 : INTROSPECTION_COST;
    const field = isUnionType(parent) ? undefined : parent.getFields()[node.name.value];
    const args = field && this.#argumentsOf(field, node);
    if (!args) return 0; // the field fails before its resolver runs
    const type = getNamedType(field.type);
    const { row, product, ...weights } = weightsOf(field);
    const base = weights.base + flagged(weights.flags, args);
    if (product !== null) return base + productOf(product, args) * row;
    if (!isCompositeType(type)) return itemsOf(args, field.args);
    const within = this.selectionSet(node.selectionSet, type, pageOf(args, field.args));
    if (!isListType(getNullableType(field.type))) return base + within + itemsOf(args, field.args);
    return base + (listLength(args, field.args) ?? rows) * row * (1 + within);
  }

  #argumentsOf(field: GraphQLField<unknown, unknown>, node: FieldNode): Readonly<Record<string, unknown>> | null {
    try {
      return getArgumentValues(field, node, this.#variables);
    } catch {
      return null;
    }
  }

  #typeOf(name: string | undefined): GraphQLCompositeType | undefined {
    const type = name === undefined ? undefined : this.#schema.getType(name);
    return isCompositeType(type) ? type : undefined;
  }
}

type Args = Readonly<Record<string, unknown>>;
type ArgDefinitions = readonly GraphQLArgument[];

/** How many rows the lists of a field's object have: a page of them, where the field takes `first` or `last`. */
function pageOf(args: Args, definitions: ArgDefinitions): number {
  if (!definitions.some(({ name }) => name === "first")) return ASSUMED_ROWS;
  const size = args["first"] ?? args["last"];
  return typeof size === "number" ? Math.max(0, size) : DEFAULT_PAGE_SIZE;
}

/** A field that takes a list and gives one has one answer for each item. */
function listLength(args: Args, definitions: ArgDefinitions): number | undefined {
  const list = definitions.find(({ type }) => isListType(getNullableType(type)));
  const value = list && args[list.name];
  return Array.isArray(value) ? value.length : undefined;
}

function itemsOf(args: Args, definitions: ArgDefinitions): number {
  return definitions.reduce((sum, { name, type }) => sum + countItems(args[name], type), 0);
}

/** By type, so that what a JSON scalar holds does not count: the size of the body bounds it. */
function countItems(value: unknown, type: GraphQLInputType): number {
  const plain = getNullableType(type);
  if (isListType(plain) && Array.isArray(value)) {
    return value.reduce((sum: number, item) => sum + 1 + countItems(item, plain.ofType), 0);
  }
  if (!isInputObjectType(plain) || typeof value !== "object" || value === null) return 0;
  const fields = Object.values(plain.getFields());
  return fields.reduce((sum, field) => sum + countItems((value as Args)[field.name], field.type), 0);
}

/** A table has a cell for each combination of some list arguments. */
function productOf(names: readonly string[], args: Args): number {
  const lengths = names.map((name) => args[name]).map((list) => (Array.isArray(list) ? list.length : 1));
  return lengths.reduce((all, length) => all * length, 1);
}

interface Weights {
  /** Of the field itself. */
  readonly base: number;
  readonly row: number;
  /** The list arguments whose combinations are its rows, which are all that it costs; null: it is no table. */
  readonly product: readonly string[] | null;
  /** What it costs more for each of these arguments that is true. */
  readonly flags: Readonly<Record<string, number>>;
}

function flagged(flags: Weights["flags"], args: Args): number {
  return Object.entries(flags).reduce((sum, [name, cost]) => (args[name] === true ? sum + cost : sum), 0);
}

function weightsOf({ extensions }: GraphQLField<unknown, unknown>): Weights {
  return { base: 1, row: 1, product: null, flags: {}, ...(extensions["cost"] as Partial<Weights> | undefined) };
}
