import type { Consistency } from "./consistency.js";
import type { Question } from "./question.js";

/** Two questions share a key only when they agree in everything; the order of object members does not matter. */
export function questionKey(question: Question): string {
  const { context, sessionPolicy, consistency } = question;
  return JSON.stringify([
    ...plainParts(question),
    tagged(context),
    tagged(sessionPolicy),
    consistencyPart(consistency),
  ]);
}

/** The key of a question that comes without circumstances, whatever its consistency; null: it comes with some. */
export function plainKey(question: Question): string | null {
  if ((question.context ?? question.sessionPolicy ?? null) !== null) return null;
  return JSON.stringify(plainParts(question));
}

function plainParts({ principal, resource, actions, detail, asStranger }: Question): unknown[] {
  return [principal, resource, actions, detail ?? null, asStranger ?? null];
}

function consistencyPart(consistency: Consistency | null | undefined): string {
  return consistency?.kind === "full" ? "full" : JSON.stringify(tagged(consistency));
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
