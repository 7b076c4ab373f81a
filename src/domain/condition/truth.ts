import type { Effect } from "../policy/document.js";

/** The value of one part of a statement ("Four truth values" in docs/evaluation.md). */
export type Truth = "true" | "false" | "unknown" | "residual";

/** Which way a rule that differs by effect leans: `strict` matches less, `lenient` matches more. */
export type Leaning = "strict" | "lenient";

/** Always towards less access: a Deny matches leniently, an Allow strictly; negation turns it around (D31). */
export function leaningOf(effect: Effect, negated: boolean): Leaning {
  return (effect === "Deny") === negated ? "strict" : "lenient";
}

export function not(value: Truth): Truth {
  if (value === "true") return "false";
  return value === "false" ? "true" : value;
}

/** OR: true first, then residual, then unknown. */
export function anyOf(values: Iterable<Truth>): Truth {
  let result: Truth = "false";
  for (const value of values) {
    if (value === "true") return "true";
    if (value === "residual" || (value === "unknown" && result === "false")) result = value;
  }
  return result;
}

/** OR over tests of one thing, none of which is asked once the answer is known. */
export function anyTestOf<T>(tests: readonly { readonly matches: (subject: T) => Truth }[], subject: T): Truth {
  let result: Truth = "false";
  for (const { matches } of tests) {
    const value = matches(subject);
    if (value === "true") return value;
    if (value === "residual" || (value === "unknown" && result === "false")) result = value;
  }
  return result;
}

/** AND over definite or unknown values of one condition: false first, then residual, then unknown. */
export function allOf(values: Iterable<Truth>): Truth {
  let result: Truth = "true";
  for (const value of values) {
    if (value === "false") return "false";
    if (value === "residual" || (value === "unknown" && result === "true")) result = value;
  }
  return result;
}

/** What `unknown` counts as in a statement of `effect` (C1). */
export function resolveUnknown(value: Truth, effect: Effect): Truth {
  if (value !== "unknown") return value;
  return effect === "Deny" ? "true" : "false";
}
