import type { AddressInfo } from "node:net";
import { buildSchema, type GraphQLSchema } from "graphql";
import { pino } from "pino";
import { loadConfig } from "../../src/config.js";
import type { Services } from "../../src/graphql/context.js";
import { createGraphQLListener, type ListenerOptions, type RequestLimits } from "../../src/server/graphql-listener.js";
import { createHttpGateway, listen } from "../../src/server/http-server.js";

/** The only key that the listener knows. */
export const KEY = "the-key";

const TYPES = /* GraphQL */ `
  type Query {
    leaf: Int
    item: Item
    plain: [Item]
    list(ids: [ID!]!): [Item]
    batch(ids: [ID!]!): [Item]
    page(first: Int, last: Int): Page
    tagged(input: TaggedInput!): Item
    wait: Int
  }
  type Mutation {
    change: Int
  }
  type Item {
    id: ID
    item: Item
    page(first: Int, last: Int): Page
  }
  type Page {
    totalCount: Int
    nodes: [Item]
  }
  input TaggedInput {
    tags: [String!]
    more: [TaggedInput!]
  }
`;

export interface Listener {
  readonly url: string;
  /** Resolvers of root fields that have run. */
  calls(): number;
  /** Mutations that have run. */
  changes(): number;
  /** Requests whose \`wait\` is not over. */
  waiting(): number;
  /** Ends every \`wait\`. */
  finish(): void;
  post(body: string | object, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

/** The limits that hold when nobody configures any. */
export const DEFAULT_LIMITS: RequestLimits = loadConfig({}).requests;

/**
 * The HTTP side of a gateway in this process, over a schema of its own whose resolvers count.
 *
 * @param create a broken one, where that is to be found out
 */
export async function startListener(
  limits: Partial<RequestLimits> = {},
  more: Partial<ListenerOptions> = {},
  create = createGraphQLListener,
): Promise<Listener> {
  const state = { calls: 0, changes: 0, waiting: [] as (() => void)[] };
  const gateway = createHttpGateway(null);
  gateway.serve(
    create({
      schema: countingSchema(state),
      services: {} as Services,
      authenticate: async (key) => (key === KEY ? { kind: "OPERATOR", credentialId: "test" } : null),
      countKnown: async () => {},
      countUnknown: async () => {},
      origins: [],
      log: pino({ level: "silent" }),
      ...more,
      limits: { ...DEFAULT_LIMITS, ...limits },
    }),
  );
  await listen(gateway.server, "127.0.0.1", 0);
  const url = `http://127.0.0.1:${(gateway.server.address() as AddressInfo).port}/graphql`;
  const finish = () => {
    for (const end of state.waiting.splice(0)) end();
  };
  return {
    url,
    calls: () => state.calls,
    changes: () => state.changes,
    waiting: () => state.waiting.length,
    finish,
    post: (body, headers = {}) =>
      fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${KEY}`, ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    close: () => {
      finish();
      return gateway.drain(1_000);
    },
  };
}

function countingSchema(state: { calls: number; changes: number; waiting: (() => void)[] }): GraphQLSchema {
  const schema = buildSchema(TYPES);
  const root: Record<string, (args: { ids?: string[]; first?: number }) => unknown> = {
    leaf: () => 1,
    item: () => ITEM,
    plain: () => [ITEM],
    list: ({ ids = [] }) => ids.map(() => ITEM),
    batch: ({ ids = [] }) => ids.map(() => ITEM),
    page: () => ({ totalCount: 0, nodes: [] }),
    tagged: () => ITEM,
    wait: () => new Promise((resolve) => state.waiting.push(() => resolve(1))),
  };
  for (const field of Object.values(schema.getQueryType()?.getFields() ?? {})) {
    field.resolve = (_, args) => {
      state.calls++;
      return root[field.name]?.(args);
    };
    if (field.name === "batch") field.extensions = { cost: { row: 0.1 } };
  }
  const change = schema.getMutationType()?.getFields()["change"];
  if (change) change.resolve = () => ++state.changes;
  return schema;
}

/** As deep as anybody asks. */
const ITEM: object = { id: "1", item: () => ITEM, page: () => ({ totalCount: 0, nodes: [] }) };
