import { expect, it } from "vitest";
import { inSlices } from "../../src/store/time-slicer.js";

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
  expect(await inSlices(work(6, 25))).toBe("done");
  clearInterval(other);
  expect(turns).toBeGreaterThanOrEqual(4);
});

it("hands on what the work throws", async () => {
  const failing = function* (): Generator<void> {
    yield;
    throw new Error("too much");
  };
  await expect(inSlices(failing())).rejects.toThrow("too much");
});
