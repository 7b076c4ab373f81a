import type { Lists } from "../domain/reverse/holdings.js";

/** Numbers from 0 to before `range`, each with a place in the order of `keys`; equal ones stay in the order of `order`. */
export function sortedBy(keys: Int32Array, range: number, order: Int32Array): Int32Array {
  const next = startsOf(keys, range);
  const sorted = new Int32Array(order.length);
  for (const number of order) {
    const key = keys[number] ?? 0;
    const at = next[key] ?? 0;
    sorted[at] = number;
    next[key] = at + 1;
  }
  return sorted;
}

/** What belongs to each owner, in the order of `order`. */
export function listsOf(owners: Int32Array, range: number, order: Int32Array, values: Int32Array): Lists {
  const sorted = sortedBy(owners, range, order);
  return { starts: startsOf(owners, range), numbers: sorted.map((number) => values[number] ?? 0) };
}

/** Where the numbers with each key start when they are sorted by it, and where the last end. */
function startsOf(keys: Int32Array, range: number): Int32Array {
  const starts = new Int32Array(range + 1);
  for (const key of keys) starts[key + 1] = (starts[key + 1] ?? 0) + 1;
  for (let key = 1; key <= range; key += 1) starts[key] = (starts[key] ?? 0) + (starts[key - 1] ?? 0);
  return starts;
}
