import type { Deleted } from "../administration/delete-principal.js";
import type { PayloadBuilder } from "./change.js";

/** What every deletion shows: the thing is gone, so its name is all there is. */
export function deleted(t: PayloadBuilder<Deleted>) {
  return {
    deletedArn: t.field({
      type: "Arn",
      nullable: true,
      description: "ARN of what is gone, or would be after a dry run; null when the change was refused.",
      resolve: ({ value }) => value?.deletedArn ?? null,
    }),
  };
}
