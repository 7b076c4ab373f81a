import { expect, it } from "vitest";
import { TooMuchWorkError } from "../../src/domain/errors.js";
import { createTurns, inSlices } from "../../src/store/time-slicer.js";

function* work(steps: number, ms: number): Generator<void, string> {
  for (let step = 0; step < steps; step++) {
    const end = performance.now() + ms;
    while (performance.now() < end);
    yield;
  }
  return "done";
}

it("lets others have their turn in the midst of long work", async () => {
  let turns = 0;
  const other = setInterval(() => turns++, 1);
  expect(await inSlices(work(6, 25), 10_000, "")).toBe("done");
  clearInterval(other);
  expect(turns).toBeGreaterThanOrEqual(4);
});

it("hands on what the work throws", async () => {
  const failing = function* (): Generator<void> {
    yield;
    throw new Error("too much");
  };
  await expect(inSlices(failing(), 10_000, "")).rejects.toThrow("too much");
});

it("gives up work that takes too long, whatever others do meanwhile", async () => {
  await expect(inSlices(work(100, 25), 60, "ask for less")).rejects.toThrow(new TooMuchWorkError("ask for less"));
});

it("has work done one after the other, and not at all for those who have waited too long", async () => {
  const inTurn = createTurns(50);
  const began: number[] = [];
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const asked = [80, 1, 1].map((ms, place) =>
    inTurn(async () => {
      began.push(place);
      await wait(ms);
    }),
  );
  const outcomes = await Promise.allSettled(asked);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
  expect(began).toEqual([0]);
  await inTurn(async () => began.push(3));
  expect(began).toEqual([0, 3]);
});
