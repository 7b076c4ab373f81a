import type { Tag as TagShape } from "../administration/administration.js";
import { builder } from "./builder.js";

export const Tag = builder.objectRef<TagShape>("Tag").implement({
  description: "A tag of a principal, key or secret. Conditions on `kms:tag/<key>` read those of keys and secrets.",
  fields: (t) => ({
    key: t.exposeString("key", { description: "Key, unique on the tagged object, 1 to 128 characters." }),
    value: t.exposeString("value", { description: "Value, up to 128 characters; may be empty." }),
  }),
});

export const TagInput = builder.inputType("TagInput", {
  description: "A tag to set.",
  fields: (t) => ({
    key: t.string({ required: true, description: "Key, 1 to 128 characters; not starting with `aliyun` or `acs:`." }),
    value: t.string({ required: true, description: "Value, up to 128 characters; may be empty." }),
  }),
});
