import type { Gateway } from "./gateway.js";
import type { Pair } from "./gateway-pair.js";
import { readGrant, setGrant } from "./grants.js";

/** Users that a pair must have for {@link sequences}. */
export const CLIENTS = 5;

export interface Seen {
  stale: number;
  reads: number;
  hits: number;
}

/** Granted and revoked through one gateway, and each time asked at the other at once, and then at the same. */
async function sequence(writer: Gateway, reader: Gateway, user: number, seen: Seen): Promise<void> {
  for (const granted of [true, false]) {
    await setGrant(writer, user, granted);
    for (const gateway of [reader, writer]) {
      const answer = await readGrant(gateway, user);
      seen.reads += 1;
      if (answer.granted !== granted) seen.stale += 1;
      if (answer.cache === "HIT") seen.hits += 1;
    }
  }
}

/** So many sequences, by several clients at a time; `between` runs before each. */
export async function sequences({ gateways: [a, b] }: Pair, count: number, between = async () => {}): Promise<Seen> {
  const seen: Seen = { stale: 0, reads: 0, hits: 0 };
  let left = count;
  const client = async (user: number) => {
    while (left-- > 0) {
      await between();
      await (left % 2 === 0 ? sequence(a, b, user, seen) : sequence(b, a, user, seen));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, user) => client(user)));
  return seen;
}

export const report = (state: string, { stale, reads, hits }: Seen) =>
  console.log(`redis ${state}: ${stale} stale of ${reads} reads, ${hits} hits`);
