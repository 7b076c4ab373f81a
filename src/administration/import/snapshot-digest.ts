import { createHash } from "node:crypto";
import type { Snapshot } from "./snapshot.js";

/** SHA-256 of the JSON text of a snapshot, in hex; the text may be too long to have it all at once. */
export function snapshotDigest(snapshot: Snapshot): string {
  const hash = createHash("sha256");
  Object.entries(snapshot).forEach(([name, value], index) => {
    hash.update(`${index === 0 ? "{" : ","}${JSON.stringify(name)}:`);
    if (Array.isArray(value)) {
      hash.update("[");
      value.forEach((item, at) => {
        hash.update(`${at === 0 ? "" : ","}${JSON.stringify(item)}`);
      });
      hash.update("]");
    } else hash.update(JSON.stringify(value));
  });
  return hash.update("}").digest("hex");
}
