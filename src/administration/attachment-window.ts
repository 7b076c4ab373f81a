export interface WindowInput {
  /** The policy counts from this instant on; at once unless given. */
  readonly notBefore?: Date | null | undefined;
  /** The policy counts until just before this instant; for good unless given. */
  readonly expiresAt?: Date | null | undefined;
}

/** When an attachment counts; null: no end on that side. */
export interface Window {
  readonly notBefore: Date | null;
  readonly expiresAt: Date | null;
}

export function windowOf({ notBefore, expiresAt }: WindowInput): Window {
  return { notBefore: notBefore ?? null, expiresAt: expiresAt ?? null };
}

export function sameWindow(one: Window, other: Window): boolean {
  return sameInstant(one.notBefore, other.notBefore) && sameInstant(one.expiresAt, other.expiresAt);
}

function sameInstant(one: Date | null, other: Date | null): boolean {
  return one?.getTime() === other?.getTime();
}
