import type { Question } from "./question.js";

/** Two questions share a key only when they agree in everything; the order of object members does not matter. */
export function questionKey(question: Question): string {
  const { sessionPolicy, consistency } = question;
  const session = sessionPolicy === undefined ? "" : JSON.stringify(tagged(sessionPolicy));
  const fresh = consistency?.kind === "full" ? "full" : JSON.stringify(tagged(consistency));
  return `${plainText(question)} ${fresh} ${session}`;
}

/** The key of a question whatever its consistency; null: it comes with a session policy, which may be large. */
export function plainKey(question: Question): string | null {
  return (question.sessionPolicy ?? null) === null ? plainText(question) : null;
}

function plainText({ principal, resource, actions, detail, asStranger, context }: Question): string {
  const plain = JSON.stringify([principal, resource, actions, detail ?? null, asStranger ?? null]);
  return context === undefined ? plain : `${plain} ${JSON.stringify(tagged(context))}`;
}

/** Every value becomes an array headed by its kind, so that no two kinds meet: absent, null, date, list, object. */
function tagged(value: unknown): unknown {
  if (value === undefined) return ["absent"];
  if (value instanceof Date) return ["date", value.getTime()];
  if (Array.isArray(value)) return ["list", value.map(tagged)];
  if (value instanceof Map) return ["map", [...value].map(tagged)];
  if (typeof value === "object" && value !== null) return ["object", members(value)];
  return ["value", value];
}

function members(value: object): unknown[] {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, tagged(member)]);
}
