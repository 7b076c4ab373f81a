import type { GraphQLResolveInfo, SelectionNode, SelectionSetNode } from "graphql";
import type { Detail } from "../domain/evaluation/decision.js";

type Selected = Pick<GraphQLResolveInfo, "fieldNodes" | "fragments">;

/** The fields that hold reasons of a decision, or are taken from them. */
const REASONS: ReadonlySet<string> = new Set([
  "reason",
  "matchedStatements",
  "missingContextKeys",
  "residualConditions",
  "diagnostics",
  "viaGroups",
]);
const NEAR_MISSES = "nearMisses";

/** Whether a field may be asked for right below this one; `@skip` and `@include` count as asking. */
export function selects({ fieldNodes, fragments }: Selected, name: string): boolean {
  return fieldNodes.some(({ selectionSet }) => fieldsIn(selectionSet, fragments).some((field) => field.name === name));
}

/** Whether nothing but these fields is asked for right below this one. */
export function selectsOnly({ fieldNodes, fragments }: Selected, names: ReadonlySet<string>): boolean {
  return fieldNodes.every(({ selectionSet }) => fieldsIn(selectionSet, fragments).every(({ name }) => names.has(name)));
}

/** How much of the decisions below this field is asked for: reasons are worked out for those who read them. */
export function detailOf({ fieldNodes, fragments }: Selected): Detail {
  const names = new Set(fieldNodes.flatMap(({ selectionSet }) => namesBelow(selectionSet, fragments)));
  if (names.has(NEAR_MISSES)) return "NEAR_MISSES";
  return [...REASONS].some((name) => names.has(name)) ? "REASONS" : "OUTCOME";
}

interface SelectedField {
  readonly name: string;
  readonly selectionSet: SelectionSetNode | undefined;
}

/** The fields of a selection set, those of its fragments included. */
function fieldsIn(set: SelectionSetNode | undefined, fragments: Selected["fragments"]): SelectedField[] {
  const fieldsOf = (node: SelectionNode): SelectedField[] => {
    if (node.kind === "Field") return [{ name: node.name.value, selectionSet: node.selectionSet }];
    return fieldsIn(
      node.kind === "InlineFragment" ? node.selectionSet : fragments[node.name.value]?.selectionSet,
      fragments,
    );
  };
  return set?.selections.flatMap(fieldsOf) ?? [];
}

function namesBelow(set: SelectionSetNode | undefined, fragments: Selected["fragments"]): string[] {
  return fieldsIn(set, fragments).flatMap(({ name, selectionSet }) => [name, ...namesBelow(selectionSet, fragments)]);
}
