import { excerpt } from "../../domain/arn.js";
import { foldCase } from "../../domain/wildcard.js";
import { principalArn } from "../create-principal.js";
import type { EntityKind } from "../look-up.js";
import { newId } from "../new-id.js";
import { type PrincipalRow, rowKey } from "./account-state.js";
import { type Draft, dangling, documentText, findPrincipal, given, type Tags } from "./draft.js";
import { pointerTo } from "./read-snapshot.js";
import type { Snapshot } from "./snapshot.js";

/** Lays resource groups, groups, users with their memberships, and roles. */
export function layIdentities(draft: Draft, snapshot: Snapshot): void {
  const { account: account_id, target } = draft;
  for (const { id, name } of snapshot.resourceGroups) target.resourceGroups.set(id, { account_id, id, name });
  for (const { name, comments } of snapshot.groups) layPrincipal(draft, "GROUP", name, { comments });
  for (const { name, displayName, comments, tags } of snapshot.users) {
    layPrincipalTags(draft, layPrincipal(draft, "USER", name, { display_name: displayName, comments }).id, tags);
  }
  snapshot.users.forEach((user, index) => {
    layMemberships(draft, user, index);
  });
  for (const role of snapshot.roles) layRole(draft, role);
}

interface PrincipalDetails {
  readonly display_name?: string | null | undefined;
  readonly comments?: string | null | undefined;
}

function layPrincipal(
  draft: Draft,
  kind: EntityKind,
  name: string,
  details: PrincipalDetails,
  role = NO_ROLE,
): PrincipalRow {
  const arn = principalArn({ accountId: draft.account, kind, name });
  const arn_key = foldCase(arn);
  const base = draft.base.principals.get(arn_key);
  const row: PrincipalRow = {
    id: draft.current.principals.get(arn_key)?.id ?? newId(),
    account_id: draft.account,
    kind,
    name,
    arn,
    arn_key,
    display_name: given(details.display_name, base?.display_name),
    comments: given(details.comments, base?.comments),
    ...role,
  };
  draft.target.principals.set(arn_key, row);
  return row;
}

const NO_ROLE: Pick<PrincipalRow, "role_kind" | "service" | "trust_policy" | "max_session_duration"> = {
  role_kind: null,
  service: null,
  trust_policy: null,
  max_session_duration: null,
};

function layRole(draft: Draft, role: Snapshot["roles"][number]): void {
  const key = foldCase(principalArn({ accountId: draft.account, kind: "ROLE", name: role.name }));
  const base = draft.base.principals.get(key);
  const row = layPrincipal(
    draft,
    "ROLE",
    role.name,
    { comments: role.description },
    {
      role_kind: given(role.kind, base?.role_kind) ?? "REGULAR",
      service: given(role.service, base?.service),
      trust_policy: documentText(role.trustPolicy, draft.current.principals.get(key)?.trust_policy),
      max_session_duration: given(role.maxSessionDuration, base?.max_session_duration) ?? 3_600,
    },
  );
  layPrincipalTags(draft, row.id, role.tags);
}

/** A list of groups is the whole list: groups that it does not name lose the user. */
function layMemberships(draft: Draft, user: Snapshot["users"][number], index: number): void {
  if (user.groups === undefined) return;
  const { account: account_id, target } = draft;
  const user_id = findPrincipal(draft, "USER", user.name)?.id ?? "";
  for (const key of draft.owned.memberships.get(user_id) ?? []) target.memberships.delete(key);
  (user.groups ?? []).forEach((name, position) => {
    const group = findPrincipal(draft, "GROUP", name);
    const place = pointerTo("users", index, "groups", position);
    if (group === undefined) dangling(draft, "ENTITY_NOT_EXIST_GROUP", `the group \`${excerpt(name)}\``, place);
    else target.memberships.set(rowKey(group.id, user_id), { group_id: group.id, user_id, account_id });
  });
}

/** Tags that are given are the whole set. */
function layPrincipalTags({ owned, target }: Draft, principal_id: string, tags: Tags): void {
  if (tags === undefined) return;
  for (const key of owned.principalTags.get(principal_id) ?? []) target.principalTags.delete(key);
  for (const [key, value] of Object.entries(tags ?? {})) {
    target.principalTags.set(rowKey(principal_id, key), { principal_id, key, value });
  }
}
