import cluster, { type Worker } from "node:cluster";
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { closeHandedAtEnd } from "./handed-connections.js";
import type { StopSignal } from "./process-events.js";
import type { Metrics } from "./server/metrics.js";
import { SummedMetrics } from "./server/summed-metrics.js";
import type { Order, Report } from "./worker-messages.js";

/** So often in a row workers may end at their start while none serves. */
const MOST_FAILED_STARTS = 5;
/** Milliseconds until another worker takes the place of one; doubled for every other that ended a short while ago. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
const SHORT_WHILE_MS = 60_000;
/** Milliseconds in which a worker must say what it has counted; else what it said before stands. */
const COUNT_MS = 2_000;

/** The workers of a supervisor. When one ends unasked, another one takes its place. */
export class Crew {
  readonly #size: number;
  readonly #log: Logger;
  /** Something has happened to one of the workers. */
  readonly #news = new EventEmitter<{ news: [] }>().setMaxListeners(0);
  readonly #workers = new Set<Worker>();
  readonly #ready = new Set<Worker>();
  readonly #pauses = new Set<NodeJS.Timeout>();
  readonly #summed = new SummedMetrics<Worker>();
  readonly #counted = new Map<Worker, number>();
  #error: Error | null = null;
  #reject: (error: Error) => void = () => {};
  readonly #failure = new Promise<never>((_, reject) => {
    this.#reject = reject;
  });
  #port: number | null = null;
  /** What also those are told who come later. */
  #standing: readonly Order[] = [];
  #stage: "starting" | "serving" | "stopping" | "over" = "starting";
  #loss: Error | null = null;
  #failedStarts = 0;
  #ends: readonly number[] = [];
  #scrapes = 0;

  constructor(size: number, log: Logger) {
    this.#size = size;
    this.#log = log;
    this.#failure.catch(() => {}); // whoever waits for something hears of it
  }

  /** What all workers have counted together. */
  get metrics(): Pick<Metrics, "contentType" | "text"> {
    return {
      contentType: this.#summed.contentType,
      text: async () => {
        await this.#count();
        return this.#summed.text();
      },
    };
  }

  /**
   * Starts all workers.
   *
   * @returns the port that they listen on; null: they were stopped before
   * @throws what the first one that cannot start has to say
   */
  async listen(): Promise<number | null> {
    cluster.schedulingPolicy = cluster.SCHED_RR; // spreads few connections evenly, too
    for (let count = 0; count < this.#size; count += 1) this.#start();
    await this.#until(() => this.#port !== null || this.#isGone);
    return this.#port;
  }

  /** Lets the workers use the database; resolves when all are ready, or have ended because they were stopped. */
  async open(databaseUrl: string): Promise<void> {
    this.#tellAllFromNowOn({ kind: "open", databaseUrl });
    await this.#until(() => this.#ready.size === this.#size || this.#isGone);
    if (this.#stage === "starting") this.#stage = "serving";
  }

  /** As `event`, but throws as soon as workers keep ending at their start. */
  unlessFailed<Result>(event: Promise<Result>): Promise<Result> {
    return Promise.race([event, this.#failure]);
  }

  /** Tells all workers to answer what is under way, and to end. */
  stop(signal: StopSignal): void {
    if (this.#stage === "over") return;
    this.#stage = "stopping";
    for (const pause of this.#pauses) clearTimeout(pause);
    this.#tellAllFromNowOn({ kind: "stop", signal });
    this.#news.emit("news");
  }

  /**
   * Resolves when all workers have stopped.
   *
   * @throws when one has ended before it had answered what was under way, or has not ended after `milliseconds`
   */
  async ended(milliseconds: number): Promise<void> {
    const late = sleep(milliseconds, "late", { ref: false });
    if ((await Promise.race([this.#until(() => this.#isGone), late])) === "late")
      throw new Error("workers do not stop");
    if (this.#loss !== null) throw this.#loss;
  }

  /** Ends whatever is left at once. */
  kill(): void {
    this.#stage = "over";
    for (const pause of this.#pauses) clearTimeout(pause);
    for (const worker of this.#workers) worker.process.kill("SIGKILL");
  }

  get #isGone(): boolean {
    return this.#stage === "stopping" && this.#workers.size === 0;
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#reject(error);
    this.#news.emit("news");
  }

  /** Leaves nothing behind, however often it is called. @param givenUp resolves at once when it aborts */
  #until(isSo: () => boolean, givenUp?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        this.#news.off("news", look);
        givenUp?.removeEventListener("abort", stop);
        settle();
      };
      const look = () => {
        if (isSo()) end(resolve);
        else if (this.#error !== null) end(() => reject(this.#error));
      };
      const stop = () => end(resolve);
      this.#news.on("news", look);
      givenUp?.addEventListener("abort", stop, { once: true });
      look();
    });
  }

  #start(): void {
    try {
      this.#follow(cluster.fork());
    } catch (error) {
      this.#log.error({ err: error }, "a worker cannot be started: trying again");
      this.#replace("an error of its start", false);
    }
  }

  #follow(worker: Worker): void {
    let hasEnded = false;
    const end = (how: string, isOrderly: boolean) => {
      if (!hasEnded) this.#ended(worker, how, isOrderly);
      hasEnded = true;
    };
    this.#workers.add(worker);
    worker.on("message", (report: Report) => this.#hear(worker, report));
    worker.on("exit", (code, signal) => end(signal ?? `code ${code}`, code === 0));
    worker.on("error", (error: Error) => {
      if (worker.process.pid === undefined) end(error.message, false); // it never was: no end will follow
    });
    closeHandedAtEnd(worker);
  }

  #tellAllFromNowOn(order: Order): void {
    this.#standing = [...this.#standing, order];
    this.#tellAll(order);
  }

  #tellAll(order: Order, except: Worker | null = null): void {
    for (const worker of this.#workers) if (worker !== except) send(worker, order);
  }

  #hear(worker: Worker, report: Report): void {
    if (report.kind === "moved") this.#tellAll(report, worker);
    else if (report.kind === "listening") this.#hearListening(worker, report.port);
    else if (report.kind === "failed") this.#hearFailure(worker, report.message);
    else if (this.#workers.has(worker)) this.#hearServing(worker, report); // the news of an end may overtake words
    this.#news.emit("news");
  }

  #hearServing(worker: Worker, report: Extract<Report, { kind: "ready" | "counted" }>): void {
    if (report.kind === "ready") {
      this.#ready.add(worker);
      this.#failedStarts = 0;
    } else {
      this.#summed.keep(worker, report.metrics);
      this.#counted.set(worker, report.scrape);
    }
  }

  /** What it was told before it listened, it has not heard. */
  #hearListening(worker: Worker, port: number): void {
    this.#port ??= port;
    for (const order of this.#standing) send(worker, order);
  }

  /** What keeps one from starting at first keeps all. */
  #hearFailure(worker: Worker, message: string): void {
    if (this.#stage === "starting" || this.#port === null) this.#fail(new Error(message));
    else this.#log.error({ worker: worker.process.pid, reason: message }, "a worker cannot start");
    worker.process.kill("SIGKILL"); // waits for that, lest the news of its end overtake the reason
  }

  #ended(worker: Worker, how: string, isOrderly: boolean): void {
    const { pid } = worker.process;
    const wasReady = this.#ready.delete(worker);
    this.#workers.delete(worker);
    this.#counted.delete(worker);
    void this.#summed.end(worker);
    if (this.#stage === "stopping") {
      if (!isOrderly && wasReady) this.#loss ??= new Error(`worker ${pid} ended by ${how} before it had stopped`);
    } else if (this.#stage !== "over") {
      this.#log.error({ worker: pid, how }, "a worker has ended: starting another one");
      this.#replace(how, wasReady);
    }
    this.#news.emit("news");
  }

  #replace(how: string, wasReady: boolean): void {
    if (!wasReady) this.#failedStarts += 1;
    if (this.#failedStarts >= MOST_FAILED_STARTS && this.#ready.size === 0) {
      this.#fail(new Error(`workers keep ending at their start, the last one by ${how}`));
      return;
    }
    const pause = setTimeout(() => {
      this.#pauses.delete(pause);
      this.#start();
    }, this.#nextPause());
    this.#pauses.add(pause);
  }

  #nextPause(): number {
    const now = performance.now();
    this.#ends = [...this.#ends.filter((end) => now - end < SHORT_WHILE_MS), now].slice(-16);
    return Math.min(FIRST_PAUSE_MS * 2 ** (this.#ends.length - 1), LONGEST_PAUSE_MS);
  }

  async #count(): Promise<void> {
    this.#scrapes += 1;
    const scrape = this.#scrapes;
    const asked = [...this.#ready];
    for (const worker of asked) send(worker, { kind: "count", scrape });
    const hasAnswered = (worker: Worker) => !this.#ready.has(worker) || (this.#counted.get(worker) ?? 0) >= scrape;
    await this.#until(() => asked.every(hasAnswered), AbortSignal.timeout(COUNT_MS));
  }
}

/** One that has ended meanwhile hears nothing. */
function send(worker: Worker, order: Order): void {
  worker.send(order, () => {});
}
