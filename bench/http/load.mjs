/** Load from this process, which does nothing else meanwhile. */
import autocannon from "autocannon";

/** Every connection has bodies of its own, so that no two ask the same at the same time. */
function inTurn(bodies, connections) {
  let opened = 0;
  const place = (connection) => Math.floor((connection * bodies.length) / connections);
  return (client) => {
    const [from, to] = [place(opened), place(++opened)];
    client.setRequests(bodies.slice(from, Math.max(to, from + 1)).map((body) => ({ body })));
  };
}

/**
 * @param bodies what is asked, again and again; or a function that makes one
 * @param requestsOfConnection after how many requests the server closes a connection, which clients then open again; 0: never
 * @returns requests in a second, milliseconds they took, and the share of a processor that the load itself took
 */
export async function load({ url, headers, bodies, connections, seconds, requestsOfConnection = 0 }) {
  const made = typeof bodies === "function";
  const began = { time: performance.now(), cpu: process.cpuUsage() };
  const times = [];
  const run = autocannon({
    ...{ url, connections, duration: seconds, method: "POST" },
    ...(requestsOfConnection > 0 && { reconnectRate: requestsOfConnection }),
    headers: { "content-type": "application/json", ...headers },
    ...(made
      ? { requests: [{ setupRequest: (request) => ({ ...request, body: bodies() }) }] }
      : { setupClient: inTurn(bodies, connections) }),
    verifyBody: (body) => !body.includes('"errors":'),
  });
  run.on("response", (_client, _status, _bytes, milliseconds) => times.push(milliseconds));
  const { requests, duration, non2xx, errors, mismatches } = await run;
  if (non2xx + errors + mismatches > 0 || times.length === 0)
    throw new Error(
      `${url}: ${times.length} answers, ${non2xx} refused, ${errors} without an answer, ${mismatches} answered with an error`,
    );
  const { user, system } = process.cpuUsage(began.cpu);
  times.sort((a, b) => a - b);
  return {
    requests: requests.total,
    perSecond: requests.total / duration,
    p50: times[Math.floor(times.length * 0.5)],
    p99: times[Math.floor(times.length * 0.99)],
    busy: (user + system) / 1_000 / (performance.now() - began.time),
  };
}
