/**
 * As a process of its own: `import <file> <database>`, or `export <file> <database> <account>`. Prints what it took.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { DEFAULT_LIMITS } from "../../dist/administration/administration.js";
import { writeAccount } from "../../dist/administration/export-account.js";
import { importAccount } from "../../dist/administration/import-account.js";
import { repeatedMembers } from "../../dist/cli/json-text.js";
import { showProgress } from "../../dist/cli/progress.js";
import { parseSnapshot, readSnapshotFile } from "../../dist/cli/read-snapshot-file.js";
import { openDatabase } from "../../dist/store/prisma-client.js";
import { createTokens } from "../../dist/store/revision-token.js";

const [work, file, url, account] = process.argv.slice(2);
const db = openDatabase(url, 4);
const seconds = {};
let [step, since] = ["", performance.now()];

function enter(next) {
  const now = performance.now();
  if (step !== "") seconds[step] = (seconds[step] ?? 0) + (now - since) / 1_000;
  [step, since] = [next, now];
}

/** As `ramgate import` does it. */
async function importFile() {
  enter("reading");
  const text = await readSnapshotFile(file, showProgress(true));
  const snapshot = parseSnapshot(text, file);
  if (repeatedMembers(text, 1).length > 0) throw new Error("a member is there twice");
  const tokens = createTokens({ environment: "bench", key: Buffer.alloc(32, 1) });
  const { userErrors, value } = await importAccount(
    { db, tokens, limits: DEFAULT_LIMITS, auditKey: Buffer.alloc(32, 2) },
    { account: snapshot.account.id, snapshot, mode: "MERGE" },
    { caller: { kind: "OPERATOR", credentialId: "bench" }, requestId: randomUUID() },
    { onProgress: (progress) => enter(progress.step), timeout: 1_800_000 },
  );
  if (userErrors.length > 0) throw new Error(userErrors[0].message);
  return value.plan.counts.reduce((sum, { created, updated, deleted }) => sum + created + updated + deleted, 0);
}

async function exportFile() {
  enter("exporting");
  const stream = createWriteStream(file);
  await writeAccount(db, account, async (text) => {
    if (!stream.write(text)) await once(stream, "drain");
  });
  stream.end();
  await once(stream, "close");
  return 0;
}

const rows = work === "import" ? await importFile() : await exportFile();
enter("");
await db.$disconnect();
console.log(JSON.stringify({ rows, seconds, peakMiB: Math.round(process.resourceUsage().maxRSS / 1_024) }));
