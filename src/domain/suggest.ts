import { foldCase } from "./wildcard.js";

/**
 * The candidate that `name` most likely meant, or null when none is near (at most a third of its letters off,
 * three at most; case does not count).
 */
export function suggest(name: string, candidates: Iterable<string>): string | null {
  if (name.length > 100) return null;
  const wanted = foldCase(name);
  let best: string | null = null;
  let bestDistance = Math.min(3, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(wanted, foldCase(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Renders a suggestion for the end of a message: `; did you mean `x`?`, or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const suggestion = suggest(name, candidates);
  return suggestion === null ? "" : `; did you mean \`${suggestion}\`?`;
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. */
function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      current.push(cellDistance(left, right, row, column, beforeLast, last, current));
    }
    [beforeLast, last] = [last, current];
  }
  return last[right.length] ?? 0;
}

function cellDistance(
  left: string,
  right: string,
  row: number,
  column: number,
  beforeLast: readonly number[],
  last: readonly number[],
  current: readonly number[],
): number {
  const at = (cells: readonly number[], index: number): number => cells[index] ?? Number.POSITIVE_INFINITY;
  const replaced = at(last, column - 1) + (left[row - 1] === right[column - 1] ? 0 : 1);
  const shifted = Math.min(at(last, column), at(current, column - 1)) + 1;
  const swap = row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
  return Math.min(replaced, shifted, swap ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY);
}
