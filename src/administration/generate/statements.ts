import { keyOf, ofProject, projectOf, resourceGroupOf, roleName, secretOf } from "./names.js";
import type { Random } from "./random.js";
import type { AccountShape } from "./sizes.js";

/** Who writes a policy: a team that looks after one project of an account. */
export interface Author {
  readonly shape: AccountShape;
  readonly project: number;
  readonly random: Random;
}

/** A statement as people write it into a policy. */
export type WrittenStatement = Readonly<Record<string, unknown>>;
type Write = (author: Author) => WrittenStatement;

const READING = ["kms:List*", "kms:Describe*", "kms:GetPublicKey"] as const;
const USING = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"] as const;
const SIGNING = ["kms:AsymmetricSign", "kms:AsymmetricVerify", "kms:GetPublicKey"] as const;
const SECRETS = ["kms:GetSecretValue", "kms:DescribeSecret", "kms:ListSecretVersionIds"] as const;
const DESTROYING = ["kms:ScheduleKeyDeletion", "kms:DeleteKeyMaterial", "kms:DeleteSecret", "kms:DisableKey"] as const;
const OFFICES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "203.0.113.0/24", "198.51.100.17"] as const;
const YEARS = [2025, 2026, 2027, 2028, 2030] as const;

/** The ARN of a random key of the project. */
export function keyArn({ shape, project, random }: Author): string {
  const { region, id } = keyOf(shape, ofProject(shape, project, shape.keys, random));
  return `acs:kms:${region}:${shape.id}:key/${id}`;
}

function secretArn({ shape, project, random }: Author): string {
  const { name } = secretOf(shape, ofProject(shape, project, shape.secrets, random));
  return `acs:kms:*:${shape.id}:secret/${name}`;
}

const several = <T>(random: Random, most: number, make: () => T): T[] => [
  ...new Set(Array.from({ length: random.within([1, most]) }, make)),
];

const inProject = ({ shape, project }: Author) => ({ "kms:tag/Project": [projectOf(shape, project)] });

const useKeys: Write = (author) => ({
  Effect: "Allow",
  Action: [...author.random.sample(USING, author.random.within([2, 4])), "kms:DescribeKey"],
  Resource: several(author.random, 6, () => keyArn(author)),
});

const useTaggedKeys: Write = (author) => ({
  Effect: "Allow",
  Action: author.random.pick([[...USING], ["kms:*crypt", "kms:GenerateDataKey*"], [...SIGNING]]),
  Resource: [`acs:kms:*:${author.shape.id}:key/*`],
  Condition: { [author.random.pick(["StringEquals", "StringEqualsIgnoreCase"])]: inProject(author) },
});

const readSecrets: Write = (author) => ({
  Effect: "Allow",
  Action: [...SECRETS],
  Resource: author.random.chance(0.6)
    ? [
        `acs:kms:*:${author.shape.id}:secret/${projectOf(author.shape, author.project)}/${author.random.pick(["*", "test/*", "production/*"])}`,
      ]
    : several(author.random, 5, () => secretArn(author)),
});

const readSecretsWithMfa: Write = (author) => ({
  ...readSecrets(author),
  Condition: { Bool: { "acs:MFAPresent": "true" } },
});

const readEverything: Write = ({ random }) => ({
  Effect: "Allow",
  Action: random.pick([[...READING], [...READING, "kms:Get*Policy"], ["kms:List*"]]),
  Resource: "*",
});

const create: Write = ({ shape, random }) => ({
  Effect: "Allow",
  Action: ["kms:CreateKey", "kms:ListKeys", "kms:CreateSecret", "kms:ListSecrets"].slice(0, random.within([2, 4])),
  Resource: [`acs:kms:*:${shape.id}:key`, `acs:kms:*:${shape.id}:secret`],
});

/** Everything but what cannot be undone, as administrators of a project have it. */
const allBut: Write = (author) => ({
  Effect: "Allow",
  NotAction: [...author.random.sample(DESTROYING, 3), "kms:*Policy", "ram:*", "sts:*"],
  Resource: [`acs:kms:*:${author.shape.id}:key/*`, `acs:kms:*:${author.shape.id}:secret/*`],
  Condition: {
    StringEquals: inProject(author),
    ...(author.random.chance(0.4) ? { IpAddress: { "acs:SourceIp": [...OFFICES.slice(0, 3)] } } : {}),
  },
});

const useForATime: Write = (author) => ({
  Effect: "Allow",
  Action: [...USING],
  Resource: several(author.random, 4, () => keyArn(author)),
  Condition: {
    DateLessThan: { "acs:CurrentTime": `${author.random.pick(YEARS)}-0${author.random.within([1, 9])}-01T00:00:00Z` },
  },
});

const useFromOffices: Write = (author) => ({
  Effect: "Allow",
  Action: author.random.pick([[...SIGNING], ["kms:Encrypt"], ["kms:ReEncrypt*", "kms:Decrypt"]]),
  Resource: several(author.random, 4, () => keyArn(author)),
  Condition: { IpAddress: { "acs:SourceIp": author.random.sample(OFFICES, 2) } },
});

/** Nobody at all some keys, and nothing from outside the offices. */
const keepFromDestroying: Write = (author) => ({
  Effect: "Deny",
  Action: author.random.sample(DESTROYING, author.random.within([2, 4])),
  ...(author.random.chance(0.5)
    ? { Resource: several(author.random, 5, () => keyArn(author)) }
    : { Resource: "*", Condition: { NotIpAddress: { "acs:SourceIp": [...OFFICES.slice(0, 3)] } } }),
});

/** Changes of what is in production need a second factor. */
const guardProduction: Write = (author) => ({
  Sid: "ProductionNeedsMfa",
  Effect: "Deny",
  NotAction: ["kms:List*", "kms:Describe*", "kms:Get*", ...USING],
  Resource: "*",
  Condition: {
    StringEquals: { ...inProject(author), "kms:tag/Stage": ["production"] },
    Bool: { "acs:MFAPresent": "false" },
  },
});

const denyPlainText: Write = ({ shape, project }) => ({
  Effect: "Deny",
  Action: "kms:*",
  Resource: [`acs:kms:*:${shape.id}:secret/${projectOf(shape, project)}/*`],
  Condition: { Bool: { "acs:SecureTransport": "false" } },
});

/** What others have stored in confidence stays with them. */
const denyForeignSecrets: Write = ({ shape, project, random }) => ({
  Effect: "Deny",
  Action: ["kms:GetSecretValue", "kms:PutSecretValue"],
  Resource: [
    `acs:kms:*:${shape.id}:secret/${projectOf(shape, project + 1 + random.below(shape.projects - 1))}/production/*`,
  ],
  Condition: { StringNotEquals: { "kms:tag/Team": [projectOf(shape, project)] } },
});

const assumeRoles: Write = ({ shape, project, random }) => ({
  Effect: "Allow",
  Action: "sts:AssumeRole",
  Resource: several(random, 2, () => {
    const role = roleName(shape, ofProject(shape, project, shape.roles, random));
    return `acs:ram:*:${shape.id}:role/${role}`;
  }),
});

const otherServices: Write = ({ shape, project, random }) => ({
  Effect: "Allow",
  Action: random.pick([
    ["oss:GetObject", "oss:PutObject", "oss:ListObjects"],
    ["ecs:Describe*", "ecs:StartInstance", "ecs:StopInstance"],
    ["log:Get*", "log:List*"],
  ]),
  Resource: [`acs:${random.pick(["oss", "ecs", "log"])}:*:${shape.id}:${resourceGroupOf(shape, project).slice(3)}/*`],
});

/** How often teams write what. */
const MIX: readonly (readonly [weight: number, write: Write])[] = [
  ...([
    [13, useKeys],
    [12, useTaggedKeys],
    [12, readSecrets],
    [4, readSecretsWithMfa],
  ] as const),
  ...([
    [7, readEverything],
    [4, create],
    [6, allBut],
    [6, useForATime],
    [9, useFromOffices],
  ] as const),
  ...([
    [8, keepFromDestroying],
    [4, guardProduction],
    [2, denyPlainText],
    [4, denyForeignSecrets],
  ] as const),
  ...([
    [4, assumeRoles],
    [5, otherServices],
  ] as const),
];
const WRITERS = MIX.flatMap(([weight, write]) => Array.from({ length: weight }, () => write)) as [Write, ...Write[]];

/** One statement of a team's policy. */
export function writeStatement(author: Author): WrittenStatement {
  return author.random.pick(WRITERS)(author);
}
