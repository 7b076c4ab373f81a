import { excerpt } from "../../arn.js";
import { KMS_ACTIONS } from "../../kms/actions.js";
import type { ResourceType } from "../../resource.js";
import { didYouMean } from "../../suggest.js";
import { foldCase, hasWildcard } from "../../wildcard.js";
import { coversArn, coversText } from "../cover.js";
import type { Remark } from "./finding.js";
import {
  isKmsPattern,
  kmsActionsOf,
  type LintedAction,
  type LintedStatement,
  plainDenies,
  typesOf,
} from "./linted-statement.js";

/** Patterns that no action answers to. Of other services only what cannot be an action at all is known here. */
export function unknownActions({ actions }: LintedStatement): Remark[] {
  return actions.flatMap(({ text, pointer, named }): Remark[] => {
    if (text.includes("${")) return [{ code: "POLICY_VARIABLE_UNSUPPORTED", pointer, message: variable(text) }];
    if (named.length > 0) return [];
    const remark = isKmsPattern(text) ? unknownAction(text) : malformedAction(text);
    return remark === null ? [] : [{ code: "UNKNOWN_ACTION", pointer, ...remark }];
  });
}

function variable(text: string): string {
  return `actions know no variables: \`${excerpt(text)}\` is plain text that names no action`;
}

/** Operations of KMS that have no action of their own. */
const CHECKED_AS: ReadonlyMap<string, string> = new Map([
  ["kms:reencrypt", "`kms:ReEncryptFrom` and `kms:ReEncryptTo`"],
  ["kms:batchgetsecretvalue", "`kms:GetSecretValue` on each secret"],
]);

type Wording = Pick<Remark, "message" | "suggestion">;

function unknownAction(text: string): Wording {
  const checkedAs = CHECKED_AS.get(foldCase(text));
  if (checkedAs !== undefined) {
    return { message: `KMS checks ${checkedAs}: there is no action \`${excerpt(text)}\`` };
  }
  const message = `\`${excerpt(text)}\` names no action of KMS that is known here`;
  return hasWildcard(text) ? { message } : { message, suggestion: () => didYouMean(text, KMS_ACTIONS.keys()) };
}

function malformedAction(text: string): Wording | null {
  if (/\s/.test(text)) return { message: `\`${excerpt(text)}\` holds white space, which no action has` };
  if (text.includes(":") || hasWildcard(text)) return null;
  const [known] = kmsActionsOf(`kms:${text}`);
  const suggestion = known === undefined ? "" : `; did you mean \`${known}\`?`;
  return { message: `\`${excerpt(text)}\` names no action: it needs the form \`service:Name\`${suggestion}` };
}

export function actionCase({ actions }: LintedStatement): Remark[] {
  return actions.flatMap(({ text, pointer, named }) => {
    const [known] = hasWildcard(text) ? [] : named;
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
  const types = resources.map(({ text }) => typesOf(text, statement.effect));
  if (types.includes(null)) return [];
  const reached = new Set(types.flatMap((set) => [...(set ?? [])]));
  if (reached.size === 0 && !actions.every(({ text }) => isKmsPattern(text))) return []; // about another service
  return actions.flatMap((action) => inapplicable(action, reached));
}

function inapplicable({ text, pointer, named }: LintedAction, reached: ReadonlySet<ResourceType>): Remark[] {
  const checked = isKmsPattern(text) ? named.filter((name) => name !== "kms:DescribeRegions") : [];
  const wanted = new Set(checked.flatMap((name) => KMS_ACTIONS.get(name) ?? []));
  if (wanted.size === 0 || [...wanted].some((type) => reached.has(type))) return [];
  return [{ code: codeFor(wanted, reached), pointer, message: inapplicableMessage(text, [...wanted]) }];
}

function inapplicableMessage(text: string, wanted: readonly ResourceType[]): string {
  if (wanted.every((type) => type === "NONE")) return `\`${excerpt(text)}\` is about no resource: pair it with \`*\``;
  const words = wanted.map((type) => TYPE_WORDS[type]).join(" or ");
  return `\`${excerpt(text)}\` is checked on ${words}, which the resources of the statement do not match`;
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
const listOf = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(" and ");

/**
 * Wildcards of an Allow that let key material be destroyed. Whoever spells the action out means it, and whoever denies
 * it in the same document has thought of it.
 */
export function destructiveWildcards(statements: readonly LintedStatement[]): Remark[] {
  const denied = DESTRUCTIVE.map((action) => ({ action, on: deniedOn(action, statements) }));
  return statements.flatMap((linted) => (allowsEverything(linted) ? [] : destructive(linted, denied)));
}

/** Resources on which a Deny of the document forbids an action; the first few will do, and keep hostile documents cheap. */
function deniedOn(action: string, statements: readonly LintedStatement[]): string[] {
  return plainDenies(statements)
    .filter(({ statement: { actions, resources } }) => !actions.negated && resources?.negated === false)
    .filter(({ statement }) => statement.actions.patterns.some((pattern) => coversText(pattern, action)))
    .flatMap(({ resources }) => resources.map(({ text }) => text))
    .slice(0, MOST_DENIES);
}

const MOST_DENIES = 20;
type Denied = readonly { readonly action: string; readonly on: readonly string[] }[];

function destructive({ statement, actions, resources }: LintedStatement, denied: Denied): Remark[] {
  if (statement.effect !== "Allow" || statement.actions.negated || statement.resources?.negated) return [];
  const keys = resources.map(({ text }) => text).filter((text) => typesOf(text, "Allow")?.has("KEY"));
  if (keys.length === 0) return [];
  const allowed = denied.filter(({ on }) => !keys.every((key) => on.some((pattern) => coversKeys(pattern, key))));
  return actions.flatMap(({ text, pointer, named }) => {
    const covered = allowed.map(({ action }) => action).filter((action) => hasWildcard(text) && named.includes(action));
    if (covered.length === 0) return [];
    const message = `\`${excerpt(text)}\` also allows ${listOf(covered)}`;
    return [{ code: "DESTRUCTIVE_WILDCARD" as const, pointer, message }];
  });
}

/** Whether `outer` covers the keys that `inner` reaches. */
function coversKeys(outer: string, inner: string): boolean {
  return coversArn(outer, inner === "*" ? "acs:kms:*:*:key/*" : inner);
}

export function allowNotAction({ statement, pointer }: LintedStatement): Remark[] {
  if (statement.effect !== "Allow" || !statement.actions.negated) return [];
  const message = "an Allow with `NotAction` allows every other action of every service, future ones included";
  return [{ code: "ALLOW_NOT_ACTION", pointer: `${pointer}/NotAction`, message, atName: true }];
}

export function allowEverything(linted: LintedStatement): Remark[] {
  if (!allowsEverything(linted)) return [];
  const message = `the statement allows every action on every resource, ${listOf(DESTRUCTIVE)} among them`;
  return [{ code: "ALLOW_EVERYTHING", pointer: linted.pointer, message }];
}

const EVERY_ACTION = /^\*+(?::\*+)?$/;
const EVERY_RESOURCE = /^(?:\*|(?:acs|\*):\*:\*:\*:\*)$/;

function allowsEverything({ statement }: LintedStatement): boolean {
  const { effect, actions, resources, conditions } = statement;
  if (effect !== "Allow" || conditions.length > 0 || actions.negated || resources?.negated !== false) return false;
  const has = (patterns: readonly string[], every: RegExp): boolean => patterns.some((pattern) => every.test(pattern));
  return has(actions.patterns, EVERY_ACTION) && has(resources.patterns, EVERY_RESOURCE);
}
