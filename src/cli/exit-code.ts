/** Exit codes of every command; `check` also uses `notAllowed`. */
export const EXIT = { ok: 0, notAllowed: 1, error: 2 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
