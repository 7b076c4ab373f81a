import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

export type StopSignal = "SIGTERM" | "SIGINT";

/** One Ctrl-C may arrive twice: from the terminal, and from npm, which passes it on. */
const SAME_SIGNAL_MS = 500;
const CLOSE_AFTER_CRASH_MS = 5_000;

/** Resolves with the first signal to stop. Another one, from half a second later on, ends the process at once. */
export function stopSignal(): Promise<StopSignal> {
  return new Promise((resolve) => {
    let first = Number.POSITIVE_INFINITY;
    const hear = (name: StopSignal) => {
      const now = performance.now();
      if (now - first > SAME_SIGNAL_MS) process.exit(128 + constants.signals[name]);
      first = Math.min(first, now);
      resolve(name);
    };
    for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => hear(name));
  });
}

/**
 * Logs an error that nobody has caught, runs `close`, for at most five seconds, and ends the process with 1: what state it
 * is in nobody can say any more. Covers promises that nobody has waited for.
 *
 * @param isHarmless whether such a promise may reject with this; default: with nothing
 */
export function exitOnCrash(
  log: Logger,
  close: () => Promise<unknown>,
  isHarmless: (reason: unknown) => boolean = () => false,
): void {
  let crashed = false;
  const crash = (error: unknown, origin: string) => {
    log.fatal({ err: error, origin }, "the gateway ends because of an error that nobody has caught");
    if (crashed) return;
    crashed = true;
    const exit = () => process.exit(1);
    Promise.race([close(), sleep(CLOSE_AFTER_CRASH_MS)]).then(exit, exit);
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", (reason) => {
    if (isHarmless(reason)) log.warn({ err: reason }, "something failed that nobody waits for");
    else crash(reason, "unhandledRejection");
  });
}
