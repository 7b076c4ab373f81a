import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { applyMutation, type Mutation } from "./mutation.js";

const MUTABLE = fileURLToPath(new URL("../../src/administration/", import.meta.url));
const QUERY = /\?mutant=([A-Za-z0-9_-]+)$/;

/**
 * Lets a test load the use cases once more with a slip in one of them: what `module.js?mutant=…` imports of
 * `src/administration` is loaded anew with it, everything else is shared.
 */
export function mutants(): Plugin {
  return {
    name: "mutants",
    enforce: "pre",
    async resolveId(source, importer, options) {
      const [query, mutant] = QUERY.exec(importer ?? "") ?? [];
      if (query === undefined || mutant === undefined) return null;
      const resolved = await this.resolve(source, importer?.replace(QUERY, ""), { ...options, skipSelf: true });
      return resolved?.id.startsWith(MUTABLE) ? { ...resolved, id: `${resolved.id}${query}` } : resolved;
    },
    transform(code, id) {
      const mutant = QUERY.exec(id)?.[1];
      if (mutant === undefined) return null;
      const mutation = JSON.parse(Buffer.from(mutant, "base64url").toString()) as Mutation;
      return id.replace(QUERY, "") === `${MUTABLE}${mutation.file}` ? applyMutation(code, mutation) : null;
    },
  };
}
