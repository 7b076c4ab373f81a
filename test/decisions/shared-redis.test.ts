import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import type { Answer, Decisions, Question } from "../../src/decisions/decide-many.js";
import type { DecisionCache } from "../../src/decisions/decision-cache.js";
import { openRedis } from "../../src/decisions/open-redis.js";
import { createRedisDecisionCache } from "../../src/decisions/redis-decision-cache.js";
import "../support/backend.js";
import { attach, type Fixture, key, openFixture, user } from "./fixture.js";

const redisUrl = inject("redisUrl") ?? "";
const question: Question = { principal: user("ann"), resource: key("k1"), actions: ["kms:Decrypt", "kms:Encrypt"] };

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("redis");
});
afterAll(() => fixture.close());

const open = (url: string): DecisionCache => createRedisDecisionCache(openRedis({ kind: "single", url }), () => {});

async function ask(by: Decisions): Promise<Answer> {
  const [answer] = await by.decideMany([question]);
  if (answer === undefined || answer instanceof Error) throw answer;
  return answer;
}

const outcome = ({ decisions: [first] }: Answer) => first?.outcome;

async function until(by: Decisions, status: string): Promise<Answer> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const answer = await ask(by);
    if (answer.cache === status) return answer;
    await sleep(10);
  }
  throw new Error(`no ${status}`);
}

it("shares answers between gateways, and a gateway without Redis gives the same", async () => {
  const caches = [open(redisUrl), open(redisUrl), open("redis://127.0.0.1:1")];
  const [first, second, alone] = caches.map((cache) => fixture.decisions({ cache }));
  if (first === undefined || second === undefined || alone === undefined) throw new Error("three gateways");
  const evaluated = await ask(first);
  const shared = await until(second, "HIT");
  const unshared = await ask(alone);
  expect(unshared.cache).toBe("MISS");
  for (const answer of [shared, unshared]) expect(answer.decisions).toEqual(evaluated.decisions);
  const id = await attach(fixture.sql, fixture.ids, "lost", "ann");
  for (const gateway of [first, second, alone]) expect(outcome(await ask(gateway))).toBe("CONDITIONAL");
  await fixture.sql.query("DELETE FROM attachment WHERE id = $1", [id]);
  expect(outcome(await ask(second))).toBe("ALLOW");
  await Promise.all(caches.map((cache) => cache.close()));
});

it("takes a value of another type under a key for a miss", async () => {
  const prefix = `test:${randomBytes(6).toString("hex")}:`;
  const redis = openRedis({ kind: "single", url: redisUrl });
  const cache = createRedisDecisionCache(redis, () => {});
  while (redis.status !== "ready") await sleep(5);
  await redis.rpush(`${prefix}list`, "x");
  await redis.set(`${prefix}good`, "y", "PX", 10_000);
  const values = await cache.getMany([`${prefix}list`, `${prefix}good`]);
  expect(values.map((value) => value?.toString() ?? null)).toEqual([null, "y"]);
  await redis.del(`${prefix}list`);
  await cache.close();
});
