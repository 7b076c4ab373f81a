import { expect, test } from "vitest";
import { createPartsCheck } from "../../src/server/readiness.js";

function open(redis: { isConnected(): boolean } | null) {
  let [asked, now, down] = [0, 0, false];
  const askDatabase = async () => {
    asked += 1;
    if (down) throw new Error("away");
  };
  const check = createPartsCheck({ askDatabase, redis, clock: () => now });
  return {
    check,
    asked: () => asked,
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    setDown: (isDown: boolean) => {
      down = isDown;
    },
  };
}

test("PostgreSQL is asked once a second, however often somebody wants to know", async () => {
  const { check, asked, pass, setDown } = open(null);
  await Promise.all(Array.from({ length: 1_000 }, check));
  expect(asked()).toBe(1);
  setDown(true);
  pass(999);
  expect(await check()).toEqual({ postgres: "up", redis: "off" });
  pass(1);
  expect(await check()).toEqual({ postgres: "down", redis: "off" });
  expect(asked()).toBe(2);
});

test("Redis is up or down, and off where there is none", async () => {
  expect(await open({ isConnected: () => true }).check()).toMatchObject({ redis: "up" });
  expect(await open({ isConnected: () => false }).check()).toMatchObject({ redis: "down" });
});
