/** One gateway process, and questions to it. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../../dist/cli/ramgate.js", import.meta.url));
const KEY = `rg_${randomBytes(8).toString("hex")}_${randomBytes(32).toString("base64url")}`;

const CLOCK_TICKS = 100; // per second, on every Linux that Node runs on

/** Runs `work(ask, usage)` with a gateway of its own on a database. */
export async function withGateway(url, work) {
  const settings = {
    ...{ DATABASE_URL: url, PORT: "0", ADMIN_API_KEY: KEY, LOG_LEVEL: "warn", DRAIN_GRACE_MS: "0" },
    ...{ RATE_LIMIT: "10000000", DECISION_CACHE: "local", REQUEST_DEADLINE_MS: "60000" },
  };
  const child = spawn(process.execPath, [BIN, "serve"], {
    env: { PATH: process.env.PATH, ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const address = await addressOf(child);
    return await work((query, variables) => ask(address, query, variables), {
      memory: () => memoryOf(child.pid),
      cpu: () => cpuOf(child.pid),
    });
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  }
}

async function addressOf(child) {
  let printed = "";
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    printed += chunk;
    const address = /POST (http:\S+)/.exec(printed)?.[1];
    if (address) return address;
  }
  throw new Error("the gateway did not start");
}

/** The answer, and how long it took until its last byte was there, which is before it is parsed. */
async function ask(address, query, variables) {
  const body = JSON.stringify({ query, variables });
  const began = performance.now();
  const response = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
    body,
  });
  const text = await response.text();
  const ms = performance.now() - began;
  const { data, errors } = JSON.parse(text);
  if (errors?.length > 0) throw new Error(JSON.stringify(errors.slice(0, 3)));
  return { data, ms };
}

/** Milliseconds of processor time that a process has used. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / CLOCK_TICKS;
}

/** Resident memory of a process in MiB: now, and the most that it ever was. */
function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024);
  return { now: of("VmRSS"), peak: of("VmHWM") };
}
