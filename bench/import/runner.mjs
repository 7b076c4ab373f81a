/** Imports the snapshot of argv[2] into the database of argv[3], as a process of its own, and prints what it took. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { DEFAULT_LIMITS } from "../../dist/administration/administration.js";
import { importAccount } from "../../dist/administration/import-account.js";
import { openDatabase } from "../../dist/store/prisma-client.js";
import { createTokens } from "../../dist/store/revision-token.js";

const [file, url] = process.argv.slice(2);
const seconds = { reading: 0, checking: 0, planning: 0, writing: 0 };
let [step, since] = ["reading", performance.now()];

function enter(next) {
  const now = performance.now();
  seconds[step] += (now - since) / 1_000;
  [step, since] = [next, now];
}

const snapshot = JSON.parse(await readFile(file, "utf8"));
const db = openDatabase(url, 4);
const tokens = createTokens({ environment: "bench", key: Buffer.alloc(32, 1) });
const result = await importAccount(
  { db, tokens, limits: DEFAULT_LIMITS },
  { account: snapshot.account.id, snapshot, mode: "MERGE" },
  { caller: { kind: "OPERATOR", credentialId: "bench" }, requestId: randomUUID() },
  { onProgress: (progress) => enter(progress.step) },
);
enter("done");
await db.$disconnect();
const { userErrors, changed, value } = result;
const planned = (value?.plan.counts ?? []).reduce(
  (sum, { created, updated, deleted }) => sum + created + updated + deleted,
  0,
);
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1_024);
console.log(JSON.stringify({ problems: userErrors, changed, planned, seconds, peakMiB }));
