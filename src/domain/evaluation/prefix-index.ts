/** Something about resources whose folded relative ids start with one of these; null: about any. */
export interface Prefixed {
  readonly prefixes: readonly string[] | null;
}

/** Finds what is about a resource, and maybe some that is not, by what relative ids start with. */
export class PrefixIndex<Item extends Prefixed> {
  /** Those that have to be tried for every resource. */
  private readonly general: Item[] = [];
  private readonly byPrefix = new Map<string, Item[]>();
  /** Lengths of the prefixes, each once. */
  private readonly lengths: readonly number[];

  constructor(items: Iterable<Item>) {
    for (const item of items) {
      if (item.prefixes === null) this.general.push(item);
      else for (const prefix of item.prefixes) this.add(prefix, item);
    }
    this.lengths = [...new Set([...this.byPrefix.keys()].map(({ length }) => length))];
  }

  /** In lists; an item is in several of them where one of its prefixes starts with another. @param relativeId folded */
  find(relativeId: string): readonly (readonly Item[])[] {
    const lists = [this.general];
    for (const length of this.lengths) {
      const found = length > relativeId.length ? undefined : this.byPrefix.get(relativeId.slice(0, length));
      if (found !== undefined) lists.push(found);
    }
    return lists;
  }

  private add(prefix: string, item: Item): void {
    const list = this.byPrefix.get(prefix);
    if (list === undefined) this.byPrefix.set(prefix, [item]);
    else list.push(item);
  }
}
