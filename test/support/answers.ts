import { setTimeout as sleep } from "node:timers/promises";
import type { Gateway } from "./gateway.js";
import { RefusedError, readGrant } from "./grants.js";

/** What one question came to. */
export interface Answered {
  /** ALLOW, DENY, an error code of the API, or the name of what went wrong on the way. */
  readonly outcome: string;
  /** Since the question was sent. */
  readonly milliseconds: number;
  /** When it was sent, by `performance.now()`. */
  readonly start: number;
}

export interface Asking {
  readonly gateways: readonly Gateway[];
  /** Each asks about a user of its own, again and again. */
  readonly clients: number;
  readonly milliseconds: number;
  /** Between an answer and the next question. */
  readonly pause?: number;
  /** Whether no question is asked twice, so that no gateway finds its answer in its own memory. */
  readonly unheardOf?: boolean;
}

/** Asks questions for a while and notes what comes of them. */
export async function askForAWhile(asking: Asking): Promise<Answered[]> {
  const { gateways, clients, milliseconds, pause = 10, unheardOf = false } = asking;
  const answers: Answered[] = [];
  const end = performance.now() + milliseconds;
  const client = async (user: number) => {
    for (let turn = user; performance.now() < end; turn += 1) {
      const gateway = gateways[turn % gateways.length];
      const variant = unheardOf ? nextVariant++ : undefined;
      if (gateway !== undefined) answers.push(await askOnce(gateway, user, variant));
      await sleep(pause);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, user) => client(user)));
  return answers;
}

let nextVariant = 1;

export async function askOnce(gateway: Gateway, user: number, variant?: number): Promise<Answered> {
  const start = performance.now();
  const outcome = await readGrant(gateway, user, variant).then(
    ({ granted }) => (granted ? "ALLOW" : "DENY"),
    (error: unknown) => (error instanceof RefusedError ? error.code : String(error)),
  );
  return { outcome, milliseconds: performance.now() - start, start };
}

/** The `share` quantile of the times that answers took; 0 when there are none. */
export function quantile(answers: readonly Answered[], share: number): number {
  const sorted = answers.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export function describeAnswers(answers: readonly Answered[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of answers) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const outcomes = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(", ");
  const times = [0.5, 0.99, 1].map((share) => quantile(answers, share).toFixed(0));
  return `${outcomes}; p50 ${times[0]} ms, p99 ${times[1]} ms, most ${times[2]} ms`;
}
