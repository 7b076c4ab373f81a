import { EventEmitter, once } from "node:events";
import type { Neighbours } from "./app.js";
import { EXIT } from "./cli/exit-code.js";
import type { Config } from "./config.js";
import { serve, type Team } from "./main.js";
import type { Order, Report } from "./worker-messages.js";

const UNHEARD_MS = 5_000;

/**
 * Serves as one of several processes on the same port, and does what the supervisor says: opens what is behind it when
 * the database is ready, and stops. Signals are the supervisor's: terminals and some service managers send them to all
 * processes, and who hears of one twice must not take the second for the one that ends everything at once.
 */
export async function serveAsWorker(config: Config): Promise<void> {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => {});
  try {
    await serve(config, createTeam());
    process.disconnect();
  } catch (error) {
    report({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
    setTimeout(() => process.exit(EXIT.error), UNHEARD_MS); // the supervisor ends it when it has heard why
  }
}

type Orders = { [Kind in Order["kind"]]: [Extract<Order, { kind: Kind }>] };

function createTeam(): Team {
  const orders = new EventEmitter<Orders>();
  process.on("message", (order: Order) => orders.emit(order.kind, order as never));
  return {
    stop: next(orders, "stop").then(({ signal }) => signal),
    prepared: next(orders, "open").then(({ databaseUrl }) => databaseUrl),
    neighbours: neighboursOf(orders),
    onCount: (count) => {
      const answer = async (scrape: number) => report({ kind: "counted", scrape, metrics: await count() });
      orders.on("count", ({ scrape }) => void answer(scrape).catch(() => {})); // counted without this process
    },
    listening: (port) => report({ kind: "listening", port }),
    ready: () => report({ kind: "ready" }),
  };
}

async function next<Kind extends Order["kind"]>(orders: EventEmitter<Orders>, kind: Kind): Promise<Orders[Kind][0]> {
  const [order] = await once(orders as EventEmitter, kind);
  return order;
}

function neighboursOf(orders: EventEmitter<Orders>): Neighbours {
  return {
    tell: (moved) => moved.length > 0 && report({ kind: "moved", moved }),
    onTold: (hear) => orders.on("moved", ({ moved }) => hear(moved)),
  };
}

/** A supervisor that is gone hears nothing; this process ends then. */
function report(message: Report): void {
  process.send?.(message, undefined, undefined, () => {});
}
