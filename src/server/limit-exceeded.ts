import { GraphQLError } from "graphql";

/** What of an operation is limited, as the message names it. */
const NAMES = {
  tokens: "tokens",
  depth: "levels of fields",
  aliases: "aliases",
  rootFields: "root fields",
  directives: "directives",
  cost: "cost",
} as const;

/**
 * The error of an operation beyond a limit: COST_LIMIT_EXCEEDED with `exceeded`, `limit` and `value`. Of `tokens`, the
 * value is where counting stopped.
 */
export function limitExceeded(exceeded: keyof typeof NAMES, limit: number, value: number): GraphQLError {
  const message = `the operation has ${value} ${NAMES[exceeded]}, more than the limit of ${limit}`;
  const http = { status: 400, spec: true }; // 200 for senders that accept nothing newer than application/json
  return new GraphQLError(message, { extensions: { code: "COST_LIMIT_EXCEEDED", exceeded, limit, value, http } });
}
