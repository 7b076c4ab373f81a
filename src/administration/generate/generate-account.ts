import type { Snapshot } from "../import/snapshot.js";
import { group, resourceGroup, role, user } from "./identities.js";
import { attachments, customPolicy, SYSTEM_POLICIES } from "./policies.js";
import { alias, key, secret } from "./resources.js";
import { type AccountShape, thingsOf } from "./sizes.js";

type ListName = Exclude<keyof Snapshot, "version" | "account">;
/** The lists of a snapshot, each made while it is gone through. */
type Lists = { readonly [Name in ListName]: Iterable<Snapshot[Name][number]> };

const PIECE = 1 << 16;

/** The account of a shape, as a snapshot: the same for the same shape, always. */
export function generateAccount(shape: AccountShape): Snapshot {
  const lists = Object.fromEntries(Object.entries(listsOf(shape)).map(([name, items]) => [name, [...items]]));
  return { ...headOf(shape), ...lists } as unknown as Snapshot;
}

/**
 * The same as JSON text, one item on a line; no more than some items are in memory.
 *
 * @param write takes the text piece by piece
 * @param onProgress is told how many things have been written, attachments not counted, of how many
 */
export async function writeGenerated(
  shape: AccountShape,
  write: (text: string) => Promise<void> | void,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<void> {
  const total = thingsOf(shape);
  let [text, done] = [headText(shape), 0];
  for (const [name, items] of Object.entries(listsOf(shape))) {
    let separator = `,\n"${name}": [\n`;
    for (const item of items) {
      text += separator + JSON.stringify(item);
      separator = ",\n";
      if (name !== "attachments") done += 1;
      if (text.length < PIECE) continue;
      await write(text);
      onProgress(Math.min(done, total), total);
      text = "";
    }
    text += separator === ",\n" ? "\n]" : `${separator}]`;
  }
  await write(`${text}\n}\n`);
  onProgress(total, total);
}

function headOf({ id, size, seed, index }: AccountShape): Pick<Snapshot, "version" | "account"> {
  return { version: 1, account: { id, alias: `generated-${size}-${seed}-${index}` } };
}

function headText(shape: AccountShape): string {
  const { version, account } = headOf(shape);
  return `{\n"version": ${version},\n"account": ${JSON.stringify(account)}`;
}

function listsOf(shape: AccountShape): Lists {
  return {
    resourceGroups: each(shape.projects, (index) => resourceGroup(shape, index)),
    groups: each(shape.groups, (index) => group(shape, index)),
    users: each(shape.users, (index) => user(shape, index)),
    roles: each(shape.roles, (index) => role(shape, index)),
    policies: policies(shape),
    attachments: attachments(shape),
    keys: each(shape.keys, (index) => key(shape, index)),
    secrets: each(shape.secrets, (index) => secret(shape, index)),
    aliases: each(shape.aliases, (index) => alias(shape, index)),
  };
}

function* policies(shape: AccountShape) {
  yield* SYSTEM_POLICIES;
  yield* each(shape.policies, (index) => customPolicy(shape, index));
}

function* each<T>(count: number, make: (index: number) => T): Generator<T> {
  for (let index = 0; index < count; index += 1) yield make(index);
}
