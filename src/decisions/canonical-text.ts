/** Data that has one encoding, and no two of which share one. */
export type CanonicalValue = null | string | readonly CanonicalValue[] | ReadonlyMap<string, CanonicalValue>;

/**
 * Encodes data injectively: a type letter, the length, the content. So null, the empty string and the empty list
 * differ, and a list differs from its joined text; maps are sorted by key.
 */
export function canonicalText(value: CanonicalValue): string {
  if (value === null) return "0";
  if (typeof value === "string") return `s${value.length}:${value}`;
  if (value instanceof Map) return mapText(value);
  const list = value as readonly CanonicalValue[];
  return `l${list.length}:${list.map(canonicalText).join("")}`;
}

function mapText(map: ReadonlyMap<string, CanonicalValue>): string {
  const entries = [...map.keys()].sort().map((key) => canonicalText(key) + canonicalText(map.get(key) ?? null));
  return `m${entries.length}:${entries.join("")}`;
}
