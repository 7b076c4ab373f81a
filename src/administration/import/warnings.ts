import { excerpt } from "../../domain/arn.js";
import { RAM_LIMITS } from "../../domain/limits.js";
import { foldCase } from "../../domain/wildcard.js";
import type { Limits } from "../administration.js";
import { storedText } from "../policy-text.js";
import type { UserError, UserErrorCode } from "../user-error.js";
import {
  checkName,
  checkResourceName,
  checkTagCount,
  checkTagKey,
  checkTagValue,
  checkText,
  lengthOf,
} from "../validation.js";
import { pointerTo } from "./read-snapshot.js";
import type { Snapshot } from "./snapshot.js";

/** Something about a snapshot that RAM or KMS would refuse, or that makes decisions conservative. It is imported all the same. */
export interface ImportWarning {
  readonly code: UserErrorCode | "POLICY_WITHOUT_DOCUMENT";
  readonly message: string;
  readonly pointer: string;
}

type Tags = Readonly<Record<string, string>> | null | undefined;

/** Where the snapshot exceeds limits, name rules, tag characters and reserved prefixes (D30). */
export function warningsOf(snapshot: Snapshot, limits: Limits): ImportWarning[] {
  return [
    ...accountWarnings(snapshot, limits),
    ...snapshot.groups.flatMap(({ name }, i) => at(["groups", i], checkName("GROUP", name, "name"))),
    ...snapshot.users.flatMap((user, i) => at(["users", i], userWarnings(user, limits))),
    ...snapshot.roles.flatMap((role, i) => at(["roles", i], roleWarnings(role, limits))),
    ...snapshot.policies.flatMap((policy, i) => at(["policies", i], policyWarnings(policy, limits))),
    ...identityWarnings(snapshot, limits),
    ...snapshot.keys.flatMap(({ id, tags }, i) =>
      at(["keys", i], [...checkResourceName("KEY", id, "id"), ...tagWarnings(tags, limits)]),
    ),
    ...snapshot.secrets.flatMap(({ name, tags }, i) =>
      at(["secrets", i], [...checkResourceName("SECRET", name, "name"), ...tagWarnings(tags, limits)]),
    ),
    ...snapshot.aliases.flatMap(({ name }, i) => at(["aliases", i], checkResourceName("ALIAS", name, "name"))),
  ];
}

function at(place: readonly PropertyKey[], errors: readonly UserError[]): ImportWarning[] {
  return errors.map(({ code, message, field = [] }) => ({ code, message, pointer: pointerTo(...place, ...field) }));
}

function accountWarnings({ users, groups, roles, policies }: Snapshot, limits: Limits): ImportWarning[] {
  const custom = policies.filter(({ type }) => type === "CUSTOM").length;
  return [
    ...tooMany("LIMIT_EXCEEDED_USER", "users", users.length, limits.usersPerAccount, "/users"),
    ...tooMany("LIMIT_EXCEEDED_GROUP", "groups", groups.length, limits.groupsPerAccount, "/groups"),
    ...tooMany("LIMIT_EXCEEDED_ROLE", "roles", roles.length, limits.rolesPerAccount, "/roles"),
    ...tooMany("LIMIT_EXCEEDED_POLICY", "custom policies", custom, limits.customPoliciesPerAccount, "/policies"),
  ];
}

function tooMany(code: UserErrorCode, what: string, count: number, most: number, pointer: string): ImportWarning[] {
  return count <= most
    ? []
    : [{ code, message: `${count} ${what} are more than the ${most} that RAM allows`, pointer }];
}

function userWarnings({ name, groups, tags }: Snapshot["users"][number], limits: Limits): UserError[] {
  const [crowd] = tooMany("LIMIT_EXCEEDED_USER_GROUP", "groups", groups?.length ?? 0, limits.groupsPerUser, "");
  return [
    ...checkName("USER", name, "name"),
    ...(crowd === undefined
      ? []
      : [{ code: "LIMIT_EXCEEDED_USER_GROUP" as const, message: crowd.message, field: ["groups"] }]),
    ...tagWarnings(tags, limits),
  ];
}

function roleWarnings({ name, maxSessionDuration, tags }: Snapshot["roles"][number], limits: Limits): UserError[] {
  const { roleMaxSessionMinSeconds: least, roleMaxSessionMaxSeconds: most } = RAM_LIMITS;
  const seconds = maxSessionDuration ?? least;
  const code = "INVALID_PARAMETER_MAX_SESSION_DURATION";
  const message = `the longest session of ${seconds} seconds is not within ${least} to ${most}`;
  const duration =
    seconds >= least && seconds <= most ? [] : [{ code, message, field: ["maxSessionDuration"] } as const];
  return [...checkName("ROLE", name, "name"), ...duration, ...tagWarnings(tags, limits)];
}

function policyWarnings(
  { type, name, description, versions }: Snapshot["policies"][number],
  limits: Limits,
): UserError[] {
  const { versionsPerPolicy, customPolicyCharacters } = limits;
  const named = [
    ...checkName("POLICY", name, "name"),
    ...checkText(description, RAM_LIMITS.policyDescriptionLength, "description"),
  ];
  if (type === "SYSTEM") return named;
  const crowd = versions.length <= versionsPerPolicy ? [] : [manyVersions(versions.length, versionsPerPolicy)];
  const long = versions.flatMap(({ document }, i): UserError[] => {
    if (lengthOf(storedText(document)) <= customPolicyCharacters) return [];
    const message = `the document is longer than ${customPolicyCharacters} characters`;
    return [{ code: "INVALID_PARAMETER_POLICY_DOCUMENT_LENGTH", message, field: ["versions", String(i), "document"] }];
  });
  return [...named, ...crowd, ...long];
}

function manyVersions(count: number, most: number): UserError {
  const message = `${count} versions are more than the ${most} that RAM allows`;
  return { code: "LIMIT_EXCEEDED_POLICY_VERSION", message, field: ["versions"] };
}

/** RAM counts the policies of an identity by type, whatever their scope. */
function identityWarnings({ attachments }: Snapshot, limits: Limits): ImportWarning[] {
  const held = new Map<string, Set<string>>();
  return attachments.flatMap(({ principal, policy }, index) => {
    const key = `${policy.type} ${foldCase(principal)}`;
    const names = held.get(key) ?? new Set();
    held.set(key, names.add(foldCase(policy.name)));
    const most = policy.type === "SYSTEM" ? limits.systemPoliciesPerIdentity : limits.customPoliciesPerIdentity;
    if (names.size <= most || names.size > most + 1) return [];
    const kind = principal.slice(0, principal.indexOf("/")).toUpperCase() as "USER" | "GROUP" | "ROLE";
    const message = `\`${excerpt(principal)}\` has more than ${most} ${policy.type.toLowerCase()} policies`;
    return [{ code: `LIMIT_EXCEEDED_${kind}_POLICY`, message, pointer: `/attachments/${index}` } as const];
  });
}

/** Members of the snapshot are named by the tag's key, so that is where the warning points. */
function tagWarnings(tags: Tags, limits: Limits): UserError[] {
  const entries = Object.entries(tags ?? {});
  return [
    ...checkTagCount(entries.length, limits.tagsPerResource, "tags"),
    ...entries.flatMap(([key, value]) => {
      const problems = [...checkTagKey(key), ...checkTagValue(value)];
      return problems.map((problem) => ({ ...problem, field: ["tags", key] }));
    }),
  ];
}
