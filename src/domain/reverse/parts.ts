import { type PolicyClass, sessionClass } from "../evaluation/policy-class.js";
import type { CompiledPolicy, CompiledStatement } from "../policy/compile-policy.js";

/** A policy by itself, as a class that keeps what it selects. */
export interface Parts {
  readonly fixed: PolicyClass;
  /** The statements that look at who asks; null: none does. */
  readonly ofCaller: PolicyClass | null;
}

const PARTS = new WeakMap<CompiledPolicy, Parts>();
/** Whose document is not known: it may hold anything (D4). */
const UNKNOWN: Parts = { fixed: sessionClass(null), ofCaller: null };

/** @param policy null: its document is not known */
export function partsOf(policy: CompiledPolicy | null): Parts {
  if (policy === null) return UNKNOWN;
  const known = PARTS.get(policy);
  if (known !== undefined) return known;
  const ofCaller = part(policy, readsCaller);
  const others = part(policy, (statement) => !readsCaller(statement));
  const parts = {
    fixed: sessionClass(others),
    ofCaller: ofCaller.statements.length === 0 ? null : sessionClass(ofCaller),
  };
  PARTS.set(policy, parts);
  return parts;
}

function part({ document, statements }: CompiledPolicy, has: (statement: CompiledStatement) => boolean) {
  return { document, statements: statements.filter(has) };
}

/** Whether a condition looks at who asks. */
export function readsCaller({ conditions }: CompiledStatement): boolean {
  return conditions.some(({ reads }) => reads === "caller");
}
