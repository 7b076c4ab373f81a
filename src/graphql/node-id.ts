import { decodeGlobalID } from "@pothos/plugin-relay";
import { InvalidInputError } from "../domain/errors.js";

/** Names of the types that ids can be of. */
const NODE_TYPES = new Set<string>();

/** Every type that can be asked for by id says so here. */
export function addNodeType(name: string): void {
  NODE_TYPES.add(name);
}

/** Takes an id apart. @throws InvalidInputError when it cannot have come from this API */
export function readNodeId(text: string): { typename: string; id: string } {
  const id = tryDecode(text);
  if (id && NODE_TYPES.has(id.typename)) return id;
  throw new InvalidInputError(`\`${text.slice(0, 64)}\` is not an id of this api`);
}

function tryDecode(text: string): { typename: string; id: string } | null {
  try {
    return decodeGlobalID(text);
  } catch {
    return null;
  }
}
