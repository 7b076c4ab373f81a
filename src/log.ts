import { type LevelWithSilent, type Logger, pino } from "pino";
import { createRedactor, type Redactor } from "./redaction.js";

/**
 * Logs are JSON lines on standard error; standard output belongs to people. Each line goes through `redactor` whole, so
 * that it does not matter how a secret came into it.
 *
 * @param pid is in each line; null: there is only one process
 */
export function createLog(
  level: LevelWithSilent,
  redactor: Redactor = createRedactor(),
  pid: number | null = null,
): Logger {
  const destination = pino.destination({ fd: 2, sync: true });
  const write = (line: string) => void destination.write(redactor.redact(line));
  return pino({ level, base: pid === null ? null : { pid }, serializers: { err: describeError } }, { write });
}

const LONGEST = 8_192;
const DEEPEST = 4;

interface ErrorDescription {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorDescription;
}

/** Only what is known to help: drivers hang rows, parameters and connections on their errors. */
export function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error).slice(0, LONGEST) };
  const { name, message, stack, cause } = error;
  const code = (error as { code?: unknown }).code;
  return {
    type: name,
    message: message.slice(0, LONGEST),
    ...(typeof code === "string" ? { code } : {}),
    ...(stack === undefined ? {} : { stack: stack.slice(0, LONGEST) }),
    ...(cause === undefined || depth >= DEEPEST ? {} : { cause: describeError(cause, depth + 1) }),
  };
}
