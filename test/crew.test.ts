import cluster, { type Worker } from "node:cluster";
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { Counter, Registry } from "prom-client";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { loadConfig } from "../src/config.js";
import { Crew } from "../src/crew.js";
import { superviseWorkers } from "../src/supervisor.js";
import type { Order, Report } from "../src/worker-messages.js";

/** Longer than the crew waits for what a worker has counted, in milliseconds. */
const COUNTED_MS = 2_500;
/** Longer than the pause before the first worker that takes the place of another. */
const PAUSED_MS = 400;
const log = pino({ level: "silent" });

/** What a crew sees of a process; nothing runs. */
class FakeWorker extends EventEmitter {
  readonly orders: Order[] = [];
  readonly process: EventEmitter & { pid: number | undefined; send?: () => boolean; kill: () => void };

  /** @param pid undefined: it could not be spawned, and has no way to be told anything, as when files run out */
  constructor(pid: number | undefined) {
    super();
    this.process = Object.assign(new EventEmitter(), { pid, kill: () => {}, ...(pid && { send: () => true }) });
  }

  send(order: Order): void {
    this.orders.push(order);
  }

  report(...reports: Report[]): void {
    for (const report of reports) this.emit("message", report);
  }

  end(code: number | null, signal: string | null = null): void {
    this.emit("exit", code, signal);
  }
}

const LISTENING = { kind: "listening", port: 4000 } as const;
const READY = { kind: "ready" } as const;

/** The workers forked from now on. @param spawn what the attempt of this number gives, from 1 on */
function fakeForks(spawn = (count: number) => new FakeWorker(count)): FakeWorker[] {
  const forked: FakeWorker[] = [];
  let count = 0;
  vi.spyOn(cluster, "fork").mockImplementation(() => {
    count += 1;
    const worker = spawn(count);
    forked.push(worker);
    return worker as unknown as Worker;
  });
  return forked;
}

let crews: Crew[] = [];
afterEach(() => {
  for (const crew of crews) crew.kill();
  crews = [];
  vi.restoreAllMocks();
});

/** @returns also how many wait for news */
function createCrew(size: number): { crew: Crew; waiting: () => number } {
  const made = vi.spyOn(EventEmitter.prototype, "setMaxListeners");
  const crew = new Crew(size, log);
  const [news] = made.mock.contexts as EventEmitter[];
  made.mockRestore();
  crews.push(crew);
  if (news === undefined) throw new Error("the crew has no emitter of news");
  return { crew, waiting: () => news.listenerCount("news") };
}

async function serving(size: number) {
  const forked = fakeForks();
  const { crew, waiting } = createCrew(size);
  const opened = crew.listen().then(() => crew.open("postgresql://nowhere"));
  for (const worker of forked) worker.report(LISTENING, READY);
  await opened;
  return { crew, forked, waiting };
}

/** What a worker says that has counted so many. */
async function counted(scrape: number, amount: number): Promise<Report> {
  const registry = new Registry();
  new Counter({ name: "asked_total", help: "asked", registers: [registry] }).inc(amount);
  return { kind: "counted", scrape, metrics: (await registry.getMetricsAsJSON()) as never };
}

test("scrapes that a worker does not answer leave nothing behind", async () => {
  const { crew, forked, waiting } = await serving(2);
  expect(waiting()).toBe(0);
  const scrapes = Array.from({ length: 20 }, () => crew.metrics.text());
  expect(waiting()).toBe(20);
  forked[0]?.report(await counted(20, 3));
  expect(waiting()).toBe(20); // the other one is silent
  const texts = await Promise.race([Promise.all(scrapes), sleep(COUNTED_MS, [])]);
  expect(texts).toHaveLength(20);
  expect(texts[0]).toContain("asked_total 3");
  expect(waiting()).toBe(0);
});

test("scrapes do not wait for workers that have ended, and miss nothing that these have counted", async () => {
  const { crew, forked, waiting } = await serving(3);
  const first = crew.metrics.text();
  for (const worker of forked) worker.report(await counted(1, 3));
  expect(await first).toContain("asked_total 9");
  const text = crew.metrics.text();
  forked[0]?.report(await counted(2, 4));
  forked[1]?.end(null, "SIGKILL");
  forked[2]?.end(null, "SIGKILL");
  expect(waiting()).toBe(0);
  expect(await Promise.race([text, sleep(PAUSED_MS, "late")])).toContain("asked_total 10");
});

test("what a worker says is not heard after its end: it is not counted twice, and nobody waits for it", async () => {
  const { crew, forked, waiting } = await serving(1);
  const answer = await counted(1, 3);
  const first = crew.metrics.text();
  forked[0]?.report(answer);
  expect(await first).toContain("asked_total 3");
  forked[0]?.end(null, "SIGKILL");
  forked[0]?.report(READY, answer);
  const text = crew.metrics.text();
  expect(waiting()).toBe(0);
  expect(await text).toContain("asked_total 3");
});

test("a worker that was never spawned is replaced, once", async () => {
  const forked = fakeForks((count) => new FakeWorker(count === 1 ? undefined : count));
  const listening = createCrew(1).crew.listen();
  forked[0]?.emit("error", new Error("spawn EMFILE"));
  forked[0]?.end(-24); // should one follow nevertheless
  await expect.poll(() => forked.length).toBe(2);
  forked[1]?.emit("error", new Error("write EPIPE")); // that one lives
  await sleep(PAUSED_MS);
  expect(forked).toHaveLength(2);
  forked[1]?.report(LISTENING);
  expect(await listening).toBe(LISTENING.port);
});

test("a worker whose start throws is replaced", async () => {
  const forked = fakeForks((count) => {
    if (count === 1) throw new Error("spawn E2BIG");
    return new FakeWorker(count);
  });
  const listening = createCrew(1).crew.listen();
  await expect.poll(() => forked.length).toBe(1);
  forked[0]?.report(LISTENING);
  expect(await listening).toBe(LISTENING.port);
});

test("a supervisor that can spawn nothing gives up and says why", async () => {
  cluster.setupPrimary({ cwd: "/nowhere/at/all" });
  onTestFinished(() => cluster.setupPrimary({ cwd: process.cwd() }));
  const { crew, waiting } = createCrew(1);
  await expect(crew.listen()).rejects.toThrow(/^workers keep ending at their start, the last one by spawn .* ENOENT$/);
  expect(waiting()).toBe(0);
});

test("a stop while workers start ends them cleanly, and starts no other", async () => {
  const forked = fakeForks();
  const { crew, waiting } = createCrew(2);
  const listening = crew.listen();
  forked[0]?.end(1); // another one is to take its place
  crew.stop("SIGTERM");
  expect(forked[1]?.orders).toEqual([{ kind: "stop", signal: "SIGTERM" }]);
  forked[1]?.end(null, "SIGTERM"); // as of a signal to the whole group: it had nothing to answer yet
  expect(await Promise.race([listening, sleep(PAUSED_MS, "late")])).toBeNull();
  await crew.ended(PAUSED_MS);
  await sleep(PAUSED_MS);
  expect(forked).toHaveLength(2);
  expect(waiting()).toBe(0);
});

test("a stop before workers are ready ends the wait for them; one that was ready and is lost is told of", async () => {
  const forked = fakeForks();
  const { crew, waiting } = createCrew(2);
  const opened = crew.listen().then(() => crew.open("postgresql://nowhere"));
  forked[0]?.report(LISTENING, READY);
  crew.stop("SIGTERM");
  forked[1]?.report(LISTENING); // has not heard of the stop before
  expect(forked[1]?.orders.filter(({ kind }) => kind === "stop")).toHaveLength(2);
  forked[1]?.end(0);
  forked[0]?.end(null, "SIGKILL");
  expect(await Promise.race([opened, sleep(PAUSED_MS, "late")])).toBeUndefined();
  await expect(crew.ended(PAUSED_MS)).rejects.toThrow("worker 1 ended by SIGKILL before it had stopped");
  expect(waiting()).toBe(0);
});

test("a supervisor that is stopped while its workers start opens no database", async () => {
  const forked = fakeForks();
  const written = vi.spyOn(process.stdout, "write");
  const events = ["SIGTERM", "SIGINT", "exit", "uncaughtException", "unhandledRejection"];
  const before = new Map(events.map((event) => [event, process.rawListeners(event)]));
  const added = (event: string) => process.rawListeners(event).filter((each) => !before.get(event)?.includes(each));
  const DATABASE_URL = "postgresql://nobody@127.0.0.1:1/nowhere"; // to ask there is an error
  const supervised = superviseWorkers(loadConfig({ DATABASE_URL, WORKERS: "2", LOG_LEVEL: "silent" }));
  for (const hear of added("SIGTERM")) hear();
  await expect.poll(() => forked.map(({ orders }) => orders.length)).toEqual([1, 1]);
  for (const worker of forked) worker.end(null, "SIGTERM");
  await supervised;
  expect(written.mock.calls.flat().join("")).not.toContain("ready");
  for (const event of events) for (const each of added(event)) process.off(event, each as () => void);
});
