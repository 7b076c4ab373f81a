/** The input of a change without the options that say how, not what: those are kept apart or not at all. */
export function withoutOptions(input: object): object {
  const { idempotencyKey, dryRun, reason, expectedRevision, ...rest } = input as Record<string, unknown>;
  return rest;
}
