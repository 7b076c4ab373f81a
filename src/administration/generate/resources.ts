import type { Snapshot } from "../import/snapshot.js";
import { keyOf, ofProject, projectOf, resourceGroupOf, secretOf } from "./names.js";
import { type Random, randomOf } from "./random.js";
import type { AccountShape } from "./sizes.js";

const CLASSES = ["public", "internal", "confidential", "restricted"] as const;

/** Those that policies look at come first; not everything is tagged. */
function tagsOf(shape: AccountShape, index: number, stage: string, random: Random): Record<string, string> {
  const project = projectOf(shape, index);
  const tags = {
    Project: random.chance(0.2) ? project.toUpperCase() : project,
    Stage: stage,
    Team: project,
    CostCenter: String(1_000 + random.below(500)),
    Class: random.pick(CLASSES),
    Owner: `owner-${random.below(100)}`,
  };
  return Object.fromEntries(Object.entries(tags).slice(0, random.within(shape.tags)));
}

const SYMMETRIC = { spec: "Aliyun_AES_256", usage: "ENCRYPT_DECRYPT", origin: "Aliyun_KMS" };
const SPECS = [
  ...[SYMMETRIC, SYMMETRIC, SYMMETRIC],
  { spec: "RSA_2048", usage: "SIGN_VERIFY", origin: "Aliyun_KMS" },
  { spec: "EC_P256", usage: "SIGN_VERIFY", origin: "EXTERNAL" },
] as const;
const STATES = ["ENABLED", "ENABLED", "DISABLED", "PENDING_DELETION", "PENDING_IMPORT"] as const;

function groupOf(shape: AccountShape, index: number, random: Random): string | null {
  return random.chance(0.8) ? resourceGroupOf(shape, index) : null;
}

export function key(shape: AccountShape, index: number): Snapshot["keys"][number] {
  const random = randomOf(shape.seed, shape.id, "details of key", index);
  const { region, id, stage } = keyOf(shape, index);
  return {
    ...{ region, id, resourceGroup: groupOf(shape, index, random), tags: tagsOf(shape, index, stage, random) },
    state: random.chance(0.85) ? "ENABLED" : random.pick(STATES),
    ...random.pick(SPECS),
  };
}

const TYPES = ["Generic", "Generic", "Rds", "ECS"] as const;

/** Most are encrypted by a key of the same project, whose region they are in then. */
export function secret(shape: AccountShape, index: number): Snapshot["secrets"][number] {
  const random = randomOf(shape.seed, shape.id, "details of secret", index);
  const { name, stage } = secretOf(shape, index);
  const { region, id } = keyOf(shape, ofProject(shape, index, shape.keys, random));
  return {
    ...{ region, name, type: random.pick(TYPES), encryptionKeyId: random.chance(0.7) ? id : null },
    ...{ resourceGroup: groupOf(shape, index, random), tags: tagsOf(shape, index, stage, random) },
  };
}

export function alias(shape: AccountShape, index: number): Snapshot["aliases"][number] {
  const { region, id, stage } = keyOf(shape, index % shape.keys);
  return { region, name: `alias/${projectOf(shape, index)}/${stage}-${index}`, keyId: id };
}
