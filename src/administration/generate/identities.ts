import type { Snapshot } from "../import/snapshot.js";
import { trustDocument } from "./documents.js";
import { groupName, ofProject, personOf, projectOf, resourceGroupOf, roleName } from "./names.js";
import { type Random, randomOf } from "./random.js";
import type { AccountShape } from "./sizes.js";

export function resourceGroup(shape: AccountShape, index: number): Snapshot["resourceGroups"][number] {
  return { id: resourceGroupOf(shape, index), name: projectOf(shape, index) };
}

export function group(shape: AccountShape, index: number): Snapshot["groups"][number] {
  return { name: groupName(shape, index), comments: `people of ${projectOf(shape, index)}` };
}

export function user(shape: AccountShape, index: number): Snapshot["users"][number] {
  const random = randomOf(shape.seed, shape.id, "user", index);
  const tags = {
    Team: projectOf(shape, index),
    CostCenter: String(1_000 + random.below(500)),
    Site: `site-${index % 7}`,
  };
  return {
    ...personOf(shape, index),
    comments: null,
    groups: groupsOf(shape, index, random),
    tags: Object.fromEntries(Object.entries(tags).slice(0, random.within(shape.tags))),
  };
}

/** First those of the user's own project, then of others. */
function groupsOf(shape: AccountShape, index: number, random: Random): string[] {
  const wanted = Math.min(random.within(shape.groupsOfUser), shape.groups);
  const chosen = new Set<number>();
  for (let draw = 0; chosen.size < wanted; draw += 1) {
    chosen.add(draw < 2 ? ofProject(shape, index, shape.groups, random) : random.below(shape.groups));
  }
  return [...chosen].map((number) => groupName(shape, number));
}

const SERVICES = ["ecs.aliyuncs.com", "fc.aliyuncs.com", "cs.aliyuncs.com"] as const;

export function role(shape: AccountShape, index: number): Snapshot["roles"][number] {
  const random = randomOf(shape.seed, shape.id, "role", index);
  const service = random.chance(0.25) ? random.pick(SERVICES) : null;
  return {
    name: roleName(shape, index),
    kind: service === null ? "REGULAR" : "SERVICE",
    service,
    description: null,
    maxSessionDuration: random.pick([3_600, 3_600, 7_200, 43_200]),
    trustPolicy: trustDocument(shape, index, service),
    tags: { Team: projectOf(shape, index) },
  };
}
