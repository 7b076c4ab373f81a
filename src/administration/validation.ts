import { excerpt } from "../domain/arn.js";
import { NAME_RULES, RAM_LIMITS } from "../domain/limits.js";
import type { Tag } from "./administration.js";
import { type UserError, type UserErrorCode, userError } from "./user-error.js";

type EntityName = "USER" | "GROUP" | "ROLE" | "POLICY";

const RULES = { USER: NAME_RULES.user, GROUP: NAME_RULES.group, ROLE: NAME_RULES.role, POLICY: NAME_RULES.policy };
const CHARACTERS = {
  USER: "letters, digits, `.`, `_` and `-`",
  GROUP: "letters, digits and `-`",
  ROLE: "letters, digits, `.` and `-`",
  POLICY: "letters, digits and `-`",
};
const NOT_STORABLE = /[\0\p{Cs}]/u;
const RESERVED_TAG_PREFIX = /^(aliyun|acs:)/i;
const REGION = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const KEY_ID = /^[A-Za-z0-9._-]{1,128}$/;

export function isAccountNumber(text: string): boolean {
  return /^\d{1,32}$/.test(text);
}

/** A region that a resource can lie in: `cn-hangzhou`. */
export function isRegion(text: string): boolean {
  return REGION.test(text);
}

/** True when PostgreSQL can keep `text`: it takes neither NUL nor lone surrogates. */
export function isStorable(text: string): boolean {
  return !NOT_STORABLE.test(text);
}

/** Length in characters, as people count them. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** Problems of an optional free text of at most `longest` characters. */
export function checkText(text: string | null | undefined, longest: number, ...field: string[]): UserError[] {
  if (text === null || text === undefined) return [];
  const name = field.at(-1) ?? "text";
  if (!isStorable(text)) {
    return [userError("INVALID_PARAMETER_TEXT", `\`${name}\` holds a character that cannot be stored`, ...field)];
  }
  if (lengthOf(text) <= longest) return [];
  return [userError("INVALID_PARAMETER_TEXT", `\`${name}\` is longer than ${longest} characters`, ...field)];
}

/** Problems of the name of a user, group, role or policy (D30). */
export function checkName(kind: EntityName, name: string, ...field: string[]): UserError[] {
  if (RULES[kind].test(name)) return [];
  const longest = kind === "POLICY" ? RAM_LIMITS.policyNameLength : RAM_LIMITS.nameLength;
  const noun = kind.toLowerCase();
  const length = lengthOf(name);
  const code: UserErrorCode = `INVALID_PARAMETER_${kind}_NAME_${length === 0 || length > longest ? "LENGTH" : "INVALID_CHARS"}`;
  const message = `\`${excerpt(name)}\` is not a valid ${noun} name: it needs 1 to ${longest} ${CHARACTERS[kind]}`;
  return [userError(code, message, ...field)];
}

/** Problems of tags that are to be set (D30), on something that may have `most` of them. */
export function checkTags(tags: readonly Tag[], most: number, ...field: string[]): UserError[] {
  return [...checkEachTag(tags, ...field), ...checkTagCount(tags.length, most, ...field)];
}

function checkEachTag(tags: readonly Tag[], ...field: string[]): UserError[] {
  const seen = new Set<string>();
  return tags.flatMap((tag, index) => {
    const at = [...field, String(index)];
    const repeated = seen.has(tag.key);
    seen.add(tag.key);
    if (repeated)
      return [userError("INVALID_PARAMETER_TAG_KEY", `the tag key \`${excerpt(tag.key)}\` is repeated`, ...at)];
    return [...checkTagKey(tag.key, ...at, "key"), ...checkTagValue(tag.value, ...at, "value")];
  });
}

/** Problems of a tag key (D30): 1 to 128 of the characters of tags, no reserved prefix. */
export function checkTagKey(key: string, ...field: string[]): UserError[] {
  if (key === "" || !NAME_RULES.tag.test(key)) {
    const message = `\`${excerpt(key)}\` is not a valid tag key: it needs 1 to 128 letters, digits and \`/\\_-.+=:@\``;
    return [userError("INVALID_PARAMETER_TAG_KEY", message, ...field)];
  }
  if (!RESERVED_TAG_PREFIX.test(key)) return [];
  const message = `the tag key \`${excerpt(key)}\` starts with \`aliyun\` or \`acs:\`, which are reserved`;
  return [userError("INVALID_PARAMETER_TAG_KEY", message, ...field)];
}

/** Problems of a tag value (D30): up to 128 of the characters of tags. */
export function checkTagValue(value: string, ...field: string[]): UserError[] {
  if (NAME_RULES.tag.test(value)) return [];
  const message = `\`${excerpt(value)}\` is not a valid tag value: it needs at most 128 letters, digits and \`/\\_-.+=:@\``;
  return [userError("INVALID_PARAMETER_TAG_VALUE", message, ...field)];
}

/** Problems of an attachment's or session's window: it must not be empty. */
export function checkWindow(notBefore: Date | null, expiresAt: Date | null, ...field: string[]): UserError[] {
  for (const [name, instant] of [
    ["notBefore", notBefore],
    ["expiresAt", expiresAt],
  ] as const) {
    if (instant === null) continue;
    const year = instant.getUTCFullYear();
    if (!(year >= 1 && year <= 9999)) {
      return [userError("INVALID_PARAMETER_WINDOW", `\`${name}\` must lie in the years 1 to 9999`, ...field, name)];
    }
  }
  if (notBefore === null || expiresAt === null || notBefore < expiresAt) return [];
  return [userError("INVALID_PARAMETER_WINDOW", "`notBefore` must be earlier than `expiresAt`", ...field, "expiresAt")];
}

/** Problems of the name of a key, secret or alias, as its ARN gives it (D30). */
export function checkResourceName(type: "KEY" | "SECRET" | "ALIAS", name: string, ...field: string[]): UserError[] {
  const shown = excerpt(name);
  if (type === "KEY" && !KEY_ID.test(name)) {
    const message = `\`${shown}\` is not a valid key id: it needs 1 to 128 letters, digits, \`.\`, \`_\` and \`-\``;
    return [userError("INVALID_PARAMETER_KEY_ID", message, ...field)];
  }
  if (type === "SECRET" && !NAME_RULES.secret.test(name)) {
    const message = `\`${shown}\` is not a valid secret name: it needs 1 to ${RAM_LIMITS.secretNameLength} letters, digits and \`_/+=.@!-\``;
    return [userError("INVALID_PARAMETER_SECRET_NAME", message, ...field)];
  }
  if (type === "ALIAS" && !NAME_RULES.alias.test(name)) {
    const message = `\`${shown}\` is not a valid alias name: it needs \`alias/\` and letters, digits and \`_/-\`, at most ${RAM_LIMITS.aliasNameLength} in all, and must not start with \`alias/acs\``;
    return [userError("INVALID_PARAMETER_ALIAS_NAME", message, ...field)];
  }
  return [];
}

/** A principal, key or secret carries at most so many tags. */
export function checkTagCount(count: number, most: number, ...field: string[]): UserError[] {
  if (count <= most) return [];
  return [userError("LIMIT_EXCEEDED_TAG", `that makes ${count} tags, and at most ${most} are allowed`, ...field)];
}
