import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const POLL = 50;

/**
 * Runs `work` while no other process holds the lock at `path`. The lock of a process that died is taken over.
 * For processes of one machine.
 */
export async function withLock(path, work) {
  const own = `${process.pid} ${startTime(process.pid)} ${crypto.randomUUID()}`;
  while (!tryLock(path, own)) {
    breakDeadLock(path);
    await sleep(POLL);
  }
  const release = () => read(path) === own && rmSync(path, { force: true });
  process.once("exit", release); // work may end the process
  try {
    return await work();
  } finally {
    release();
  }
}

/** A link appears whole or not at all, so nobody ever reads a lock without its owner. */
function tryLock(path, own) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, own);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Two may find the same dead lock: what is moved away must be what was found dead, or it goes back. */
function breakDeadLock(path) {
  const found = read(path);
  if (found === undefined || isAlive(found)) return;
  const aside = `${path}.dead.${process.pid}`;
  try {
    renameSync(path, aside);
    if (read(aside) !== found) linkSync(aside, path);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function isAlive(owner) {
  const [pid, started] = owner.split(" ");
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (error.code === "ESRCH") return false;
  }
  return startTime(pid) === started;
}

/** Tells a process from a later one with the same number; constant where /proc does not exist. */
function startTime(pid) {
  const stat = read(`/proc/${pid}/stat`) ?? "";
  return stat.slice(stat.lastIndexOf(")")).split(" ")[20] ?? "unknown";
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
