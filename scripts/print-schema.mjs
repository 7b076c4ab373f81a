#!/usr/bin/env node
/** Writes schema.graphql from the code; with --check it only says, by its exit code, whether the file is up to date. */
import { readFileSync, writeFileSync } from "node:fs";
import { lexicographicSortSchema, printSchema } from "graphql";
import { buildSchema } from "../dist/graphql/schema.js";

const FILE = new URL("../schema.graphql", import.meta.url);
const text = `${printSchema(lexicographicSortSchema(buildSchema()))}\n`;

if (!process.argv.includes("--check")) {
  writeFileSync(FILE, text);
} else if (readCurrent() !== text) {
  console.error("schema.graphql is not what the code says: run `npm run schema`, read the difference, commit it");
  process.exitCode = 1;
}

function readCurrent() {
  try {
    return readFileSync(FILE, "utf8");
  } catch {
    return undefined;
  }
}
