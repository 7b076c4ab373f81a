import { excerpt, parseArn } from "../domain/arn.js";
import type { Transaction } from "../store/prisma-client.js";
import type { Tag } from "./administration.js";
import type { Change } from "./change-account.js";
import {
  type EntityName,
  entityName,
  findEntity,
  findResource,
  type ResourceName,
  refuseServiceLinkedRole,
  resourceName,
} from "./look-up.js";
import { needs } from "./permissions.js";
import { refuse } from "./user-error.js";

/** What carries tags: a key or secret, or a user or role. */
export type TaggedValue = { readonly resourceId: string } | { readonly principalId: string };

/** A key, secret, user or role, by name. */
interface TaggedTarget {
  readonly account: string;
  readonly arn: string;
  readonly scope: string;
  readonly resource: ResourceName | null;
  readonly principal: EntityName | null;
}

interface TagChange {
  readonly action: "tagResource" | "untagResource";
  /** As the caller sent it; `resource` is the ARN of a key, secret, user or role. */
  readonly input: { readonly resource: string };
  /** Writes; gives the tags that are there then. */
  run(tx: Transaction, tagged: TaggedValue, current: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, string>>;
}

/**
 * A change of the tags of one thing.
 * @throws InvalidInputError when its ARN is malformed, Refusal when it names something without tags
 */
export function tagChange({ action, input, run }: TagChange): Change<TaggedValue> {
  const target = taggedTarget(input.resource);
  return {
    action,
    requires: tagPermissions(action, target),
    account: target.account,
    lock: "shared",
    targets: [target.arn],
    scopes: [target.scope],
    input,
    async run(tx) {
      const tagged = await findTagged(tx, target);
      const current = await tagsOf(tx, tagged);
      const next = await run(tx, tagged, current);
      const changed = next.size !== current.size || [...next].some(([key, value]) => current.get(key) !== value);
      return { value: tagged, changed, before: factsOf(current), after: factsOf(next) };
    },
  };
}

function tagPermissions(action: TagChange["action"], { arn, resource }: TaggedTarget) {
  const [ofKms, ofRam] = resource === null ? [[], [arn]] : [[arn], []];
  return action === "tagResource"
    ? needs(action, { "kms:TagResource": ofKms, "ram:TagResources": ofRam })
    : needs(action, { "kms:UntagResource": ofKms, "ram:UntagResources": ofRam });
}

function taggedTarget(text: string): TaggedTarget {
  const { service } = parseArn(text);
  if (service === "kms") {
    const resource = resourceName(text, ["KEY", "SECRET"], "resource");
    const { account, arn } = resource;
    return { account, arn, scope: `res:${arn}`, resource, principal: null };
  }
  if (service !== "ram") {
    refuse(
      "INVALID_PARAMETER_RESOURCE_TYPE",
      `\`${excerpt(text)}\` is not the arn of a key, secret, user or role`,
      "resource",
    );
  }
  const principal = entityName(text, ["USER", "ROLE"], "resource");
  const { account, arn, arnKey } = principal;
  return { account, arn, scope: `prin:${arnKey}`, resource: null, principal };
}

/** @throws Refusal when it does not exist or must not be changed */
async function findTagged(tx: Transaction, { resource, principal }: TaggedTarget): Promise<TaggedValue> {
  if (resource !== null) return { resourceId: (await findResource(tx, resource, "resource")).id };
  if (principal === null) throw new TypeError("a tagged target is a resource or a principal");
  const entity = await findEntity(tx, principal, "resource");
  refuseServiceLinkedRole(entity, "resource");
  return { principalId: entity.id };
}

function factsOf(tags: ReadonlyMap<string, string>) {
  return { tags: Object.fromEntries(tags) };
}

/** Tags as the audit trail keeps them: values by key. */
export function tagsByKey(tags: Iterable<Tag>): Record<string, string> {
  return Object.fromEntries([...tags].map(({ key, value }) => [key, value]));
}

/** The tags that are there now. */
async function tagsOf(tx: Transaction, tagged: TaggedValue): Promise<Map<string, string>> {
  const tags =
    "resourceId" in tagged
      ? await tx.resourceTag.findMany({ where: tagged })
      : await tx.principalTag.findMany({ where: tagged });
  return new Map(tags.map(({ key, value }) => [key, value]));
}
