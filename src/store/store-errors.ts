/** The database cannot be asked now: unreachable, too busy, or too slow. Asking again later may help. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
}

interface ErrorFacts {
  readonly codes: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

const RETRYABLE_CODES = ["P2034", "40001", "40P01"];
const UNIQUE_CODES = ["P2002", "23505"];
const REFERENCE_CODES = ["P2003", "23503", "23001"];
const UNAVAILABLE_CODES = [
  ...["P1000", "P1001", "P1002", "P1008", "P1010", "P1011", "P1017", "P2024", "P2028", "P2037"],
  ...["08000", "08001", "08003", "08004", "08006", "53000", "53100", "53200", "53300", "53400"],
  ...["55P03", "57014", "57P01", "57P02", "57P03", "25006"],
  ...["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "EPIPE", "EHOSTUNREACH", "ENETUNREACH"],
];
const UNAVAILABLE_KINDS = [
  "DatabaseNotReachable",
  "ConnectionClosed",
  "SocketTimeout",
  "TooManyConnections",
  "TlsConnectionError",
  "AuthenticationFailed",
  "DatabaseAccessDenied",
];
/** `pg` and `pg-pool` raise these without a code. */
const UNAVAILABLE_MESSAGE =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Cannot use a pool after calling end/;

/** True for serialization failures and deadlocks, as Prisma reports them and as PostgreSQL does below raw SQL. */
export function isRetryable(error: unknown): boolean {
  const { codes, kinds } = factsOf(error);
  return RETRYABLE_CODES.some((code) => codes.has(code)) || kinds.has("TransactionWriteConflict");
}

/** True when a write met a row with the same unique key. */
export function isUniqueViolation(error: unknown): boolean {
  const { codes, kinds } = factsOf(error);
  return UNIQUE_CODES.some((code) => codes.has(code)) || kinds.has("UniqueConstraintViolation");
}

/** True when a write named a row that is not there, or removed one that others name. */
export function isReferenceViolation(error: unknown): boolean {
  const { codes, kinds } = factsOf(error);
  return REFERENCE_CODES.some((code) => codes.has(code)) || kinds.has("ForeignKeyConstraintViolation");
}

/**
 * Turns failures of the connection, the pool and time limits into {@link UnavailableError}, and so serialization failures
 * and deadlocks that were not to be got over; leaves others as they are.
 */
export function asStoreError(error: unknown): unknown {
  if (error instanceof UnavailableError) return error;
  if (isRetryable(error)) return new UnavailableError("other transactions are in the way", { cause: error });
  if (!isUnavailable(error)) return error;
  return new UnavailableError("the database does not answer in time", { cause: error });
}

function isUnavailable(error: unknown): boolean {
  const { codes, kinds } = factsOf(error);
  if (UNAVAILABLE_CODES.some((code) => codes.has(code))) return true;
  if (UNAVAILABLE_KINDS.some((kind) => kinds.has(kind))) return true;
  if (!(error instanceof Error)) return false;
  return error.name === "PrismaClientInitializationError" || UNAVAILABLE_MESSAGE.test(error.message);
}

/** Codes and driver kinds anywhere in the error: Prisma wraps the driver's error in `meta` or `cause`. */
function factsOf(error: unknown): ErrorFacts {
  const codes = new Set<string>();
  const kinds = new Set<string>();
  let layer: unknown[] = [error];
  for (let depth = 0; depth < 6 && layer.length > 0; depth += 1) {
    layer = layer.filter(isRecord).flatMap((part) => {
      for (const key of ["code", "originalCode"]) if (typeof part[key] === "string") codes.add(part[key]);
      if (typeof part["kind"] === "string") kinds.add(part["kind"]);
      const inner = Array.isArray(part["errors"]) ? part["errors"] : [];
      return [part["cause"], part["meta"], part["driverAdapterError"], ...inner];
    });
  }
  return { codes, kinds };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
