import { type Random, randomOf } from "./random.js";
import type { AccountShape } from "./sizes.js";

const PROJECTS = [
  ...["apollo", "gemini", "mercury", "orion", "atlas", "nova", "titan", "pegasus", "phoenix", "hermes", "billing"],
  ...["checkout", "search", "catalog", "ledger", "fraud", "loyalty", "shipping", "warehouse", "pricing", "identity"],
  ...["messaging", "reporting", "datalake", "streaming", "gateway", "mobile", "portal", "partner", "risk", "payroll"],
  ...["archive", "media", "maps", "iot", "robotics", "quality", "support", "marketing", "legal"],
] as const;
const GIVEN = [
  ...["wei", "fang", "min", "jing", "lei", "yan", "tao", "ming", "chao", "ling", "jun", "hong", "anna", "ben", "carla"],
  ...["david", "emma", "felix", "grace", "hugo", "ines", "jonas", "karin", "luca", "maria", "nils", "olga", "paul"],
] as const;
const FAMILY = [
  ...["wang", "li", "zhang", "liu", "chen", "yang", "huang", "zhao", "wu", "zhou", "xu", "sun", "ma", "zhu", "hu"],
  ...["becker", "costa", "dubois", "evans", "fischer", "garcia", "haas", "ito", "jansen", "khan", "lopez", "novak"],
] as const;
const ROLES_OF_GROUPS = ["developers", "operators", "auditors", "release-managers"] as const;
const REGIONS = ["cn-hangzhou", "cn-hangzhou", "cn-hangzhou", "cn-shanghai", "cn-beijing", "ap-southeast-1"] as const;
const STAGES = ["production", "production", "staging", "test"] as const;

/** What a thing with this number belongs to; numbers that differ by the number of projects share one. */
export function projectOf({ projects }: AccountShape, index: number): string {
  const at = index % projects;
  const name = PROJECTS[at % PROJECTS.length] ?? PROJECTS[0];
  return at < PROJECTS.length ? name : `${name}-${Math.floor(at / PROJECTS.length) + 1}`;
}

export function resourceGroupOf(shape: AccountShape, index: number): string {
  return `rg-${projectOf(shape, index)}`;
}

/** The number of a random thing of a project, of `count` that there are; of any where the project has none. */
export function ofProject({ projects }: AccountShape, project: number, count: number, random: Random): number {
  const first = project % projects;
  const its = Math.ceil((count - first) / projects);
  return its > 0 ? first + projects * random.below(its) : random.below(count);
}

export interface Person {
  readonly name: string;
  readonly displayName: string;
}

export function personOf({ seed, id }: AccountShape, index: number): Person {
  const random = randomOf(seed, id, "person", index);
  const [given, family] = [random.pick(GIVEN), random.pick(FAMILY)];
  return { name: `${given}.${family}${index}`, displayName: `${capital(given)} ${capital(family)}` };
}

export function groupName(shape: AccountShape, index: number): string {
  const role = ROLES_OF_GROUPS[Math.floor(index / shape.projects) % ROLES_OF_GROUPS.length] ?? ROLES_OF_GROUPS[0];
  return numbered(`${projectOf(shape, index)}-${role}`, shape, index, ROLES_OF_GROUPS.length);
}

const USES_OF_ROLES = ["deploy", "backend", "batch", "backup", "monitoring"] as const;

export function roleName(shape: AccountShape, index: number): string {
  const use = USES_OF_ROLES[Math.floor(index / shape.projects) % USES_OF_ROLES.length] ?? USES_OF_ROLES[0];
  return numbered(`${projectOf(shape, index)}-${use}`, shape, index, USES_OF_ROLES.length);
}

/** A number where a project has several of a kind. */
function numbered(name: string, { projects }: AccountShape, index: number, kinds: number): string {
  const round = Math.floor(index / (projects * kinds));
  return round === 0 ? name : `${name}-${round + 1}`;
}

export function policyName(shape: AccountShape, index: number): string {
  return `${projectOf(shape, index)}-kms-${index}`;
}

export interface NamedKey {
  readonly region: string;
  readonly id: string;
  readonly stage: string;
}

export function keyOf({ seed, id }: AccountShape, index: number): NamedKey {
  const random = randomOf(seed, id, "key", index);
  const region = random.pick(REGIONS);
  const digits = random
    .below(2 ** 32)
    .toString(16)
    .padStart(8, "0");
  return { region, id: `key-${digits}${index.toString(36).padStart(6, "0")}`, stage: random.pick(STAGES) };
}

const KINDS_OF_SECRETS = ["db", "api-token", "tls", "smtp", "oss", "redis"] as const;

export interface NamedSecret {
  readonly name: string;
  readonly stage: string;
}

export function secretOf(shape: AccountShape, index: number): NamedSecret {
  const random = randomOf(shape.seed, shape.id, "secret", index);
  const stage = random.pick(STAGES);
  return { name: `${projectOf(shape, index)}/${stage}/${random.pick(KINDS_OF_SECRETS)}-${index}`, stage };
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
