import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** `hold`: what comes waits, and goes on later. `drop`: what comes is lost, and the connection stays open. */
export type Flow = "pass" | "hold" | "drop";

/** A way to a server on this machine that can fail as networks do. Clears up after itself with `close`. */
export interface TcpProxy {
  /** The same URL by way of the proxy. */
  through(url: string): string;
  /** Sends connections that are made from now on to the host and port of `url`. */
  retarget(url: string): void;
  setFlow(flow: Flow): void;
  /** How long each piece of data takes, in either direction; milliseconds. */
  setDelay(delay: () => number): void;
  /** What the server says and nobody hears: a piece of it for which this is true is lost, and its connection breaks. */
  swallow(isLost: (answer: Buffer) => boolean): void;
  killConnections(): void;
  /** Breaks the connections and refuses new ones. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  close(): Promise<void>;
}

interface Settings {
  target: { readonly host: string; readonly port: number };
  flow: Flow;
  delay: () => number;
  isLost: (answer: Buffer) => boolean;
}

/** Opens a proxy on a free port of 127.0.0.1; `url` is where it leads. */
export async function openTcpProxy(url: string): Promise<TcpProxy> {
  const settings: Settings = { target: targetOf(url), flow: "pass", delay: () => 0, isLost: () => false };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => join(near, settings, sockets));
  let port = 0;
  const killConnections = () => {
    for (const socket of sockets) socket.destroy();
  };
  const accept = async () => {
    await listen(server, port);
    port = (server.address() as { port: number }).port;
  };
  const refuse = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    killConnections();
    await closed;
  };
  await accept();
  return {
    through: (original) => {
      const changed = new URL(original);
      changed.hostname = "127.0.0.1";
      changed.port = String(port);
      return changed.toString();
    },
    retarget: (other) => {
      settings.target = targetOf(other);
    },
    setFlow: (flow) => {
      settings.flow = flow;
      for (const socket of sockets) if (flow === "hold") socket.pause();
      for (const socket of sockets) if (flow !== "hold") socket.resume();
    },
    setDelay: (delay) => {
      settings.delay = delay;
    },
    swallow: (isLost) => {
      settings.isLost = isLost;
    },
    killConnections,
    refuse,
    accept,
    close: async () => {
      if (server.listening) await refuse();
    },
  };
}

function targetOf(url: string): Settings["target"] {
  const { protocol, hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || (protocol.startsWith("redis") ? 6379 : 5432)) };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function join(near: Socket, settings: Settings, sockets: Set<Socket>): void {
  const far = connect({ ...settings.target, noDelay: true });
  for (const socket of [near, far]) {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      near.destroy();
      far.destroy();
    });
    if (settings.flow === "hold") socket.pause();
  }
  pass(near, far, settings, () => false);
  pass(far, near, settings, (answer) => settings.isLost(answer));
}

/** In order, whatever the delays; a connection waits for its slowest piece. */
function pass(from: Socket, to: Socket, settings: Settings, isLost: (data: Buffer) => boolean): void {
  let last: Promise<unknown> = Promise.resolve();
  from.on("data", (data) => {
    if (settings.flow === "drop") return;
    if (isLost(data)) {
      from.destroy();
      return;
    }
    const wait = settings.delay();
    const before = last;
    last = wait > 0 ? Promise.all([before, sleep(wait)]) : before;
    last.then(() => to.destroyed || to.write(data));
  });
  if (settings.flow === "hold") from.pause(); // listening to data lets it flow
}
