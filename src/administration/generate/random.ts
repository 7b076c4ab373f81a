/** Draws that follow from what they are seeded with alone, on every machine. */
export interface Random {
  /** A whole number from 0 up to, but not including, `count`. */
  below(count: number): number;
  /** A whole number of the range, both ends included. */
  within(range: Range): number;
  /** True for about this share of the draws. */
  chance(share: number): boolean;
  pick<T>(list: readonly [T, ...T[]]): T;
  /** `count` different ones in the order of the draws; all of them where there are not more. */
  sample<T>(list: readonly T[], count: number): T[];
}

export type Range = readonly [least: number, most: number];

/**
 * A source of its own for each thing that is generated, seeded with what names it: things can then be made in any order,
 * one by one, and a thing that refers to another can look how that one is without having kept it.
 */
export function randomOf(...seed: readonly (string | number)[]): Random {
  const next = mulberry32(hashOf(seed.join("/")));
  const below = (count: number): number => Math.floor(next() * count);
  return {
    below,
    within: ([least, most]) => least + below(most - least + 1),
    chance: (share) => next() < share,
    pick: (list) => list[below(list.length)] ?? list[0],
    sample: (list, count) => sampleOf(list, count, below),
  };
}

function sampleOf<T>(list: readonly T[], count: number, below: (count: number) => number): T[] {
  const rest = [...list];
  return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(below(rest.length), 1)).flat();
}

/** FNV-1a, and a last mixing (of MurmurHash3) so that neighbours are far apart. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Tommy Ettinger's mulberry32: numbers from 0 to 1, from 32 bits of state. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296;
  };
}
