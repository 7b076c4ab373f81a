/** What a `jsonb` column takes. */
export type StorableJson = string | number | boolean | StorableObject | readonly (StorableJson | null)[];
interface StorableObject {
  readonly [key: string]: StorableJson | null;
}

/** JSON text with sorted members: equal for equal values, whatever the order of their members. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (isPlainObject(inner) ? sorted(inner) : inner)) ?? "null";
}

/** A copy of `value` that a `jsonb` column takes: it refuses NUL and lone surrogates, which JSON allows. */
export function storableJson(value: unknown): StorableJson {
  const text = JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "string" ? storableText(inner) : isPlainObject(inner) ? withStorableKeys(inner) : inner,
  );
  return JSON.parse(text ?? "null") as StorableJson;
}

/** True for objects made of members, as JSON knows them. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function sorted(value: Record<string, unknown>): unknown {
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return withMembers(entries);
}

function withStorableKeys(value: Record<string, unknown>): unknown {
  return withMembers(Object.entries(value).map(([key, inner]) => [storableText(key), inner]));
}

/** Without a prototype, so that a member named `__proto__` stays a member. */
function withMembers(entries: readonly (readonly [string, unknown])[]): unknown {
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [key, inner] of entries) copy[key] = inner;
  return copy;
}

function storableText(text: string): string {
  return text.replace(/[\0\p{Cs}]/gu, "\ufffd");
}
