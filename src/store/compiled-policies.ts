import { LRUCache } from "lru-cache";
import { type CompiledPolicy, compilePolicy } from "../domain/policy/compile-policy.js";
import type { DocumentKind } from "../domain/policy/document.js";
import { parseDocument } from "../domain/policy/parse-document.js";

/** Parses and compiles the text of a stored document; null when it is not a well-formed policy. */
export type CompileDocument = (text: string, kind: DocumentKind) => CompiledPolicy | null;

const MAX_BYTES = 64 * 1024 * 1024;
/** A compiled policy takes several times the room of its text. */
export const BYTES_PER_CHARACTER = 12;

/**
 * Compiles stored documents, each text once. A text always compiles to the same policy, so entries never go stale.
 * Evaluation must not change a compiled policy: it is shared.
 */
export function createPolicyCompiler(maxBytes = MAX_BYTES): CompileDocument {
  const cache = new LRUCache<string, { compiled: CompiledPolicy | null }>({
    maxSize: maxBytes,
    sizeCalculation: (_entry, key) => 1_024 + key.length * BYTES_PER_CHARACTER,
  });
  return (text, kind) => {
    const key = `${kind}:${text}`;
    const known = cache.get(key);
    if (known !== undefined) return known.compiled;
    const compiled = compile(text, kind);
    cache.set(key, { compiled });
    return compiled;
  };
}

/** One document that the compiler cannot take must not make the whole model unreadable; unknown is the safe reading. */
function compile(text: string, kind: DocumentKind): CompiledPolicy | null {
  try {
    const parsed = parseDocument(text, kind);
    return parsed.ok ? compilePolicy(parsed.document) : null;
  } catch {
    return null;
  }
}
