import {
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  isRequiredArgument,
} from "graphql";

type Field = GraphQLField<unknown, unknown>;

/** A selection set below a field of a type: all that can be read along one way through the schema. */
interface Way {
  readonly schema: GraphQLSchema;
  /** How many records lie on the way at most. */
  readonly depth: number;
}

/** Every way from a type on, each as a selection set with everything that can be read on it. */
export function selectionsFrom(type: GraphQLNamedType, way: Way): string[] {
  const leaves = leavesOf(type, way.schema);
  if (way.depth === 0) return [leaves];
  const ways = variantsOf(type, way.schema).flatMap((variant) =>
    fieldsOf(variant.type)
      .filter((field) => variant.own(field) && isPassable(field) && isWorthwhile(field))
      .flatMap((field) => waysThrough(field, way).map((below) => `${leaves} ${variant.wrap(below)}`)),
  );
  return ways.length === 0 ? [leaves] : ways;
}

function waysThrough(field: Field, { schema, depth }: Way): string[] {
  const target = getNamedType(field.type);
  const page = field.args.some(({ name }) => name === "first") ? "(first: 5)" : "";
  if (target.name.endsWith("Connection") && isObjectType(target)) {
    const node = getNamedType(target.getFields()["nodes"]?.type ?? target);
    const selections = selectionsFrom(node, { schema, depth: depth - 1 });
    return selections.map((below) =>
      depth % 2 === 0
        ? `${field.name}${page} { totalCount nodes { ${below} } }`
        : `${field.name}${page} { edges { cursor node { ${below} } } }`,
    );
  }
  return selectionsFrom(target, { schema, depth: depth - 1 }).map((below) => `${field.name}${page} { ${below} }`);
}

/** A type, and for an abstract one also the types that it may be, with the fields that only they have. */
function variantsOf(type: GraphQLNamedType, schema: GraphQLSchema) {
  const own = isInterfaceType(type) ? type.getFields() : {};
  const whole = { type, own: (_field: Field) => true, wrap: (selection: string) => selection };
  if (!isAbstractType(type)) return [whole];
  const concrete = schema.getPossibleTypes(type).map((possible) => ({
    type: possible as GraphQLNamedType,
    own: ({ name }: Field) => own[name] === undefined,
    wrap: (selection: string) => `... on ${possible.name} { ${selection} }`,
  }));
  return [whole, ...concrete];
}

function fieldsOf(type: GraphQLNamedType): Field[] {
  return isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
}

function isPassable({ args, type }: Field): boolean {
  return !args.some(isRequiredArgument) && isCompositeType(getNamedType(type));
}

/** What leads nowhere is read as a leaf. */
function isWorthwhile({ type }: Field): boolean {
  return !["PageInfo", "Diagnostic"].includes(getNamedType(type).name);
}

/** Aliased by type, since fields of one name may differ in theirs. */
function leavesOf(type: GraphQLNamedType, schema: GraphQLSchema): string {
  return variantsOf(type, schema)
    .map((variant) => {
      const names = fieldsOf(variant.type).filter(
        (field) =>
          variant.own(field) && !isCompositeType(getNamedType(field.type)) && !field.args.some(isRequiredArgument),
      );
      const leaves = names.map(({ name }) => `${variant.type.name}_${name}: ${name}`);
      return leaves.length === 0 ? "" : variant.wrap(leaves.join(" "));
    })
    .concat("__typename")
    .join(" ");
}
