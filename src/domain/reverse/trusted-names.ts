import type { CompiledPolicy, CompiledStatement } from "../policy/compile-policy.js";
import { ASSUME_ROLE } from "../ram-actions.js";
import { foldCase } from "../wildcard.js";
import { readsCaller } from "./parts.js";

const ACTION = foldCase(ASSUME_ROLE);
/** User, group or role by its full name; or all of an account. */
const ENTITY = /^acs:ram:\*?:(\d+):(?:(?:user|group|role)\/[^/*?,$]+|root|\*)$/;
const EVERYBODY = /:(?:root|\*)$/;

/**
 * Those of an account whom a trust policy allows to assume the role by their names, folded; a session goes by the name of
 * its role. Without those whom `trustOfAll` is about, because the policy names all. Null: that cannot be listed.
 */
export function trustedNames({ document, statements }: CompiledPolicy, account: string): ReadonlySet<string> | null {
  const names = new Set<string>();
  for (const statement of statements) {
    if (statement.effect === "Deny" || !statement.actions.matches(ACTION)) continue;
    for (const text of document.statements[statement.index]?.principal?.ram ?? []) {
      const name = nameIn(foldCase(text), statement, account);
      if (name === null) return null;
      if (name !== "") names.add(name);
    }
  }
  return names;
}

/** Empty: nobody of the account, or all of them; null: who knows. */
function nameIn(text: string, statement: CompiledStatement, account: string): string | null {
  const [, of] = ENTITY.exec(text) ?? [];
  if (of === undefined) return null;
  if (of !== account) return "";
  if (EVERYBODY.test(text)) return readsCaller(statement) ? null : "";
  return text.replace("acs:ram:*:", "acs:ram::");
}

/** What {@link trustedNames} calls a principal, by its ARN. */
export function nameOf(arn: string): string {
  return foldCase(arn).replace(/:assumed-role\/([^/]*)\/.*$/, ":role/$1");
}
