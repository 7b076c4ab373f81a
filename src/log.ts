import { type LevelWithSilent, type Logger, pino } from "pino";

/** Logs are JSON lines on standard error; standard output belongs to people. */
export function createLog(level: LevelWithSilent): Logger {
  return pino({ level, base: null }, pino.destination({ fd: 2, sync: true }));
}
