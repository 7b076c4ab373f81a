import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { type Gateway, startGateway } from "../support/gateway.js";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];

let database: TestDatabase;
let gateway: Gateway;
let browser: Browser;

beforeAll(async () => {
  database = await createTestDatabase("explorer");
  gateway = await startGateway({ DATABASE_URL: database.url, SEED_DEMO: "true" });
  if (!existsSync(CHROMIUM))
    throw new Error(`no browser at \`${CHROMIUM}\`: install the Debian package chromium, or set CHROMIUM`);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, "--disable-component-update"] });
});

afterAll(async () => {
  await browser?.close();
  await gateway?.stop();
  await database?.drop();
});

async function signIn(page: Page): Promise<void> {
  await page.goto(`${gateway.url}/graphql`);
  await page.getByLabel("API key").fill(gateway.key);
  const schema = page.waitForResponse((each) => each.ok() && (each.request().postData() ?? "").includes("__schema"));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("signed in;").waitFor();
  await schema;
  await page.locator(".graphiql-query-editor").getByText("viewer").waitFor();
}

test("an admin signs in, runs the ready tabs and sees the decision, with nothing loaded from elsewhere", async () => {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(10_000); // so that a failure names its step
  const foreign: string[] = [];
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== gateway.url) foreign.push(request.url());
  });
  await signIn(page);

  const tabs = page.getByRole("tab");
  await tabs.first().waitFor();
  expect(await tabs.count()).toBe(7);
  const shown = page.locator(".graphiql-response");

  expect((await run(page)).data.viewer.kind).toBe("OPERATOR");
  await shown.getByText("OPERATOR").waitFor();

  await tabs.nth(1).click();
  const { permissions } = (await run(page)).data.effectivePermissions;
  expect(JSON.stringify(permissions)).toContain("UseApolloKeys");
  await shown.getByText("kms:DescribeKey", { exact: false }).first().waitFor();

  await page.reload();
  await page.getByText("signed in;").waitFor();
  await tabs.first().waitFor();
  expect(await tabs.count()).toBe(7);
  expect(foreign).toEqual([]);
});

/** Presses the button until it sends the request of the open tab (the editor takes a moment to see it); its answer. */
async function run(page: Page) {
  const response = page.waitForResponse((each) => /"query":(?!.*__schema)/.test(each.request().postData() ?? ""));
  const button = page.getByRole("button", { name: /execute query/i });
  for (const done = response.then(() => true); !(await Promise.race([done, button.click().then(() => pause())])); );
  return (await response).json();
}

const pause = () => new Promise<false>((resolve) => setTimeout(() => resolve(false), 500));
