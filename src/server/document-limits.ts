import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
  type Source,
} from "graphql";
import { limitExceeded } from "./limit-exceeded.js";

/** What a document may be at most, before its types are looked at. */
export interface DocumentLimits {
  /** Lexical tokens of the whole document. */
  readonly tokens: number;
  /** Fields within each other, of each operation; introspection apart. */
  readonly depth: number;
  /** Aliases, of each operation. */
  readonly aliases: number;
  /** Fields of the root type, of each operation. */
  readonly rootFields: number;
  /** Directives, of each operation. */
  readonly directives: number;
}

/**
 * Parses a document.
 *
 * @throws GraphQLError of the syntax, or COST_LIMIT_EXCEEDED
 */
export function parseWithin(source: string | Source, limits: DocumentLimits): DocumentNode {
  const document = parseTokens(source, limits.tokens);
  const fragments = fragmentsOf(document);
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) assertWithin(measure(definition, fragments), limits);
  }
  return document;
}

function parseTokens(source: string | Source, maxTokens: number): DocumentNode {
  try {
    return parse(source, { maxTokens });
  } catch (error) {
    const beyond = error instanceof GraphQLError && TOO_MANY_TOKENS.test(error.message);
    throw beyond ? limitExceeded("tokens", maxTokens, maxTokens + 1) : error; // it stops at the first one too many
  }
}

const TOO_MANY_TOKENS = /Document contains more that \d+ tokens/;

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

function fragmentsOf({ definitions }: DocumentNode): Fragments {
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  return new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
}

/** What an operation comes to, with every fragment in the place of its spread. */
export type Measures = Omit<DocumentLimits, "tokens">;

const NOTHING: Measures = { depth: 0, aliases: 0, rootFields: 0, directives: 0 };

function measure(operation: OperationDefinitionNode, fragments: Fragments): Measures {
  const whole = new Measuring(fragments).selectionSet(operation.selectionSet);
  return { ...whole, directives: whole.directives + (operation.directives?.length ?? 0) };
}

/** Measures each fragment once, so that fragments of fragments cannot make it long. */
class Measuring {
  readonly #fragments: Fragments;
  /** A fragment in the middle of being measured counts as empty: that it spreads itself is for validation to say. */
  readonly #known = new Map<string, Measures>();

  constructor(fragments: Fragments) {
    this.#fragments = fragments;
  }

  /** `rootFields` are the fields of the set itself. */
  selectionSet(set: SelectionSetNode | undefined): Measures {
    let sum = NOTHING;
    for (const selection of set?.selections ?? []) sum = add(sum, this.#selection(selection));
    return sum;
  }

  #selection(node: SelectionNode): Measures {
    const inside = this.#inside(node);
    return { ...inside, directives: inside.directives + (node.directives?.length ?? 0) };
  }

  #inside(node: SelectionNode): Measures {
    if (node.kind === Kind.INLINE_FRAGMENT) return this.selectionSet(node.selectionSet);
    if (node.kind === Kind.FRAGMENT_SPREAD) return this.#fragment(node.name.value);
    const { depth, aliases, directives } = this.selectionSet(node.selectionSet);
    const introspects = node.name.value.startsWith("__");
    return { depth: introspects ? 0 : depth + 1, aliases: aliases + (node.alias ? 1 : 0), rootFields: 1, directives };
  }

  #fragment(name: string): Measures {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    this.#known.set(name, NOTHING);
    const fragment = this.#fragments.get(name);
    const inside = this.selectionSet(fragment?.selectionSet);
    const measures = { ...inside, directives: inside.directives + (fragment?.directives?.length ?? 0) };
    this.#known.set(name, measures);
    return measures;
  }
}

function add(one: Measures, other: Measures): Measures {
  return {
    depth: Math.max(one.depth, other.depth),
    aliases: one.aliases + other.aliases,
    rootFields: one.rootFields + other.rootFields,
    directives: one.directives + other.directives,
  };
}

function assertWithin(measures: Measures, limits: DocumentLimits): void {
  for (const name of ["depth", "aliases", "rootFields", "directives"] as const) {
    if (measures[name] > limits[name]) throw limitExceeded(name, limits[name], measures[name]);
  }
}
