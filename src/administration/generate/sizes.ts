import { InvalidInputError } from "../../domain/errors.js";
import type { Range } from "./random.js";

export const SIZES = ["small", "quota", "huge"] as const;
export type Size = (typeof SIZES)[number];

/** How large a generated account is, and of what. */
export interface AccountShape {
  readonly seed: number;
  readonly size: Size;
  /** Which of the accounts of its seed and size it is, from 0. */
  readonly index: number;
  /** Account number: follows from the three above. */
  readonly id: string;
  /** Each has a resource group, and users, groups, policies, keys and secrets of its own. */
  readonly projects: number;
  readonly groups: number;
  readonly users: number;
  readonly groupsOfUser: Range;
  readonly roles: number;
  readonly policies: number;
  readonly versions: Range;
  /** True: every document is nearly as long as RAM takes. */
  readonly longDocuments: boolean;
  /** Policies attached to one user, group or role. */
  readonly attached: { readonly user: Attached; readonly group: Attached; readonly role: Attached };
  readonly keys: number;
  readonly secrets: number;
  readonly aliases: number;
  readonly tags: Range;
}

export interface Attached {
  readonly custom: Range;
  readonly system: Range;
}

export const HUGE = { accounts: 20, users: 200_000, groups: 5_000, policies: 10_000, resources: 1_000_000 } as const;

/** How many principals, policies, resources and resource groups a shape comes to; attachments are not counted. */
export function thingsOf({ projects, groups, users, roles, policies, keys, secrets, aliases }: AccountShape): number {
  return projects + groups + users + roles + policies + keys + secrets + aliases;
}

const MOST_SEED = 2 ** 32 - 1;
const MOST_ACCOUNTS = 100;

/**
 * The accounts of a seed and size.
 *
 * @param accounts how many; default: one, of `huge` twenty
 * @throws InvalidInputError for a seed or number of accounts that there is not
 */
export function accountsOf(size: Size, seed: number, accounts?: number): readonly AccountShape[] {
  requireWhole("seed", seed, 0, MOST_SEED);
  if (accounts !== undefined) requireWhole("accounts", accounts, 1, MOST_ACCOUNTS);
  if (size === "huge" && accounts !== undefined && accounts !== HUGE.accounts) {
    throw new InvalidInputError(`accounts: \`huge\` always has ${HUGE.accounts}, not \`${accounts}\``);
  }
  const count = size === "huge" ? HUGE.accounts : (accounts ?? 1);
  return Array.from({ length: count }, (_, index) => {
    const id = numberOf(size, seed, index);
    return { seed, size, index, id, ...(size === "huge" ? hugeShape(index) : SHAPES[size]) };
  });
}

function requireWhole(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new InvalidInputError(`${name}: \`${value}\` is not a whole number from ${least} to ${most}`);
}

/** Sixteen digits, as Alibaba Cloud's are. */
function numberOf(size: Size, seed: number, index: number): string {
  return `5${SIZES.indexOf(size) + 1}${String(seed).padStart(10, "0")}${String(index).padStart(4, "0")}`;
}

type Counts = Omit<AccountShape, "seed" | "size" | "index" | "id">;

const FEW = { user: { custom: [0, 1], system: [0, 1] }, group: { custom: [1, 4], system: [0, 2] } } as const;
const FULL: Attached = { custom: [10, 10], system: [20, 20] };

const SHAPES: Readonly<Record<"small" | "quota", Counts>> = {
  small: {
    ...{ projects: 5, groups: 10, users: 50, groupsOfUser: [0, 3], roles: 10 },
    ...{ policies: 30, versions: [1, 3], longDocuments: false },
    attached: { ...FEW, role: { custom: [1, 3], system: [0, 1] } },
    ...{ keys: 100, secrets: 100, aliases: 40, tags: [0, 4] },
  },
  quota: {
    ...{ projects: 100, groups: 300, users: 5_000, groupsOfUser: [10, 10], roles: 1_000 },
    ...{ policies: 1_500, versions: [5, 5], longDocuments: true },
    attached: { user: FULL, group: FULL, role: FULL },
    ...{ keys: 10_000, secrets: 20_000, aliases: 5_000, tags: [2, 6] },
  },
};

const HUGE_COMMON: Pick<Counts, "groupsOfUser" | "versions" | "longDocuments" | "tags" | "attached"> = {
  ...{ groupsOfUser: [1, 2], versions: [1, 2], longDocuments: false, tags: [1, 2] },
  attached: { ...FEW, role: { custom: [1, 4], system: [0, 2] } },
};

/** The first account holds half of the users and a fifth of the resources; the others share what is left. */
function hugeShape(index: number): Counts {
  if (index === 0) return { ...HUGE_COMMON, ...HUGE_FIRST };
  const users = shareOf(HUGE.users - HUGE_FIRST.users, index);
  const groups = shareOf(HUGE.groups - HUGE_FIRST.groups, index);
  const policies = shareOf(HUGE.policies - HUGE_FIRST.policies, index);
  const { keys, secrets, aliases } = HUGE_FIRST;
  const resources = shareOf(HUGE.resources - keys - secrets - aliases, index);
  const [ofKeys, ofAliases] = [Math.floor(resources * 0.3), Math.floor(resources * 0.1)];
  const ofSecrets = resources - ofKeys - ofAliases;
  return {
    ...HUGE_COMMON,
    ...{ projects: 50, groups, users, roles: 100, policies, keys: ofKeys, secrets: ofSecrets, aliases: ofAliases },
  };
}

const HUGE_FIRST = {
  ...{ projects: 200, groups: 1_200, users: 100_000, roles: 500, policies: 1_450 },
  ...{ keys: 60_000, secrets: 120_000, aliases: 20_000 },
} as const;

/** What one of the other accounts gets of `total`, all of which is given away. */
function shareOf(total: number, index: number): number {
  const others = HUGE.accounts - 1;
  return Math.floor(total / others) + (index <= total % others ? 1 : 0);
}
