import SchemaBuilder from "@pothos/core";
import PrismaPlugin from "@pothos/plugin-prisma";
import RelayPlugin from "@pothos/plugin-relay";
import type { GraphQLContext } from "./context.js";
import type PrismaTypes from "./generated/pothos-types.js";
import { getDatamodel } from "./generated/pothos-types.js";
import { readNodeId } from "./node-id.js";
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from "./page-size.js";
import { recordsOf } from "./records.js";

/** Everything the types of this schema rest on. Fields are non-null unless they say otherwise. */
export interface SchemaTypes {
  Context: GraphQLContext;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  Scalars: {
    ID: { Input: string; Output: string | number };
    Arn: { Input: string; Output: string };
    /** Milliseconds since the epoch leave as text too: that is how decisions carry instants. */
    DateTime: { Input: Date; Output: Date | number };
    JSON: { Input: NonNullable<unknown>; Output: unknown };
    /** Output is the stored JSON text. */
    PolicyDocument: { Input: NonNullable<unknown>; Output: string };
    RevisionToken: { Input: string; Output: string };
  };
}

const FORWARD = `Size of the page, from the start of the list. 0 to ${MAX_PAGE_SIZE}, default ${DEFAULT_PAGE_SIZE}; more is BAD_USER_INPUT.`;
const BACKWARD = `Size of the page, from the end of the list. 0 to ${MAX_PAGE_SIZE}; more is BAD_USER_INPUT. Not together with \`first\`.`;

export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  prisma: {
    client: (context) => recordsOf(context.services),
    dmmf: getDatamodel(),
    onUnusedQuery: null,
  },
  relay: {
    nodeTypeOptions: { description: "An object that `node(id:)` finds again." },
    pageInfoTypeOptions: { description: "Where a page lies in its list." },
    idFieldOptions: { description: "Identifier for `node` and for caches: opaque, unique across all types, stable." },
    cursorFieldOptions: { description: "Place of this edge in the list, for `after` or `before`." },
    nodeFieldOptions: { description: "The object at this place of the list.", nullable: false },
    edgesFieldOptions: {
      description: "The objects of this page, each with its cursor.",
      nullable: { list: false, items: false },
    },
    pageInfoFieldOptions: { description: "Where this page lies in the list." },
    hasNextPageFieldOptions: { description: "Whether there is more after this page." },
    hasPreviousPageFieldOptions: { description: "Whether there is more before this page." },
    startCursorFieldOptions: { description: "Cursor of the first edge; null on an empty page." },
    endCursorFieldOptions: { description: "Cursor of the last edge, for `after`; null on an empty page." },
    firstArgOptions: { description: FORWARD },
    afterArgOptions: {
      description:
        "Cursor: the page starts behind it. Taken from `endCursor` of the page before, asked with the same arguments; from another list it is BAD_USER_INPUT.",
    },
    lastArgOptions: { description: BACKWARD },
    beforeArgOptions: {
      description:
        "Cursor: the page ends in front of it. Without `first` pages count from there backwards. From another list it is BAD_USER_INPUT.",
    },
    defaultConnectionTypeOptions: { description: "One page of a list, in stable order." },
    defaultEdgeTypeOptions: { description: "One object of a page, with its cursor." },
    mutationInputArgOptions: { description: "What to change, and how." },
    decodeGlobalID: readNodeId,
    nodesOnConnection: { description: "The objects of this page, without cursors." },
    nodeQueryOptions: {
      description:
        "The object with this id; null when it does not exist any more. To principals one that they may not see is as good as missing: null where they may list all of its type in their account, else FORBIDDEN. An id that is none of ours is BAD_USER_INPUT.",
      args: { id: { description: "An `id` of any object of this API." } },
    },
    nodesQueryOptions: {
      description: `The objects with these ids in the same order, null in the place of those that do not exist or may not be seen. At most ${MAX_PAGE_SIZE} ids.`,
      args: { ids: { description: `\`id\`s of objects of this API, at most ${MAX_PAGE_SIZE}.` } },
    },
  },
});

builder.queryType({
  description:
    "Questions about who may do what and why, and the records the answers rest on. Nothing here changes anything.",
});
builder.mutationType({
  description:
    "Changes of who may do what. Each is one transaction, audited, and seen by every later decision of every gateway. What a caller got wrong comes back in `userErrors`; then nothing has changed.",
});
