import * as z from "zod";
import { isPlainObject } from "../json.js";
import { isAccountNumber, isRegion, isStorable } from "../validation.js";

/**
 * The format of account snapshots, version 1. Members that are left out are unknown to the snapshot: a merge keeps
 * what the account has. `null` says that there is no value. Unknown members are problems: a snapshot that says more
 * than we understand may mean more than we would import.
 */
const text = z.string().refine(isStorable, "holds a character that cannot be stored");
const name = text.min(1, "must not be empty").max(1_024, "is longer than 1024 characters");
/** `/` would make the name of one entity look like a path below another. */
const ramName = name.refine((value) => !value.includes("/"), "must not hold `/`");
const optionalText = text.nullish();
const region = text.refine(isRegion, "is not a region such as `cn-hangzhou`");
/** Zod would drop a member of that name without a word. */
const tags = z
  .preprocess((value, context) => {
    if (isPlainObject(value) && Object.hasOwn(value, "__proto__")) {
      context.addIssue({ code: "custom", message: "must not hold the key `__proto__`" });
    }
    return value;
  }, z.record(name, text).nullable())
  .optional();
const instant = z.iso
  .datetime({ offset: true, abort: true, error: "is not an RFC 3339 instant such as `2030-01-01T00:00:00Z`" })
  .refine((value) => !Number.isNaN(Date.parse(value)), "is not an instant that exists")
  .nullish();
/** Read by the policy parser, which reports its problems with places. */
const document = z.unknown().refine((value) => value !== undefined && value !== null, "is required");

const resourceGroup = z.strictObject({ id: name, name: text });
const group = z.strictObject({ name: ramName, comments: optionalText });
const user = z.strictObject({
  name: ramName,
  displayName: optionalText,
  comments: optionalText,
  groups: z.array(ramName).nullish(),
  tags,
});
const role = z.strictObject({
  name: ramName,
  kind: z.enum(["REGULAR", "SERVICE", "SERVICE_LINKED"]).nullish(),
  service: optionalText,
  description: optionalText,
  maxSessionDuration: z.int32().positive().nullish(),
  trustPolicy: document,
  tags,
});
const versionId = z.string().regex(/^v[1-9]\d{0,8}$/, "is not a version id such as `v1`");
const policyType = z.enum(["SYSTEM", "CUSTOM"]);
const policy = z.strictObject({
  type: policyType,
  name: ramName,
  description: optionalText,
  defaultVersion: versionId.nullable(),
  versions: z.array(z.strictObject({ id: versionId, document })),
});
const attachment = z.strictObject({
  policy: z.strictObject({ type: policyType, name: ramName }),
  principal: text.regex(
    /^(user|group|role)\/[^/]+$/i,
    "is not of the form `user/<name>`, `group/<name>` or `role/<name>`",
  ),
  scope: name,
  notBefore: instant,
  expiresAt: instant,
});
const key = z.strictObject({
  region,
  id: name,
  resourceGroup: name.nullish(),
  tags,
  state: z.enum(["ENABLED", "DISABLED", "PENDING_DELETION", "PENDING_IMPORT"]).nullish(),
  spec: optionalText,
  usage: optionalText,
  origin: optionalText,
});
const secret = z.strictObject({
  region,
  name,
  type: optionalText,
  encryptionKeyId: name.nullish(),
  resourceGroup: name.nullish(),
  tags,
});
const alias = z.strictObject({
  region,
  name: name.refine((value) => /^alias\/./s.test(value), "must start with `alias/`"),
  keyId: name,
});

function list<T extends z.ZodType>(item: T) {
  return z
    .array(item)
    .nullish()
    .transform((items) => items ?? []);
}

export const snapshotSchema = z.strictObject({
  version: z.literal(1),
  account: z.strictObject({
    id: z.string().refine(isAccountNumber, "is not an account number: it needs 1 to 32 digits"),
    alias: optionalText,
  }),
  resourceGroups: list(resourceGroup),
  groups: list(group),
  users: list(user),
  roles: list(role),
  policies: list(policy),
  attachments: list(attachment),
  keys: list(key),
  secrets: list(secret),
  aliases: list(alias),
});

export type Snapshot = z.output<typeof snapshotSchema>;
export type SnapshotPolicy = Snapshot["policies"][number];
export type SnapshotAttachment = Snapshot["attachments"][number];
