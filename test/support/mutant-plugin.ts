import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { applyMutation, type Mutation } from "./mutation.js";

const SOURCE = fileURLToPath(new URL("../../src/", import.meta.url));
/** Where a slip may be, and what is loaded anew with it; the first is where files are looked for that do not say. */
const AREAS = [["administration/"], ["decisions/", "store/"], ["domain/escalation/"], ["server/"]] as const;
const QUERY = /\?mutant=([A-Za-z0-9_-]+)$/;

/**
 * Lets a test load the use cases, the decision point with its store, or the server once more with a slip in one file: what
 * `module.js?mutant=…` imports of the same area is loaded anew with it, everything else is shared.
 */
export function mutants(): Plugin {
  return {
    name: "mutants",
    enforce: "pre",
    async resolveId(source, importer, options) {
      const [query, mutant] = QUERY.exec(importer ?? "") ?? [];
      if (query === undefined || mutant === undefined) return null;
      const resolved = await this.resolve(source, importer?.replace(QUERY, ""), { ...options, skipSelf: true });
      if (resolved === null || !isIn(areaOf(read(mutant)), resolved.id)) return resolved;
      return { ...resolved, id: `${resolved.id}${query}` };
    },
    transform(code, id) {
      const mutant = QUERY.exec(id)?.[1];
      if (mutant === undefined) return null;
      const mutation = read(mutant);
      return id.replace(QUERY, "") === pathOf(mutation) ? applyMutation(code, mutation) : null;
    },
  };
}

function read(mutant: string): Mutation {
  return JSON.parse(Buffer.from(mutant, "base64url").toString()) as Mutation;
}

type Area = (typeof AREAS)[number];

function areaOf({ file }: Mutation): Area {
  return AREAS.find((area) => area.some((directory) => file.startsWith(directory))) ?? AREAS[0];
}

function isIn(area: Area, path: string): boolean {
  return area.some((directory) => path.startsWith(`${SOURCE}${directory}`));
}

function pathOf(mutation: Mutation): string {
  const { file } = mutation;
  const named = areaOf(mutation).some((directory) => file.startsWith(directory));
  return named ? `${SOURCE}${file}` : `${SOURCE}${AREAS[0][0]}${file}`;
}
