import { excerpt } from "../../arn.js";
import { KMS_ACTIONS } from "../../kms/actions.js";
import type { ResourceType } from "../../resource.js";
import { didYouMean } from "../../suggest.js";
import { foldCase, hasWildcard } from "../../wildcard.js";
import type { Remark } from "./finding.js";
import { isKmsPattern, kmsActionsOf, type LintedPattern, type LintedStatement, typesOf } from "./linted-statement.js";

/** Reads `kms:…` patterns that no action of KMS answers to. */
export function unknownActions({ actions }: LintedStatement): Remark[] {
  return actions.flatMap(({ text, pointer }): Remark[] => {
    if (text.includes("${")) return [{ code: "POLICY_VARIABLE_UNSUPPORTED", pointer, message: variable(text) }];
    if (!isKmsPattern(text) || kmsActionsOf(text).length > 0) return [];
    return [{ code: "UNKNOWN_ACTION", pointer, message: unknownAction(text) }];
  });
}

function variable(text: string): string {
  return `actions know no variables: \`${excerpt(text)}\` is plain text that names no action`;
}

function unknownAction(text: string): string {
  if (foldCase(text) === "kms:reencrypt") {
    return "KMS checks `kms:ReEncryptFrom` and `kms:ReEncryptTo`: there is no action `kms:ReEncrypt`";
  }
  const suggestion = hasWildcard(text) ? "" : didYouMean(text, KMS_ACTIONS.keys());
  return `\`${excerpt(text)}\` names no action of KMS that is known here${suggestion}`;
}

export function actionCase({ actions }: LintedStatement): Remark[] {
  return actions.flatMap(({ text, pointer }) => {
    const [known] = hasWildcard(text) ? [] : kmsActionsOf(text);
    if (known === undefined || known === text) return [];
    return [{ code: "ACTION_CASE" as const, pointer, message: `RAM spells \`${excerpt(text)}\` as \`${known}\`` }];
  });
}

const TYPE_WORDS: Readonly<Record<ResourceType, string>> = {
  KEY: "keys (`key/<id>`)",
  KEY_CONTAINER: "the container `key`",
  SECRET: "secrets (`secret/<name>`)",
  SECRET_CONTAINER: "the container `secret`",
  ALIAS: "aliases (`alias/<name>`)",
  ALIAS_CONTAINER: "the container `alias`",
  CERTIFICATE: "certificates (`certificate/<id>`)",
  CERTIFICATE_CONTAINER: "the container `certificate`",
  NONE: "`*` only",
  OTHER: "other resources",
};

/** Actions of KMS that are checked on nothing which the resources of the statement can match. */
export function inapplicableActions({ statement, actions, resources }: LintedStatement): Remark[] {
  if (statement.actions.negated || statement.resources === null || statement.resources.negated) return [];
  const types = resources.map(({ text }) => typesOf(text));
  if (types.includes(null)) return [];
  const reached = new Set(types.flatMap((set) => [...(set ?? [])]));
  if (reached.size === 0 && !actions.every(({ text }) => isKmsPattern(text))) return []; // about another service
  return actions.flatMap((action) => inapplicable(action, reached));
}

function inapplicable({ text, pointer }: LintedPattern, reached: ReadonlySet<ResourceType>): Remark[] {
  const named = isKmsPattern(text) ? kmsActionsOf(text).filter((name) => name !== "kms:DescribeRegions") : [];
  const wanted = new Set(named.flatMap((name) => KMS_ACTIONS.get(name) ?? []));
  if (wanted.size === 0 || [...wanted].some((type) => reached.has(type))) return [];
  const words = [...wanted].map((type) => TYPE_WORDS[type]).join(" or ");
  const message = `\`${excerpt(text)}\` is checked on ${words}, which the resources of the statement do not match`;
  return [{ code: codeFor(wanted, reached), pointer, message }];
}

function codeFor(wanted: ReadonlySet<ResourceType>, reached: ReadonlySet<ResourceType>): Remark["code"] {
  const has = (type: string): boolean => ([...reached] as string[]).includes(type);
  const types = [...wanted];
  if (types.every((type) => type === "NONE")) return "RESOURCE_NOT_SUPPORTED";
  if (types.some((type) => type.endsWith("_CONTAINER") && has(type.replace("_CONTAINER", "")))) {
    return "CONTAINER_ARN_REQUIRED";
  }
  if (types.some((type) => has(`${type}_CONTAINER`))) return "ITEM_ARN_REQUIRED";
  return "ACTION_NOT_APPLICABLE";
}

const DESTRUCTIVE = ["kms:ScheduleKeyDeletion", "kms:DeleteKeyMaterial"];

/** Wildcards of an Allow that let key material be destroyed; whoever spells the action out means it. */
export function destructiveWildcards({ statement, actions, resources }: LintedStatement): Remark[] {
  if (statement.effect !== "Allow" || statement.actions.negated || statement.resources?.negated) return [];
  if (!resources.some(({ text }) => typesOf(text)?.has("KEY"))) return [];
  return actions.flatMap(({ text, pointer }) => {
    const named = hasWildcard(text) ? kmsActionsOf(text) : [];
    const covered = DESTRUCTIVE.filter((action) => named.includes(action));
    if (covered.length === 0) return [];
    const list = covered.map((action) => `\`${action}\``).join(" and ");
    return [{ code: "DESTRUCTIVE_WILDCARD" as const, pointer, message: `\`${excerpt(text)}\` also allows ${list}` }];
  });
}

export function allowNotAction({ statement, pointer }: LintedStatement): Remark[] {
  if (statement.effect !== "Allow" || !statement.actions.negated) return [];
  const message = "an Allow with `NotAction` allows every other action of every service, future ones included";
  return [{ code: "ALLOW_NOT_ACTION", pointer: `${pointer}/NotAction`, message, atName: true }];
}

export function allowEverything({ statement, pointer }: LintedStatement): Remark[] {
  const { effect, actions, resources, conditions } = statement;
  const all = [actions, resources].every((block) => block !== null && !block.negated && block.patterns.includes("*"));
  if (effect !== "Allow" || !all || conditions.length > 0) return [];
  const message = "the statement allows every action on every resource";
  return [{ code: "ALLOW_EVERYTHING", pointer, message }];
}
