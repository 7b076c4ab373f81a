import { excerpt } from "../../arn.js";
import { parseInstant } from "../../condition/date.js";
import { findOperator, OPERATOR_NAMES, type Operator, type OperatorFamily } from "../../condition/operators.js";
import { splitConditionKey } from "../../evaluation/context-keys.js";
import { actionAppliesTo } from "../../kms/actions.js";
import { didYouMean, suggest } from "../../suggest.js";
import { foldCase, hasWildcard } from "../../wildcard.js";
import type { Condition, Effect } from "../document.js";
import { pointerTo } from "../json-tree.js";
import type { Remark } from "./finding.js";
import { isKmsPattern, type LintedStatement, memberOf } from "./linted-statement.js";

/** One condition with its place. */
interface LintedCondition {
  readonly condition: Condition;
  readonly effect: Effect;
  readonly operator: Operator | undefined;
  readonly operatorPointer: string;
  readonly pointer: string;
  /** The values as the document has them. */
  readonly source: unknown;
}

/** Everything about conditions, one by one. */
export function conditionRemarks(statement: LintedStatement): Remark[] {
  return conditionsOf(statement).flatMap((condition) => [
    ...unknownOperator(condition),
    ...variableInKey(condition),
    ...values(condition),
    ...keyType(condition),
    ...unpopulatedKey(condition, statement),
    ...sourceVpc(condition, statement),
  ]);
}

function conditionsOf({ statement, pointer, source }: LintedStatement): LintedCondition[] {
  return statement.conditions.map((condition) => {
    const { setPrefix, operator, key } = condition;
    const name = setPrefix === null ? operator : `${setPrefix}:${operator}`;
    const operatorPointer = pointerTo(`${pointer}/Condition`, name);
    return {
      condition,
      effect: statement.effect,
      operator: findOperator(operator),
      operatorPointer,
      pointer: pointerTo(operatorPointer, key),
      source: memberOf(memberOf(memberOf(source, "Condition"), name), key),
    };
  });
}

function unknownOperator({ condition, operator, operatorPointer }: LintedCondition): Remark[] {
  if (operator !== undefined) return [];
  const { operator: name } = condition;
  const known = OPERATOR_NAMES.find((each) => foldCase(each) === foldCase(name.replace(/IfExists$/, "")));
  const suggestion = known === undefined ? didYouMean(name, OPERATOR_NAMES) : `; did you mean \`${known}\`?`;
  const message = `operator \`${excerpt(name)}\` is not supported: an Allow with it grants nothing, a Deny ignores the condition${suggestion}`;
  return [{ code: "UNKNOWN_OPERATOR", pointer: operatorPointer, message, atName: true }];
}

function variableInKey({ condition, pointer }: LintedCondition): Remark[] {
  if (!condition.key.includes("${")) return [];
  const message = `policy variables are not supported: \`${excerpt(condition.key)}\` is no condition key`;
  return [{ code: "POLICY_VARIABLE_UNSUPPORTED", pointer, message, atName: true }];
}

function values(linted: LintedCondition): Remark[] {
  const { condition, pointer, source } = linted;
  if (condition.values.length === 0 && condition.key !== "") {
    return [{ code: "EMPTY_VALUE_LIST", pointer, message: "an empty list of values matches nothing" }];
  }
  return condition.values.flatMap((value, index) => {
    const at = Array.isArray(source) ? pointerTo(pointer, index) : pointer;
    const written: unknown = Array.isArray(source) ? source[index] : source;
    return [...nonString(written, at), ...valueRemarks(linted, value, at)];
  });
}

function nonString(written: unknown, pointer: string): Remark[] {
  if (typeof written === "string" || written === undefined) return [];
  return [{ code: "NON_STRING_VALUE", pointer, message: `RAM wants \`${String(written)}\` in quotes` }];
}

function valueRemarks({ condition, operator, effect }: LintedCondition, value: string, pointer: string): Remark[] {
  if (value.includes("${")) {
    const message = `policy variables are not supported: \`${excerpt(value)}\` cannot be compared`;
    return [{ code: "POLICY_VARIABLE_UNSUPPORTED", pointer, message }];
  }
  if (operator === undefined) return [];
  const { unreadable } = operator.compile([value], { effect, negated: operator.negated, ignoreCase: false });
  if (unreadable.length > 0)
    return [{ code: "UNPARSEABLE_VALUE", pointer, message: unreadableMessage(operator, value) }];
  if (!condition.operator.includes("Equals") || operator.family !== "string" || !hasWildcard(value)) return [];
  const message = `\`${condition.operator}\` compares \`${excerpt(value)}\` as plain text: wildcards need \`StringLike\` or \`StringNotLike\``;
  return [{ code: "WILDCARD_IN_EQUALS", pointer, message }];
}

const FORMS: Readonly<Record<OperatorFamily, string>> = {
  string: "text",
  numeric: "a number such as `7` or `-1.5`",
  date: "a date such as `2026-01-31T23:59:59Z`",
  bool: "`true` or `false`",
  ip: "an address or CIDR block such as `10.0.0.0/8` or `2001:db8::/32`",
};

function unreadableMessage({ family }: Operator, value: string): string {
  if (family === "date" && parseInstant(value) !== null) return `\`${excerpt(value)}\` has no time zone: add \`Z\``;
  return `\`${excerpt(value)}\` is not ${FORMS[family]}`;
}

/** Keys whose values are no plain text. */
const KEY_FAMILIES: ReadonlyMap<string, OperatorFamily> = new Map([
  ["acs:currenttime", "date"],
  ["acs:sourceip", "ip"],
  ["acs:vpcsourceip", "ip"],
  ["acs:securetransport", "bool"],
  ["acs:mfapresent", "bool"],
]);

function keyType({ condition, operator, pointer }: LintedCondition): Remark[] {
  const { prefix } = splitConditionKey(condition.key);
  const family = KEY_FAMILIES.get(prefix) ?? (isTagKey(prefix) ? "string" : undefined);
  if (operator === undefined || family === undefined || operator.family === family) return [];
  if (isTagKey(prefix) && operator.family !== "ip" && operator.family !== "bool") return []; // tags may hold numbers and dates
  const message = `the values of \`${excerpt(condition.key)}\` are ${FAMILY_WORDS[family]}, which \`${condition.operator}\` does not compare`;
  return [{ code: "KEY_TYPE_MISMATCH", pointer, message, atName: true }];
}

const FAMILY_WORDS: Readonly<Record<OperatorFamily, string>> = {
  string: "text",
  numeric: "numbers",
  date: "dates",
  bool: "`true` or `false`",
  ip: "addresses",
};

function isTagKey(prefix: string): boolean {
  return prefix.endsWith("tag/");
}

const ENCRYPTING = [
  "Encrypt",
  "Decrypt",
  "GenerateDataKey",
  "GenerateDataKeyWithoutPlaintext",
  "ReEncryptFrom",
  "ReEncryptTo",
  "ExportDataKey",
  "GenerateAndExportDataKey",
].map((name) => `kms:${name}`);
const WITH_ALGORITHM = [...ENCRYPTING, "kms:AsymmetricEncrypt", "kms:AsymmetricDecrypt"];
const WITH_REQUEST_TAGS = ["CreateKey", "CreateSecret", "TagResource", "TagResources"].map((name) => `kms:${name}`);
const onTaggable = (action: string): boolean => actionAppliesTo(action, "KEY") || actionAppliesTo(action, "SECRET");
const always = (): boolean => true;

/** The condition keys that requests to KMS carry, and for which actions; a key with a tag part by what stands before it. */
const KMS_KEYS: ReadonlyMap<string, (action: string) => boolean> = new Map([
  ["acs:currenttime", always],
  ["acs:sourceip", always],
  ["acs:securetransport", always],
  ["acs:mfapresent", always],
  ["acs:sourcevpc", always],
  ["acs:vpcsourceip", always],
  ["acs:principalarn", always],
  ["acs:principalrdid", always],
  ["acs:principalrdpath", always],
  ["action", always],
  ["acs:requesttag/", (action: string) => WITH_REQUEST_TAGS.includes(action)],
  ["acs:resourcetag/", onTaggable],
  ["kms:tag/", onTaggable],
  ["kms:encryptionalgorithm", (action: string) => WITH_ALGORITHM.includes(action)],
  ["kms:encryptioncontext:", (action: string) => ENCRYPTING.includes(action)],
]);
const KEY_NAMES = [
  ...["acs:CurrentTime", "acs:SourceIp", "acs:SecureTransport", "acs:MFAPresent", "acs:SourceVpc", "acs:VpcSourceIp"],
  ...["acs:PrincipalARN", "acs:PrincipalRDId", "acs:PrincipalRDPath", "kms:EncryptionAlgorithm"],
];
const KEY_PREFIXES = ["kms:tag/", "acs:ResourceTag/", "acs:RequestTag/", "kms:EncryptionContext:"];

/** In a statement about KMS only: a key that none of its actions brings along, so that the condition never holds. */
function unpopulatedKey(
  { condition, pointer }: LintedCondition,
  { statement, actions, named }: LintedStatement,
): Remark[] {
  if (statement.actions.negated || condition.key === "" || !actions.every(({ text }) => isKmsPattern(text))) return [];
  if (condition.key.includes("${")) return [];
  const populates = KMS_KEYS.get(splitConditionKey(condition.key).prefix);
  if (populates !== undefined && (named.length === 0 || named.some(populates))) return [];
  const what = populates === undefined ? "no request to KMS" : "no request for the actions of the statement";
  const suggestion = populates === undefined ? suggestKey(condition.key) : "";
  const message = `${what} is known to carry the condition key \`${excerpt(condition.key)}\`${suggestion}`;
  return [{ code: "CONDITION_KEY_NOT_POPULATED", pointer, message, atName: true }];
}

function suggestKey(key: string): string {
  const { prefix, suffix } = splitConditionKey(key);
  const near = suggest(prefix, suffix === "" ? [...KEY_NAMES, ...KEY_PREFIXES] : KEY_PREFIXES);
  if (near === null) return "";
  const rest = suffix === "" && KEY_PREFIXES.includes(near) ? "<key>" : excerpt(suffix);
  return `; did you mean \`${near}${rest}\`?`;
}

const VPC_KEYS = new Set(["acs:sourcevpc", "acs:vpcsourceip"]);

/** KMS reads these keys only in statements whose actions all start with `kms:`. */
function sourceVpc({ condition, pointer }: LintedCondition, { statement, actions, named }: LintedStatement): Remark[] {
  if (statement.actions.negated || !VPC_KEYS.has(foldCase(condition.key))) return [];
  const first = actions.find(({ text }) => !isKmsPattern(text));
  if (first === undefined || named.length === 0) return [];
  const message = `KMS honours \`${condition.key}\` only where every action starts with \`kms:\`, and \`${excerpt(first.text)}\` does not`;
  return [{ code: "SOURCE_VPC_ACTIONS", pointer, message, atName: true }];
}
