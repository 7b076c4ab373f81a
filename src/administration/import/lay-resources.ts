import { excerpt } from "../../domain/arn.js";
import { newId } from "../new-id.js";
import { type ResourceRow, rowKey } from "./account-state.js";
import { type Draft, dangling, given, requireResourceGroup, type Tags } from "./draft.js";
import { pointerTo } from "./read-snapshot.js";
import type { Snapshot } from "./snapshot.js";

/** Lays keys, then what refers to them: secrets and aliases. */
export function layResources(draft: Draft, snapshot: Snapshot): void {
  snapshot.keys.forEach((key, index) => {
    layKey(draft, key, pointerTo("keys", index));
  });
  snapshot.secrets.forEach((secret, index) => {
    laySecret(draft, secret, pointerTo("secrets", index));
  });
  snapshot.aliases.forEach((alias, index) => {
    layAlias(draft, alias, pointerTo("aliases", index));
  });
}

function layKey(draft: Draft, { region, id, resourceGroup, ...key }: Snapshot["keys"][number], place: string): void {
  const row = layResource(draft, { type: "KEY", region, name: id, resourceGroup, place }, (base) => ({
    key_state: given(key.state, base?.key_state) ?? "ENABLED",
    key_spec: given(key.spec, base?.key_spec),
    key_usage: given(key.usage, base?.key_usage),
    origin: given(key.origin, base?.origin),
  }));
  layResourceTags(draft, row.id, key.tags);
}

function laySecret(draft: Draft, secret: Snapshot["secrets"][number], place: string): void {
  const { region, name, resourceGroup } = secret;
  const key_id = keyIdOf(draft, region, secret.encryptionKeyId, `${place}/encryptionKeyId`);
  const row = layResource(draft, { type: "SECRET", region, name, resourceGroup, place }, (base) => ({
    key_id: given(key_id, base?.key_id),
    secret_type: given(secret.type, base?.secret_type),
  }));
  layResourceTags(draft, row.id, secret.tags);
}

function layAlias(draft: Draft, { region, name, keyId }: Snapshot["aliases"][number], place: string): void {
  const key_id = keyIdOf(draft, region, keyId, `${place}/keyId`) ?? null;
  layResource(draft, { type: "ALIAS", region, name, resourceGroup: null, place }, () => ({ key_id }));
}

interface NewResource {
  readonly type: ResourceRow["type"];
  readonly region: string;
  readonly name: string;
  readonly resourceGroup: string | null | undefined;
  readonly place: string;
}

function layResource(
  draft: Draft,
  { type, region, name, resourceGroup, place }: NewResource,
  details: (base: ResourceRow | undefined) => Partial<ResourceRow>,
): ResourceRow {
  const arn = resourceArn(draft.account, type, region, name);
  const base = draft.base.resources.get(arn);
  const resource_group_id = given(resourceGroup, base?.resource_group_id);
  requireResourceGroup(draft, resource_group_id, `${place}/resourceGroup`);
  const id = draft.current.resources.get(arn)?.id ?? newId();
  const row = {
    ...NO_DETAILS,
    id,
    account_id: draft.account,
    type,
    region,
    name,
    arn,
    resource_group_id,
    ...details(base),
  };
  draft.target.resources.set(arn, row);
  return row;
}

const NO_DETAILS = {
  key_id: null,
  key_state: null,
  key_spec: null,
  key_usage: null,
  origin: null,
  secret_type: null,
} satisfies Partial<ResourceRow>;

function resourceArn(account: string, type: ResourceRow["type"], region: string, name: string): string {
  const relativeId = type === "ALIAS" ? name : `${type.toLowerCase()}/${name}`;
  return `acs:kms:${region}:${account}:${relativeId}`;
}

/** The row id of the key of that region; undefined when the snapshot does not say. */
function keyIdOf(
  draft: Draft,
  region: string,
  key: string | null | undefined,
  place: string,
): string | null | undefined {
  if (key === null || key === undefined) return key;
  const row = draft.target.resources.get(resourceArn(draft.account, "KEY", region, key));
  if (row === undefined)
    dangling(draft, "ENTITY_NOT_EXIST_KEY", `the key \`${excerpt(key)}\` in the region \`${region}\``, place);
  return row?.id ?? null;
}

/** Tags that are given are the whole set. */
function layResourceTags({ owned, target }: Draft, resource_id: string, tags: Tags): void {
  if (tags === undefined) return;
  for (const key of owned.resourceTags.get(resource_id) ?? []) target.resourceTags.delete(key);
  for (const [key, value] of Object.entries(tags ?? {})) {
    target.resourceTags.set(rowKey(resource_id, key), { resource_id, key, value });
  }
}
