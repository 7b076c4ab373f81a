import type { Lists } from "../domain/reverse/holdings.js";

/** Numbers from 0 to before `range`, each with a place in the order of `keys`; equal ones stay in the order of `order`. */
export function sortedBy(keys: Int32Array, range: number, order: Int32Array): Int32Array {
  const next = startsOf(keys, range);
  const sorted = new Int32Array(order.length);
  for (let index = 0; index < order.length; index += 1) {
    const number = order[index] ?? 0;
    const key = keys[number] ?? 0;
    const at = next[key] ?? 0;
    sorted[at] = number;
    next[key] = at + 1;
  }
  return sorted;
}

/** What belongs to each owner, in the order of `order`. */
export function listsOf(owners: Int32Array, range: number, order: Int32Array, values: Int32Array): Lists {
  const numbers = sortedBy(owners, range, order);
  for (let at = 0; at < numbers.length; at += 1) numbers[at] = values[numbers[at] ?? 0] ?? 0;
  return { starts: startsOf(owners, range), numbers };
}

/** Where the numbers with each key start when they are sorted by it, and where the last end. */
function startsOf(keys: Int32Array, range: number): Int32Array {
  const starts = new Int32Array(range + 1);
  for (let index = 0; index < keys.length; index += 1) {
    const after = (keys[index] ?? 0) + 1;
    starts[after] = (starts[after] ?? 0) + 1;
  }
  for (let key = 1; key <= range; key += 1) starts[key] = (starts[key] ?? 0) + (starts[key - 1] ?? 0);
  return starts;
}
