import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { findTagged, type TaggedValue, taggedTarget, tagsOf } from "./tagged-target.js";
import { refuseIfAny, userError } from "./user-error.js";
import { isStorable } from "./validation.js";

export interface UntagResourceInput {
  /** ARN of a key, secret, user or role. */
  readonly resource: string;
  /** Keys of the tags to remove, spelled exactly; keys that are not there are ignored. */
  readonly tagKeys: readonly string[];
}

/** Removes tags of a key, secret, user or role. */
export function untagResource(
  administration: Administration,
  input: UntagResourceInput,
  request: ChangeRequest,
): Promise<ChangeResult<TaggedValue>> {
  return changeAccount(administration, request, () => {
    refuseIfAny(
      input.tagKeys.flatMap((key, index) => {
        if (isStorable(key)) return [];
        return [
          userError(
            "INVALID_PARAMETER_TAG_KEY",
            "the tag key holds a character that no tag has",
            "tagKeys",
            String(index),
          ),
        ];
      }),
    );
    const target = taggedTarget(input.resource);
    return {
      action: "untagResource",
      account: target.account,
      lock: "shared",
      targets: [target.arn],
      scopes: [target.scope],
      input,
      async run(tx) {
        const tagged = await findTagged(tx, target);
        const current = await tagsOf(tx, tagged);
        const removed = await removeTags(tx, tagged, input.tagKeys);
        const before = { tags: Object.fromEntries(current) };
        const after = { tags: Object.fromEntries([...current].filter(([key]) => !input.tagKeys.includes(key))) };
        return { value: tagged, changed: removed > 0, before, after };
      },
    };
  });
}

async function removeTags(tx: Transaction, tagged: TaggedValue, keys: readonly string[]): Promise<number> {
  const where = { ...tagged, key: { in: [...keys] } };
  const { count } =
    "resourceId" in where ? await tx.resourceTag.deleteMany({ where }) : await tx.principalTag.deleteMany({ where });
  return count;
}
