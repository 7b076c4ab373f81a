import { buildSchema } from "graphql";
import { pino } from "pino";
import { expect, test } from "vitest";
import type { Services } from "../../src/graphql/context.js";
import { createOperations, type Sender } from "../../src/server/operations.js";
import { DEFAULT_LIMITS } from "../support/listener.js";

const schema = buildSchema("type Query { leaf: Int } type Subscription { ticks: Int }");
const ticks = schema.getSubscriptionType()?.getFields()["ticks"];
if (ticks) ticks.subscribe = async function* () {};

const senderWith = (gone: AbortSignal) =>
  ({
    ...{ method: "POST", takesEvents: true, notes: { requestId: "r" }, signedIn: Promise.resolve() },
    caller: { kind: "OPERATOR", credentialId: "c" },
    presence: { gone, isSignedIn: async () => true },
  }) as unknown as Sender;

test("a subscriber who has gone before his stream began has no place", async () => {
  const limits = { ...DEFAULT_LIMITS, subscriptionsPerCredential: 1 };
  const run = createOperations({ schema, services: {} as Services, limits, log: pino({ level: "silent" }) });
  const query = "subscription { ticks }";
  for (const _ of [1, 2, 3]) {
    expect(Symbol.asyncIterator in (await run({ query }, senderWith(AbortSignal.abort())))).toBe(true);
  }
  const stays = new AbortController();
  expect(Symbol.asyncIterator in (await run({ query }, senderWith(stays.signal)))).toBe(true);
  const refused = { errors: [{ extensions: { code: "RATE_LIMITED" } }] };
  expect(await run({ query }, senderWith(new AbortController().signal))).toMatchObject(refused);
  stays.abort();
  expect(Symbol.asyncIterator in (await run({ query }, senderWith(AbortSignal.abort())))).toBe(true);
});
