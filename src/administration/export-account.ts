import { excerpt } from "../domain/arn.js";
import { InvalidInputError, NotFoundError } from "../domain/errors.js";
import type { Database, Transaction } from "../store/prisma-client.js";
import { asStoreError } from "../store/store-errors.js";
import { readItems } from "./export/read-items.js";
import { type Item, SECTIONS, type SectionName } from "./export/sections.js";
import type { Snapshot } from "./import/snapshot.js";

const TIMEOUT_MS = 1_800_000;
const MAX_WAIT_MS = 10_000;
const NAMES = Object.keys(SECTIONS) as SectionName[];

/**
 * The snapshot of an account, as of one moment: importing it changes nothing, and elsewhere it gives the same account.
 *
 * @param most longest JSON text of the lists, in characters
 * Who may have it is for the caller to tell.
 *
 * @throws NotFoundError for an unknown account, InvalidInputError for an account that is larger than `most`,
 *   UnavailableError when the database does not answer
 */
export async function exportAccount(db: Database, account: string, most: number): Promise<Snapshot> {
  const lists = Object.fromEntries(NAMES.map((name): [SectionName, Item[]] => [name, []]));
  let length = 0;
  const head = await readAccount(db, account, (name, item) => {
    length += JSON.stringify(item).length;
    if (length > most)
      throw new InvalidInputError(`the account is too large to be exported at once: use \`ramgate export\``);
    lists[name]?.push(item);
  });
  return { ...head, ...lists } as Snapshot;
}

/**
 * Writes the snapshot of an account as JSON text, one item on a line; no more than some items are in memory.
 *
 * @param write takes the text piece by piece
 * @throws NotFoundError for an unknown account, UnavailableError when the database does not answer
 */
export async function writeAccount(
  db: Database,
  account: string,
  write: (text: string) => Promise<void> | void,
): Promise<void> {
  let open: SectionName | null = null;
  const start = async ({ version, account: its }: Head) => {
    await write(`{\n"version": ${version},\n"account": ${JSON.stringify(its)}`);
  };
  await readAccount(
    db,
    account,
    async (name, item) => {
      await write(`${name === open ? "," : `${open === null ? "" : "\n]"},\n"${name}": [`}\n${JSON.stringify(item)}`);
      open = name;
    },
    start,
  );
  await write(open === null ? "\n}\n" : "\n]\n}\n");
}

type Head = Pick<Snapshot, "version" | "account">;
type Visit = (name: SectionName, item: Item) => Promise<void> | void;

async function readAccount(
  db: Database,
  account: string,
  visit: Visit,
  start: (head: Head) => Promise<void> | void = () => {},
): Promise<Head> {
  const read = async (tx: Transaction) => {
    const head = await readHead(tx, account);
    await start(head);
    for (const name of NAMES) for await (const item of readItems(tx, account, name)) await visit(name, item);
    return head;
  };
  try {
    const settings = { isolationLevel: "RepeatableRead", maxWait: MAX_WAIT_MS, timeout: TIMEOUT_MS } as const;
    return await db.$transaction(read, settings);
  } catch (error) {
    throw asStoreError(error);
  }
}

async function readHead(tx: Transaction, id: string): Promise<Head> {
  const account = await tx.account.findUnique({ where: { id }, select: { id: true, alias: true } });
  if (account === null) throw new NotFoundError(`the account \`${excerpt(id)}\` does not exist`);
  return { version: 1, account };
}
