import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GEMINI_KEY, policy, user } from "../support/demo.js";
import { askGateway, type Gateway, startGateway } from "../support/gateway.js";

const QUESTION = `{ checkAccess(input: { principal: "${user("bob")}", action: "kms:Decrypt", resource: "${GEMINI_KEY}" }) { allowed } }`;
const ATTACH = `mutation { attachPolicy(input: { policy: "${policy("QueryAndUseKeys")}", principal: "${user("bob")}" }) { changed } }`;

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ramgate-first-start-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const printedKey = (gateway: Gateway) => /^ {2}(rg_[a-z0-9]+_[\w-]{43,})$/m.exec(gateway.output())?.[1];

async function allowed(gateway: Gateway, key: string): Promise<boolean> {
  const { data, errors } = await askGateway(gateway.url, key, QUESTION);
  expect(errors).toBeUndefined();
  return data.checkAccess.allowed;
}

test("a newcomer starts it with nothing, signs in with the printed key, and finds changes again after a restart", async () => {
  const settings = { DATA_DIR: directory, ADMIN_API_KEY: "" };
  const first = await startGateway(settings);
  const key = printedKey(first) ?? "none printed";
  expect(await allowed(first, key)).toBe(false);

  const second = await startGateway(settings);
  expect(printedKey(second)).toBeUndefined();
  expect((await askGateway(second.url, key, ATTACH)).data.attachPolicy.changed).toBe(true);
  expect([await allowed(first, key), await allowed(second, key)]).toEqual([true, true]);

  expect(await first.stop()).toBe(0);
  expect(await allowed(second, key)).toBe(true);
  expect(await second.stop()).toBe(0);

  const began = performance.now();
  const again = await startGateway(settings);
  expect(performance.now() - began).toBeLessThan(15_000); // 5 s on a machine that does nothing else
  expect(await allowed(again, key)).toBe(true);
  expect(await again.stop()).toBe(0);
});

test("a signal that comes twice, as npm and a terminal send it, stops the gateway as well as one", async () => {
  const gateway = await startGateway({ DATA_DIR: directory, ADMIN_API_KEY: "" });
  const stopped = gateway.stop();
  process.kill(gateway.pid, "SIGTERM");
  process.kill(gateway.pid, "SIGINT");
  expect(await stopped).toBe(0);
  await expect(access(join(directory, "postgres", "data", "postmaster.pid"))).rejects.toThrow("ENOENT");
});
