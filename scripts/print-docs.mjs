#!/usr/bin/env node
/** Writes the tables of docs/authorization.md from the rules in the code; with --check it only says whether they are up to date. */
import { readFileSync, writeFileSync } from "node:fs";
import { ACCESS_RULES } from "../dist/graphql/access.js";
import { accessTables, withTables } from "../dist/graphql/access-table.js";

const url = new URL("../docs/authorization.md", import.meta.url);
const current = readFileSync(url, "utf8");
const text = withTables(current, accessTables(ACCESS_RULES));

if (!process.argv.includes("--check")) writeFileSync(url, text);
else if (text !== current) {
  console.error("docs/authorization.md is not what the code says: run `npm run docs`, read the difference, commit it");
  process.exitCode = 1;
}
