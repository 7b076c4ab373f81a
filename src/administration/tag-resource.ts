import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult, Tag } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { type TaggedValue, tagChange } from "./tag-change.js";
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
    refuseIfAny(checkTags(tags, most, "tags"));
    return tagChange({
      action: "tagResource",
      input,
      async run(tx, tagged, current) {
        const next = new Map([...current, ...tags.map(({ key, value }) => [key, value] as const)]);
        if (next.size > current.size) refuseIfAny(checkTagCount(next.size, most, "tags"));
        for (const tag of tags) if (current.get(tag.key) !== tag.value) await setTag(tx, tagged, tag);
        return next;
      },
    });
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
