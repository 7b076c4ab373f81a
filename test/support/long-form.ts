/** `RAMGATE_LONG=1` (`npm run test:long`): the counts that the consistency of decisions is held to, not a part of them. */
export const LONG = process.env["RAMGATE_LONG"] === "1";

/** How often something is done. */
export function times({ short, long }: { readonly short: number; readonly long: number }): number {
  return LONG ? long : short;
}

/** Seed of a random test; printed, so that a failure can be replayed with `RAMGATE_SEED`. */
export function seedOf(name: string): number {
  const given = process.env["RAMGATE_SEED"];
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  console.log(`${name}: RAMGATE_SEED=${seed}`);
  return seed;
}

/** For `vi.setConfig`: fault tests wait for processes, on machines that do other things too. */
export const PATIENCE = { testTimeout: times({ short: 300_000, long: 3_600_000 }), hookTimeout: 120_000 };
