import * as z from "zod";
import { isPlainObject } from "../json.js";
import { lengthOf } from "../validation.js";

/**
 * The format of account snapshots, version 1. Members that are left out are unknown to the snapshot: a merge keeps
 * what the account has. `null` says that there is no value. Unknown members are problems: a snapshot that says more
 * than we understand may mean more than we would import. What `meta` says is published: see snapshot-schema.ts.
 */
/** Characters: an ARN that holds a name of four bytes each still fits into an index, whose entries end at 2,704 bytes. */
const LONGEST_NAME = 512;
const LONGEST_REGION = 64;

/** PostgreSQL takes neither NUL nor lone surrogates. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the one it does not take
const STORABLE = /^[^\u0000\ud800-\udfff]*$/u;
const text = z.string().regex(STORABLE, "holds a character that cannot be stored");
const name = text
  .min(1, "must not be empty")
  .refine((value) => lengthOf(value) <= LONGEST_NAME, `is longer than ${LONGEST_NAME} characters`)
  .meta({ maxLength: LONGEST_NAME });
/** `/` would make the name of one entity look like a path below another. */
const ramName = name.regex(/^[^/]*$/u, "must not hold `/`").meta({ maxLength: LONGEST_NAME });
const optionalText = text.nullish();
const region = text
  .max(LONGEST_REGION, `is longer than ${LONGEST_REGION} characters`)
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/u, "is not a region such as `cn-hangzhou`");
const tagMap = z.map(name, text).nullable();
/** Read as a map: as an object, Zod would drop the tag `__proto__` without a word. It cannot describe what it reads so. */
const tags = z
  .unknown()
  .transform((value, context): Record<string, string> | null => {
    const read = tagMap.safeParse(isPlainObject(value) ? new Map(Object.entries(value)) : value);
    for (const issue of read.error?.issues ?? []) context.addIssue({ ...issue });
    return read.data ? Object.fromEntries(read.data) : null;
  })
  .optional()
  .meta({
    type: ["object", "null"],
    propertyNames: { minLength: 1, maxLength: LONGEST_NAME, pattern: STORABLE.source },
    additionalProperties: { type: "string", pattern: STORABLE.source },
  });
const instant = z.iso
  .datetime({ offset: true, abort: true, error: "is not an RFC 3339 instant such as `2030-01-01T00:00:00Z`" })
  .refine((value) => !Number.isNaN(Date.parse(value)), "is not an instant that exists")
  .nullish();
/** Read by the policy parser, which reports its problems with places. */
const document = z
  .unknown()
  .refine((value) => value !== undefined && value !== null, "is required")
  .meta({ type: ["object", "string"] });

const TAGS = "Tags, all of them: key to value. Left out: a merge keeps those there are.";
const COMMENTS = "Free text.";
const IN_GROUP = "`id` of the resource group it is in; null: in none.";

const resourceGroup = z
  .strictObject({
    id: name
      .regex(/^(?!ACCOUNT$)/u, "must not be `ACCOUNT`: as the scope of an attachment, that is the whole account")
      .meta({
        maxLength: LONGEST_NAME,
        description: "Id, `rg-…`, unique within the account; case counts. Not `ACCOUNT`, which is a scope of its own.",
      }),
    name: text.meta({ description: "Name." }),
  })
  .meta({ description: "A resource group." });
const group = z
  .strictObject({
    name: ramName.meta({ description: "Name, unique among groups without regard to case." }),
    comments: optionalText.meta({ description: COMMENTS }),
  })
  .meta({ description: "A RAM group." });
const user = z
  .strictObject({
    name: ramName.meta({ description: "Name, unique among users without regard to case." }),
    displayName: optionalText.meta({ description: "Name for people." }),
    comments: optionalText.meta({ description: COMMENTS }),
    groups: z
      .array(ramName)
      .nullish()
      .meta({ description: "Names of the groups it is in, all of them. Left out: a merge keeps those it is in." }),
    tags: tags.meta({ description: TAGS }),
  })
  .meta({ description: "A RAM user." });
const role = z
  .strictObject({
    name: ramName.meta({ description: "Name, unique among roles without regard to case." }),
    kind: z
      .enum(["REGULAR", "SERVICE", "SERVICE_LINKED"])
      .nullish()
      .meta({ description: "Who the role is for. Default REGULAR." }),
    service: optionalText.meta({ description: "Service that the role is for, e.g. `ecs.aliyuncs.com`." }),
    description: optionalText.meta({ description: COMMENTS }),
    maxSessionDuration: z
      .int32()
      .positive()
      .nullish()
      .meta({ description: "Longest session in seconds. Default 3600." }),
    trustPolicy: document.meta({ description: "Who may assume it: a trust policy, as an object or as JSON text." }),
    tags: tags.meta({ description: TAGS }),
  })
  .meta({ description: "A RAM role." });
const versionId = z.string().regex(/^v[1-9]\d{0,8}$/, "is not a version id such as `v1`");
const policyType = z.enum(["SYSTEM", "CUSTOM"]);
const version = z
  .strictObject({
    id: versionId.meta({ description: "`v1`, `v2`, …; unique within the policy." }),
    document: document.meta({ description: "A policy document, as an object or as JSON text." }),
  })
  .meta({ description: "One version of a policy." });
const policy = z
  .strictObject({
    type: policyType.meta({ description: "CUSTOM: the account's. SYSTEM: Alibaba Cloud's, as this account has it." }),
    name: ramName.meta({ description: "Name, unique among policies of its type without regard to case." }),
    description: optionalText.meta({ description: "What the policy is for." }),
    defaultVersion: versionId
      .nullable()
      .meta({ description: "`id` of the version in force; null when it is not known, or there are no versions." }),
    versions: z
      .array(version)
      .meta({ description: "The versions. None in force: decisions that the policy may change are conservative." }),
  })
  .meta({ description: "A policy." });
const attachment = z
  .strictObject({
    policy: z
      .strictObject({
        type: policyType.meta({ description: "Type of the policy." }),
        name: ramName.meta({ description: "Its name, without regard to case. It may be missing from `policies`." }),
      })
      .meta({ description: "The policy." }),
    principal: text
      .regex(
        /^([Uu][Ss][Ee][Rr]|[Gg][Rr][Oo][Uu][Pp]|[Rr][Oo][Ll][Ee])\/[^/]+$/u,
        "is not of the form `user/<name>`, `group/<name>` or `role/<name>`",
      )
      .meta({ description: "Who holds it: `user/<name>`, `group/<name>` or `role/<name>`." }),
    scope: name.meta({ description: "`ACCOUNT`, or `id` of the resource group it counts for." }),
    notBefore: instant.meta({
      description: "First instant at which it counts; null: it always has. Left out: a merge keeps what there is.",
    }),
    expiresAt: instant.meta({
      description: "First instant at which it counts no more; null: never. Left out: a merge keeps what there is.",
    }),
  })
  .meta({ description: "A policy given to a user, group or role; once for each policy, principal and scope." });
const key = z
  .strictObject({
    region: region.meta({ description: "Region, e.g. `cn-hangzhou`." }),
    id: name.meta({ description: "Key id, unique within the region; case counts." }),
    resourceGroup: name.nullish().meta({ description: IN_GROUP }),
    tags: tags.meta({ description: TAGS }),
    state: z
      .enum(["ENABLED", "DISABLED", "PENDING_DELETION", "PENDING_IMPORT"])
      .nullish()
      .meta({ description: "State of the key. Default ENABLED." }),
    spec: optionalText.meta({ description: "Key spec, e.g. `Aliyun_AES_256`." }),
    usage: optionalText.meta({ description: "Key usage, e.g. `ENCRYPT_DECRYPT`." }),
    origin: optionalText.meta({ description: "Where the material comes from, e.g. `Aliyun_KMS`." }),
  })
  .meta({ description: "A KMS key." });
const secret = z
  .strictObject({
    region: region.meta({ description: "Region, e.g. `cn-hangzhou`." }),
    name: name.meta({ description: "Name, unique within the region; case counts." }),
    type: optionalText.meta({ description: "Secret type, e.g. `Generic` or `Rds`." }),
    encryptionKeyId: name
      .nullish()
      .meta({ description: "`id` of the user-managed key of the same region that encrypts it; null: KMS's own does." }),
    resourceGroup: name.nullish().meta({ description: IN_GROUP }),
    tags: tags.meta({ description: TAGS }),
  })
  .meta({ description: "A secret of the KMS Secrets Manager, without its value." });
const alias = z
  .strictObject({
    region: region.meta({ description: "Region, e.g. `cn-hangzhou`." }),
    name: name.regex(/^alias\/[\s\S]/u, "must start with `alias/`").meta({
      maxLength: LONGEST_NAME,
      description: "Name, `alias/` included, unique within the region; case counts.",
    }),
    keyId: name.meta({ description: "`id` of the key of the same region that it points to." }),
  })
  .meta({ description: "A second name of a key." });

function list<T extends z.ZodType>(item: T, description: string) {
  return z
    .array(item)
    .nullish()
    .transform((items) => items ?? [])
    .meta({ description });
}

export const snapshotSchema = z.strictObject({
  version: z.literal(1).meta({ description: "Version of the format." }),
  account: z
    .strictObject({
      id: z
        .string()
        .regex(/^\d{1,32}$/, "is not an account number: it needs 1 to 32 digits")
        .meta({ description: "Account number." }),
      alias: optionalText.meta({ description: "Name the account goes by." }),
    })
    .meta({ description: "The account." }),
  resourceGroups: list(resourceGroup, "Resource groups."),
  groups: list(group, "Groups."),
  users: list(user, "Users."),
  roles: list(role, "Roles."),
  policies: list(policy, "Policies."),
  attachments: list(attachment, "Attachments of policies."),
  keys: list(key, "Keys."),
  secrets: list(secret, "Secrets."),
  aliases: list(alias, "Aliases."),
});

export type Snapshot = z.output<typeof snapshotSchema>;
export type SnapshotPolicy = Snapshot["policies"][number];
export type SnapshotAttachment = Snapshot["attachments"][number];
