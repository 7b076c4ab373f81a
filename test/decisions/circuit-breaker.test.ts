import { describe, expect, it } from "vitest";
import { CircuitBreaker } from "../../src/decisions/circuit-breaker.js";

function breakerAt() {
  const state = { now: 0, changes: [] as boolean[] };
  const breaker = new CircuitBreaker({ clock: () => state.now, onChange: (open) => state.changes.push(open) });
  const record = (...outcomes: boolean[]) => {
    for (const outcome of outcomes) breaker.record(outcome);
  };
  return { state, breaker, record };
}

describe("circuit breaker", () => {
  it("opens after five failures in a row, not before, and says so once", () => {
    const { state, breaker, record } = breakerAt();
    record(false, false, false, false, true, false, false, false, false);
    expect(breaker.open).toBe(false);
    record(false, false);
    expect([breaker.open, breaker.admits(), state.changes]).toEqual([true, false, [true]]);
  });

  it("opens when half of the last twenty have failed", () => {
    const { breaker, record } = breakerAt();
    const half = Array.from({ length: 20 }, (_, index) => index % 2 === 0);
    record(...half.slice(0, 19));
    expect(breaker.open).toBe(false);
    record(false);
    expect(breaker.open).toBe(true);
  });

  it("lets one attempt a second through while it is open, and closes when one succeeds", () => {
    const { state, breaker, record } = breakerAt();
    record(false, false, false, false, false);
    state.now = 999;
    expect(breaker.admits()).toBe(false);
    state.now = 1_000;
    expect([breaker.admits(), breaker.admits()]).toEqual([true, false]);
    record(false);
    state.now = 1_999;
    expect(breaker.admits()).toBe(false);
    state.now = 2_000;
    expect(breaker.admits()).toBe(true);
    record(true);
    expect([breaker.open, breaker.admits(), state.changes]).toEqual([false, true, [true, false]]);
    record(false, false, false, false);
    expect(breaker.open).toBe(false); // what failed before counts no more
  });
});
