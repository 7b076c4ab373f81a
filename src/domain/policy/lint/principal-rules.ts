import { excerpt } from "../../arn.js";
import { hasWildcard } from "../../wildcard.js";
import { splitPattern } from "../resource-pattern.js";
import type { Remark } from "./finding.js";
import { type LintedPattern, type LintedStatement, memberOf, patternsOf } from "./linted-statement.js";

/** Names in the `Principal` of a trust policy that mean nobody, or people of accounts that nobody thought of. */
export function suspiciousPrincipals({ statement, pointer, source }: LintedStatement): Remark[] {
  const patterns = statement.principal?.ram ?? [];
  const names = patternsOf({ patterns }, `${pointer}/Principal/RAM`, memberOf(source, "Principal"));
  return names.flatMap((name) => remarkOn(name, statement.effect === "Allow") ?? []);
}

function remarkOn({ text, pointer }: LintedPattern, allows: boolean): Remark | null {
  if (text.includes("${")) {
    const message = `policy variables are not supported: \`${excerpt(text)}\` names nobody`;
    return { code: "POLICY_VARIABLE_UNSUPPORTED", pointer, message };
  }
  const account = text === "*" ? text : splitPattern(text)?.account;
  if (account === undefined || text.includes(",")) {
    const message = `\`${excerpt(text)}\` is no arn such as \`acs:ram::<account>:root\` or \`acs:ram::<account>:user/<name>\``;
    return { code: "SUSPICIOUS_PRINCIPAL", pointer, message };
  }
  if (!allows || !hasWildcard(account)) return null;
  const message = `\`${excerpt(text)}\` has a wildcard in the account: whoever it matches in other accounts is trusted`;
  return { code: "PRINCIPAL_WILDCARD", pointer, message };
}
