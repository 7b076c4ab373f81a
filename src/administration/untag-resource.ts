import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { type TaggedValue, tagChange } from "./tag-change.js";
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
    return tagChange({
      action: "untagResource",
      input,
      async run(tx, tagged, current) {
        await removeTags(tx, tagged, input.tagKeys);
        return new Map([...current].filter(([key]) => !input.tagKeys.includes(key)));
      },
    });
  });
}

async function removeTags(tx: Transaction, tagged: TaggedValue, keys: readonly string[]): Promise<void> {
  const where = { ...tagged, key: { in: [...keys] } };
  if ("resourceId" in where) await tx.resourceTag.deleteMany({ where });
  else await tx.principalTag.deleteMany({ where });
}
