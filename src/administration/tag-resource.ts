import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult, Tag } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { findTagged, type TaggedValue, taggedTarget, tagsByKey, tagsOf } from "./tagged-target.js";
import { refuseIfAny } from "./user-error.js";
import { checkTagCount, checkTags } from "./validation.js";

export interface TagResourceInput {
  /** ARN of a key, secret, user or role. */
  readonly resource: string;
  /** Tags to set; other tags stay. */
  readonly tags: readonly Tag[];
}

/** Sets tags of a key, secret, user or role. */
export function tagResource(
  administration: Administration,
  input: TagResourceInput,
  request: ChangeRequest,
): Promise<ChangeResult<TaggedValue>> {
  const { tags } = input;
  const most = administration.limits.tagsPerResource;
  return changeAccount(administration, request, () => {
    refuseIfAny([...checkTags(tags, "tags"), ...checkTagCount(tags.length, most, "tags")]);
    const target = taggedTarget(input.resource);
    return {
      action: "tagResource",
      account: target.account,
      lock: "shared",
      targets: [target.arn],
      scopes: [target.scope],
      input,
      async run(tx) {
        const tagged = await findTagged(tx, target);
        const current = await tagsOf(tx, tagged);
        const news = tags.filter(({ key, value }) => current.get(key) !== value);
        const added = news.filter(({ key }) => !current.has(key)).length;
        if (added > 0) refuseIfAny(checkTagCount(current.size + added, most, "tags"));
        for (const tag of news) await setTag(tx, tagged, tag);
        const before = { tags: Object.fromEntries(current) };
        const after = { tags: { ...before.tags, ...tagsByKey(news) } };
        return { value: tagged, changed: news.length > 0, before, after };
      },
    };
  });
}

async function setTag(tx: Transaction, tagged: TaggedValue, { key, value }: Tag): Promise<void> {
  if ("resourceId" in tagged) {
    const where = { resourceId_key: { ...tagged, key } };
    await tx.resourceTag.upsert({ where, create: { ...tagged, key, value }, update: { value }, select: { key: true } });
  } else {
    const where = { principalId_key: { ...tagged, key } };
    await tx.principalTag.upsert({
      where,
      create: { ...tagged, key, value },
      update: { value },
      select: { key: true },
    });
  }
}
