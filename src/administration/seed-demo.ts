import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Administration } from "./administration.js";
import { importAccount } from "./import-account.js";

/** Two levels up from `src/administration` and from `dist/administration` alike. */
const DEMO_ACCOUNT = new URL("../../examples/demo-account.json", import.meta.url);

/**
 * Loads the demo account into an empty database.
 * @returns false when the database already holds an account
 */
export async function seedDemo(administration: Administration): Promise<boolean> {
  if ((await administration.db.account.findFirst({ select: { id: true } })) !== null) return false;
  const snapshot = JSON.parse(await readFile(DEMO_ACCOUNT, "utf8")) as { account: { id: string } };
  const { changed, userErrors } = await importAccount(
    administration,
    { account: snapshot.account.id, snapshot, mode: "MERGE" },
    { caller: { kind: "OPERATOR", credentialId: "demo-account" }, requestId: randomUUID(), reason: "demo account" },
  );
  if (userErrors.length > 0) throw new Error(`the demo account cannot be imported: ${userErrors[0]?.message}`);
  return changed;
}
