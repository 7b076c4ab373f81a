import type { DecisionCache } from "../../../src/decisions/decision-cache.js";
import type { Dice } from "./dice.js";
import type { Machine } from "./machine.js";

/** What all gateways share: everything that anybody ever wrote. */
export class HostileRedis {
  readonly values = new Map<string, Buffer[]>();

  keep(key: string, value: Buffer): void {
    this.values.set(key, [...(this.values.get(key) ?? []), value]);
  }
}

/** A Redis that loses, brings back, mixes up, cuts and forges entries; late or never. */
export function createHostileCache(redis: HostileRedis, machine: Machine, dice: Dice, owner: object): DecisionCache {
  const look = (key: string): Buffer | null => {
    const throwOf = dice.next();
    const own = redis.values.get(key) ?? [];
    if (own.length === 0 && throwOf < 0.9) return null;
    if (throwOf < 0.75) return own.length === 0 ? null : dice.pick(own);
    if (throwOf < 0.85) return null;
    const others = [...redis.values.values()].flat();
    if (others.length === 0) return null;
    const value = dice.pick(others);
    if (throwOf < 0.9) return value;
    return throwOf < 0.93 ? value.subarray(0, dice.upTo(value.length)) : forge(value);
  };
  return {
    getMany: (keys) =>
      machine.later(
        "redis answers",
        owner,
        () => keys.map(look),
        () => keys.map(() => null),
      ),
    set: (key, value) => redis.keep(key, value),
    delete: () => {},
    close: async () => {},
  };
}

/** The answer turned into its opposite, under the seal that it had. */
function forge(value: Buffer): Buffer {
  const turned = value
    .toString("latin1")
    .replace(/"(ALLOW|IMPLICIT_DENY|EXPLICIT_DENY)"/g, (_, outcome) =>
      outcome === "ALLOW" ? '"IMPLICIT_DENY"' : '"ALLOW"',
    );
  return Buffer.from(turned, "latin1");
}
