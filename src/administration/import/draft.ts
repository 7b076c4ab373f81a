import { isDeepStrictEqual } from "node:util";
import { excerpt } from "../../domain/arn.js";
import { foldCase } from "../../domain/wildcard.js";
import { principalArn } from "../create-principal.js";
import type { EntityKind } from "../look-up.js";
import { storedText } from "../policy-text.js";
import type { UserError, UserErrorCode } from "../user-error.js";
import type { AccountState, PrincipalRow } from "./account-state.js";
import { snapshotProblem } from "./read-snapshot.js";
import type { ImportWarning } from "./warnings.js";

/** Tags of one thing, as a snapshot gives them. */
export type Tags = Readonly<Record<string, string>> | null | undefined;

/** What an account is to hold, while the snapshot is laid over it part by part. */
export interface Draft {
  readonly account: string;
  /** What the account holds now; gives ids to what stays. */
  readonly current: AccountState;
  /** What absent members fall back to: the account's in a merge, nothing in a replacement. */
  readonly base: AccountState;
  readonly target: AccountState;
  /** Keys of the rows in `base` that belong to one user, principal, policy or resource, by its id. */
  readonly owned: Owned;
  /** Ids of built-in system policies by name key. */
  readonly builtIns: ReadonlyMap<string, string>;
  readonly problems: UserError[];
  readonly warnings: ImportWarning[];
}

interface Owned {
  readonly memberships: ReadonlyMap<string, readonly string[]>;
  readonly principalTags: ReadonlyMap<string, readonly string[]>;
  readonly versions: ReadonlyMap<string, readonly string[]>;
  readonly resourceTags: ReadonlyMap<string, readonly string[]>;
}

/** Starts from `base`: the account as it is for a merge, an empty one for a replacement. The owner always stays. */
export function newDraft(
  account: string,
  current: AccountState,
  base: AccountState,
  builtIns: ReadonlyMap<string, string>,
): Draft {
  const target = copyOf(base);
  for (const [key, row] of current.principals) if (row.kind === "ACCOUNT_OWNER") target.principals.set(key, row);
  return { account, current, base, target, owned: ownedBy(base), builtIns, problems: [], warnings: [] };
}

function copyOf(state: AccountState): AccountState {
  return Object.fromEntries(
    Object.entries(state).map(([table, rows]) => [table, new Map(rows)]),
  ) as unknown as AccountState;
}

function ownedBy({ memberships, principalTags, versions, resourceTags }: AccountState): Owned {
  return {
    memberships: keysByOwner(memberships, ({ user_id }) => user_id),
    principalTags: keysByOwner(principalTags, ({ principal_id }) => principal_id),
    versions: keysByOwner(versions, ({ policy_id }) => policy_id),
    resourceTags: keysByOwner(resourceTags, ({ resource_id }) => resource_id),
  };
}

function keysByOwner<Row>(rows: ReadonlyMap<string, Row>, ownerOf: (row: Row) => string): Map<string, string[]> {
  const keys = new Map<string, string[]>();
  for (const [key, row] of rows) {
    const owner = ownerOf(row);
    const list = keys.get(owner);
    if (list === undefined) keys.set(owner, [key]);
    else list.push(key);
  }
  return keys;
}

/** A member that is left out keeps its value; `null` clears it. */
export function given<T>(value: T | null | undefined, fallback: T | null | undefined): T | null {
  return value === undefined ? (fallback ?? null) : value;
}

/** Notes that the snapshot names something that is not there. */
export function dangling({ problems }: Draft, code: UserErrorCode, what: string, place: string): void {
  problems.push(snapshotProblem(code, `${what} does not exist`, place));
}

export function requireResourceGroup(draft: Draft, id: string | null, place: string): void {
  if (id === null || draft.target.resourceGroups.has(id)) return;
  dangling(draft, "ENTITY_NOT_EXIST_RESOURCE_GROUP", `the resource group \`${excerpt(id)}\``, place);
}

/** Text to store; the stored one when it says the same. */
export function documentText(document: unknown, stored: string | null | undefined): string {
  const text = storedText(document);
  if (stored === null || stored === undefined || stored === text) return text;
  return isDeepStrictEqual(parsed(stored), parsed(text)) ? stored : text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function findPrincipal({ account, target }: Draft, kind: EntityKind, name: string): PrincipalRow | undefined {
  return target.principals.get(foldCase(principalArn({ accountId: account, kind, name })));
}
