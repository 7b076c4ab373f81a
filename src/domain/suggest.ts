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
    const distance = editDistance(wanted, foldCase(candidate), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Renders a suggestion for the end of a message: `; did you mean `x`?`, or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const suggestion = suggest(name, candidates);
  return suggestion === null ? "" : `; did you mean \`${suggestion}\`?`;
}

/**
 * Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. Gives up, with any number that
 * is not smaller, once the distance must reach `limit`.
 */
function editDistance(left: string, right: string, limit: number): number {
  const width = right.length + 1;
  const cells = new Uint8Array((left.length + 1) * width); // longer names are not compared, see `suggest`
  for (let column = 0; column < width; column++) cells[column] = column;
  for (let row = 1; row <= left.length; row++) {
    if (fillRow(cells, left, right, row) >= limit) return limit;
  }
  return cells[cells.length - 1] ?? limit;
}

/** Returns the smallest distance of the row. */
function fillRow(cells: Uint8Array, left: string, right: string, row: number): number {
  const width = right.length + 1;
  const start = row * width;
  let smallest = row;
  cells[start] = row;
  for (let column = 1; column < width; column++) {
    const at = start + column;
    const same = left.charCodeAt(row - 1) === right.charCodeAt(column - 1);
    let distance = (cells[at - width - 1] ?? 0) + (same ? 0 : 1);
    distance = Math.min(distance, (cells[at - width] ?? 0) + 1, (cells[at - 1] ?? 0) + 1);
    if (isSwap(left, right, row, column)) distance = Math.min(distance, (cells[at - 2 * width - 2] ?? 0) + 1);
    cells[at] = distance;
    if (distance < smallest) smallest = distance;
  }
  return smallest;
}

function isSwap(left: string, right: string, row: number, column: number): boolean {
  return (
    row > 1 &&
    column > 1 &&
    left.charCodeAt(row - 1) === right.charCodeAt(column - 2) &&
    left.charCodeAt(row - 2) === right.charCodeAt(column - 1)
  );
}
