import { type ArnSegments, excerpt } from "../../arn.js";
import { compileGlob, foldCase } from "../../wildcard.js";
import type { Effect } from "../document.js";
import { splitPattern } from "../resource-pattern.js";
import type { Remark } from "./finding.js";
import type { LintedPattern, LintedStatement } from "./linted-statement.js";

const REGION_AS_SERVICE = /^(?:cn|ap|us|eu|me|na|sa|rus?)-[a-z0-9*?-]*$/i;
const REGION = /^[A-Za-z0-9*?-]*$/;
const ACCOUNT = /^(?:[\d*?]+|system|)$/;
const CONTAINER_WITH_SLASH = /^(?:key|secret|alias|certificate)\/$/;
const PART_TOO_MANY = /^[^:]*:(?:key|secret|alias|certificate)(?:[/*]|$)/;
const PLACEHOLDER = /[\s<>{}$]/;

/** Resource patterns that cannot mean what they seem to. */
export function suspiciousResources({ statement, resources }: LintedStatement): Remark[] {
  return resources.flatMap((pattern) => remarkOn(pattern, statement.effect) ?? []);
}

function remarkOn({ text, pointer }: LintedPattern, effect: Effect): Remark | null {
  if (text === "*") return null;
  if (text.includes("${")) {
    const message = `policy variables are not supported: \`${excerpt(text)}\` grants nothing in an Allow, and always matches in a Deny`;
    return { code: "POLICY_VARIABLE_UNSUPPORTED", pointer, message };
  }
  const problem = problemOf(text, effect);
  if (problem !== null) return { code: "SUSPICIOUS_RESOURCE", pointer, message: `\`${excerpt(text)}\` ${problem}` };
  if (!text.includes("****")) return null;
  const message = `\`${excerpt(text)}\` looks masked: its asterisks are wildcards, and match other ids, too`;
  return { code: "MASKED_ID", pointer, message };
}

function problemOf(text: string, effect: Effect): string | null {
  if (text.includes(",")) return "holds a comma: it names no resource, write one entry for each";
  const segments = splitPattern(text);
  if (segments === null) return "has fewer than the five parts of `acs:<service>:<region>:<account>:<relative id>`";
  const { partition, service, region, account, relativeId } = segments;
  if (REGION_AS_SERVICE.test(service)) return "has a region where the service belongs";
  if (!compileGlob(effect === "Deny" ? foldCase(partition) : partition)("acs")) return "does not start with `acs:`";
  if (!REGION.test(region)) return "has a region that is none";
  if (!ACCOUNT.test(account)) return "has an account that is not a number";
  if (relativeId === "") return "has an empty relative id";
  return foldCase(service) === "kms" ? kmsProblemOf(segments) : null;
}

/** What is known of KMS only. */
function kmsProblemOf({ region, account, relativeId }: ArnSegments): string | null {
  if (region === "" || account === "") return "leaves out the region or the account, which all resources of KMS have";
  if (PART_TOO_MANY.test(relativeId)) return "has a part too many in front of the relative id";
  if (PLACEHOLDER.test(relativeId)) return "holds a character that no name in KMS has";
  if (!CONTAINER_WITH_SLASH.test(relativeId)) return null;
  return "ends in `/`: containers are named without it, items with a name behind it";
}

/** `NotResource` in an Allow grants nothing (D2). */
export function unsupportedNotResource({ statement, pointer }: LintedStatement): Remark[] {
  if (statement.effect !== "Allow" || !statement.resources?.negated) return [];
  const message = "`NotResource` is not supported in an Allow statement, which therefore grants nothing";
  return [{ code: "UNSUPPORTED_ELEMENT", pointer: `${pointer}/NotResource`, message, atName: true }];
}

/** Entries that are there twice. */
export function duplicateEntries({ actions, resources }: LintedStatement): Remark[] {
  return [actions, resources].flatMap((patterns) => {
    const seen = new Set<string>();
    return patterns.flatMap(({ text, pointer }) => {
      if (!seen.has(text)) {
        seen.add(text);
        return [];
      }
      return [{ code: "DUPLICATE_ENTRY" as const, pointer, message: `\`${excerpt(text)}\` is listed twice` }];
    });
  });
}
