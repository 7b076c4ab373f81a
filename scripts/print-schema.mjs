#!/usr/bin/env node
/**
 * Writes schema.graphql and the JSON Schema of account snapshots from the code; with --check it only says, by its exit
 * code, whether they are up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { lexicographicSortSchema, printSchema } from "graphql";
import { snapshotJsonSchema } from "../dist/administration/import/snapshot-schema.js";
import { buildSchema } from "../dist/graphql/schema.js";

const FILES = {
  "schema.graphql": `${printSchema(lexicographicSortSchema(buildSchema()))}\n`,
  "docs/account-snapshot.schema.json": `${JSON.stringify(snapshotJsonSchema(), null, 2)}\n`,
};

for (const [file, text] of Object.entries(FILES)) {
  const url = new URL(`../${file}`, import.meta.url);
  if (!process.argv.includes("--check")) {
    writeFileSync(url, text);
  } else if (readCurrent(url) !== text) {
    console.error(`${file} is not what the code says: run \`npm run schema\`, read the difference, commit it`);
    process.exitCode = 1;
  }
}

function readCurrent(url) {
  try {
    return readFileSync(url, "utf8");
  } catch {
    return undefined;
  }
}
