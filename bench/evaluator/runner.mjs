/** Runs one contestant, named on the command line: a round for every message, answered with microseconds for a call. */
import { contestant } from "./contestants.mjs";

const ROUND_MILLISECONDS = 100;
const { call, items } = await contestant(process.argv[2]);
let next = 0;

function round() {
  const start = performance.now();
  let calls = 0;
  while (performance.now() - start < ROUND_MILLISECONDS) {
    for (let batch = 0; batch < 20; batch++) call(items[next++ % items.length]);
    calls += 20;
  }
  return ((performance.now() - start) * 1000) / calls;
}

process.on("message", () => process.send(round()));
process.send("ready");
