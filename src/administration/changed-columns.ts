/** What an update asks for: a column that is left out or undefined stays as it is. */
export type Wanted<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** The columns whose wanted value differs from the current one; null when there is none. */
export function changedColumns<T extends object>(current: T, wanted: Wanted<T>): Partial<T> | null {
  const changed = Object.entries(wanted).filter(
    ([column, value]) => value !== undefined && value !== current[column as keyof T],
  );
  return changed.length === 0 ? null : (Object.fromEntries(changed) as Partial<T>);
}
