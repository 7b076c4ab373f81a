import type { CompiledPolicy } from "../domain/policy/compile-policy.js";

interface Held {
  readonly size: number;
  holders: number;
}

/** Compiled documents that something kept holds on to. Many hold the same ones, so each counts once. */
export class HeldDocuments {
  readonly #held = new Map<CompiledPolicy, Held>();
  #size = 0;

  /** Bytes of all that are held. */
  get size(): number {
    return this.#size;
  }

  /** @param sizes in bytes; of one that is held already it stays as it is */
  hold(sizes: ReadonlyMap<CompiledPolicy, number>): void {
    for (const [document, size] of sizes) {
      const held = this.#held.get(document);
      if (held !== undefined) held.holders += 1;
      else {
        this.#held.set(document, { size, holders: 1 });
        this.#size += size;
      }
    }
  }

  /** @param documents each held by a `hold` of its own */
  release(documents: Iterable<CompiledPolicy>): void {
    for (const document of documents) {
      const held = this.#held.get(document);
      if (held === undefined || --held.holders > 0) continue;
      this.#held.delete(document);
      this.#size -= held.size;
    }
  }
}
