import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A load balancer in front of gateways: each request to the next one that says it is ready; it never tries twice. */
export interface RoundRobin {
  readonly url: string;
  setTargets(urls: readonly string[]): void;
  /** Resolves when that target takes requests. */
  untilReady(url: string): Promise<void>;
  close(): Promise<void>;
}

/** @param probeEvery milliseconds after which it asks again who is ready */
export async function startRoundRobin(probeEvery = 100): Promise<RoundRobin> {
  const ready = new Set<string>();
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  let targets: readonly string[] = [];
  let turn = 0;
  const probe = async () => {
    for (const target of targets) {
      if (await isReady(target)) ready.add(target);
      else ready.delete(target);
    }
  };
  const prober = setInterval(probe, probeEvery);
  const server = createServer((incoming, outgoing) => {
    const able = targets.filter((target) => ready.has(target));
    turn += 1;
    pass(incoming, outgoing, able[turn % able.length], agent);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setTargets: (urls) => {
      targets = urls;
    },
    untilReady: async (url) => {
      while (!ready.has(url)) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    close: async () => {
      clearInterval(prober);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
}

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
    (response) => response.body?.cancel().then(() => response.ok) ?? response.ok,
    () => false,
  );
}

function pass(incoming: IncomingMessage, outgoing: ServerResponse, target: string | undefined, agent: Agent): void {
  const fail = (error: Error) => {
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(502).end(error.message);
  };
  if (target === undefined) {
    fail(new Error("no gateway is ready"));
    return;
  }
  const { method, headers, url } = incoming;
  const onward = request(`${target}${url}`, { method, headers, agent }, (answer) => {
    const { connection: _ours, "keep-alive": _too, ...rest } = answer.headers;
    outgoing.writeHead(answer.statusCode ?? 502, rest);
    answer.on("error", fail).pipe(outgoing);
  });
  onward.on("error", fail);
  incoming.pipe(onward);
}
