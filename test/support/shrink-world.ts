import type { ReferenceWorld } from "./reference-evaluator.js";

type Plain = null | boolean | number | string | readonly Plain[] | { readonly [name: string]: Plain };

/**
 * The smallest world that can be had from `world` by taking parts away, one after the other, while `fails` stays true.
 * What is no world any more when a part is missing does not count as failing.
 */
export function shrinkWorld(world: ReferenceWorld, fails: (smaller: ReferenceWorld) => boolean): ReferenceWorld {
  const stillFails = (candidate: Plain): boolean => {
    try {
      return fails(candidate as unknown as ReferenceWorld);
    } catch {
      return false;
    }
  };
  let smallest = world as unknown as Plain;
  for (;;) {
    const smaller = smallerOnes(smallest, "").find(stillFails);
    if (smaller === undefined) return smallest as unknown as ReferenceWorld;
    smallest = smaller;
  }
}

const NULLABLE = new Set(["session", "trust", "group", "resourceGroup", "notBefore", "expiresAt"]);
const OPTIONAL = new Set(["Sid", "Condition"]);
/** Any member of these may be left out. */
const OPEN = new Set(["Condition", "context", "tags"]);

/** Everything that is `value` with one part less, the largest parts first. `name`: of the member that it is. */
function smallerOnes(value: Plain, name: string): Plain[] {
  if (value === null || typeof value !== "object") return [];
  if (isList(value)) {
    const shorter = value.map((_, index) => value.toSpliced(index, 1));
    return [...shorter, ...value.flatMap((item, at) => smallerOnes(item, name).map((less) => value.with(at, less)))];
  }
  const members = Object.entries(value);
  const fewer = members
    .filter(([key]) => OPTIONAL.has(key) || OPEN.has(name))
    .map(([left]) => Object.fromEntries(members.filter(([key]) => key !== left)));
  const inside = members.flatMap(([key, member]) => {
    const nothing = NULLABLE.has(key) && member !== null ? [null] : [];
    const smaller = smallerOnes(member, name === "Condition" ? name : key);
    return [...nothing, ...smaller].map((less) => ({ ...value, [key]: less }));
  });
  return [...fewer, ...inside];
}

const isList = (value: Plain): value is readonly Plain[] => Array.isArray(value);
