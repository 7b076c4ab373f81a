#!/usr/bin/env node
/**
 * Checks the rules of the house (.dependency-cruiser.cjs). dependency-cruiser reads TypeScript through the compiler's
 * JavaScript API, which TypeScript 7 does not have; so within this process `typescript` means the package
 * `typescript-5`. Without it type-only imports, and the violations in them, would go unseen.
 */
import Module, { register } from "node:module";

const hook = `export const resolve = (name, context, next) => next(name.replace(/^typescript(?=$|\\/)/, "typescript-5"), context)`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const resolveFilename = Module._resolveFilename;
Module._resolveFilename = (name, ...rest) =>
  resolveFilename(name.replace(/^typescript(?=$|\/)/, "typescript-5"), ...rest);

const CONFIG = new URL("../.dependency-cruiser.cjs", import.meta.url).pathname;
process.argv.splice(2, 0, "--config", CONFIG, "src");
await import(new URL("../node_modules/dependency-cruiser/bin/dependency-cruise.mjs", import.meta.url).href);
