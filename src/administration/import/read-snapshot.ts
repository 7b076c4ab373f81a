import type { z } from "zod";
import { excerpt } from "../../domain/arn.js";
import type { DocumentKind, DocumentProblem } from "../../domain/policy/document.js";
import { parseDocument } from "../../domain/policy/parse-document.js";
import { foldCase } from "../../domain/wildcard.js";
import { isPlainObject } from "../json.js";
import { documentErrors, type UserError, type UserErrorCode } from "../user-error.js";
import { checkWindow } from "../validation.js";
import { type Snapshot, snapshotSchema } from "./snapshot.js";

export type ReadSnapshot =
  | { readonly ok: true; readonly snapshot: Snapshot }
  | { readonly ok: false; readonly problems: readonly UserError[] };

/** Reads a snapshot; every problem of its shape comes with its place. */
export function readSnapshot(input: unknown): ReadSnapshot {
  const read = snapshotSchema.safeParse(input);
  if (read.success) return { ok: true, snapshot: read.data };
  const problems = read.error.issues.flatMap((issue) => problemsOf(issue, input));
  return { ok: false, problems: [...problems, ...documentProblems(input)] };
}

/** Documents of a misshapen snapshot can be read all the same where they are, so that nobody has to come twice for them. */
function documentProblems(input: unknown): UserError[] {
  const { roles, policies } = isPlainObject(input) ? input : {};
  const inRoles = membersIn(roles).flatMap(({ trustPolicy }, index) =>
    checkGiven(trustPolicy, "trust", `/roles/${index}/trustPolicy`),
  );
  const inPolicies = membersIn(policies).flatMap(({ versions }, index) =>
    membersIn(versions).flatMap(({ document }, version) =>
      checkGiven(document, "identity", `/policies/${index}/versions/${version}/document`),
    ),
  );
  return [...inRoles, ...inPolicies];
}

function membersIn(list: unknown): Record<string, unknown>[] {
  return Array.isArray(list) ? list.map((item) => (isPlainObject(item) ? item : {})) : [];
}

/** That a document is missing has been said. */
function checkGiven(document: unknown, kind: DocumentKind, place: string): UserError[] {
  return document === undefined || document === null ? [] : checkDocument(document, kind, place);
}

/** Problems within a well-shaped snapshot: names that occur twice, malformed documents, versions, windows. */
export function checkSnapshot(snapshot: Snapshot): UserError[] {
  return [
    ...repeated("resourceGroups", snapshot.resourceGroups, ({ id }) => id),
    ...repeated("groups", snapshot.groups, ({ name }) => foldCase(name)),
    ...repeated("users", snapshot.users, ({ name }) => foldCase(name)),
    ...repeated("roles", snapshot.roles, ({ name }) => foldCase(name)),
    ...repeated("policies", snapshot.policies, ({ type, name }) => `${type} ${foldCase(name)}`),
    ...repeated("attachments", snapshot.attachments, ({ policy, principal, scope }) =>
      JSON.stringify([policy.type, foldCase(policy.name), foldCase(principal), scope]),
    ),
    ...repeated("keys", snapshot.keys, ({ region, id }) => `${region} ${id}`),
    ...repeated("secrets", snapshot.secrets, ({ region, name }) => `${region} ${name}`),
    ...repeated("aliases", snapshot.aliases, ({ region, name }) => `${region} ${name}`),
    ...snapshot.roles.flatMap(({ trustPolicy }, index) =>
      checkDocument(trustPolicy, "trust", `/roles/${index}/trustPolicy`),
    ),
    ...snapshot.policies.flatMap(checkPolicy),
    ...snapshot.attachments.flatMap(checkAttachment),
  ];
}

/** A JSON pointer (RFC 6901). */
export function pointerTo(...path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** One problem of a snapshot. */
export function snapshotProblem(code: UserErrorCode, message: string, pointer: string): UserError {
  return { code, message, field: ["snapshot"], pointer };
}

/** No more problems than anybody reads; the last one says how many are left out. */
export function capped(problems: readonly UserError[], most: number): readonly UserError[] {
  if (problems.length <= most) return problems;
  const message = `${problems.length - most} more problems are not listed`;
  return [...problems.slice(0, most), snapshotProblem("INVALID_SNAPSHOT", message, "")];
}

function problemsOf(issue: z.core.$ZodIssue, input: unknown): UserError[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) =>
      invalid(`\`${excerpt(key)}\` is not a member that snapshots have`, [...issue.path, key]),
    );
  }
  const member = issue.path.at(-1);
  const subject = typeof member === "string" && member !== "" ? `\`${excerpt(member)}\`` : "it";
  const missing = valueAt(input, issue.path) === undefined;
  return [invalid(`${subject} ${missing ? "is required" : complaintOf(issue)}`, issue.path)];
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

const TYPES: Readonly<Record<string, string>> = { array: "a list", int: "a whole number", string: "a string" };

function complaintOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return `must be ${TYPES[issue.expected] ?? "an object"}`;
  if (issue.code === "invalid_value")
    return `must be ${issue.values.map((value) => `\`${String(value)}\``).join(" or ")}`;
  if (issue.code === "too_small" && issue.origin === "number") return "must be positive";
  if (issue.code === "too_big" && issue.origin !== "string") return "is too large";
  return issue.message;
}

function invalid(message: string, path: readonly PropertyKey[]): UserError {
  return snapshotProblem("INVALID_SNAPSHOT", message, pointerTo(...path));
}

function repeated<T>(list: string, items: readonly T[], keyOf: (item: T) => string): UserError[] {
  const first = new Map<string, number>();
  return items.flatMap((item, index) => {
    const key = keyOf(item);
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, index);
    return earlier === undefined ? [] : [invalid(`the same as \`/${list}/${earlier}\``, [list, index])];
  });
}

function checkDocument(document: unknown, kind: DocumentKind, place: string): UserError[] {
  const parsed = parseDocument(document, kind);
  if (parsed.ok) return [];
  const problems = parsed.problems.map(
    (problem): DocumentProblem => ({ ...problem, pointer: place + problem.pointer }),
  );
  return documentErrors(problems, "snapshot");
}

function checkPolicy({ versions, defaultVersion }: Snapshot["policies"][number], index: number): UserError[] {
  const place = `/policies/${index}`;
  const known = versions.length === 0 || defaultVersion === null || versions.some(({ id }) => id === defaultVersion);
  const message = `the policy has no version \`${defaultVersion}\``;
  return [
    ...(known ? [] : [snapshotProblem("ENTITY_NOT_EXIST_POLICY_VERSION", message, `${place}/defaultVersion`)]),
    ...repeated(`policies/${index}/versions`, versions, ({ id }) => id).map((problem) => ({
      ...problem,
      pointer: (problem.pointer ?? "").replaceAll("~1", "/"),
    })),
    ...versions.flatMap(({ document }, version) =>
      checkDocument(document, "identity", `${place}/versions/${version}/document`),
    ),
  ];
}

function checkAttachment({ notBefore, expiresAt }: Snapshot["attachments"][number], index: number): UserError[] {
  return checkBounds(notBefore, expiresAt, index);
}

/** Problems of the window of the attachment at `index`. */
export function checkBounds(
  notBefore: string | null | undefined,
  expiresAt: string | null | undefined,
  index: number,
): UserError[] {
  const start = typeof notBefore === "string" ? new Date(notBefore) : null;
  const end = typeof expiresAt === "string" ? new Date(expiresAt) : null;
  return checkWindow(start, end).map(({ code, message, field = [] }) =>
    snapshotProblem(code, message, pointerTo("attachments", index, ...field)),
  );
}
