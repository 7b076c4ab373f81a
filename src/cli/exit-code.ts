/** Exit codes of every command; `notAllowed` is for `check`, for `lint` that finds errors, and for a broken audit trail. */
export const EXIT = { ok: 0, notAllowed: 1, error: 2 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
