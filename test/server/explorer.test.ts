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
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("signed in;").waitFor();
}

test("an admin signs in, runs the ready tabs and sees the decision, with nothing loaded from elsewhere", async () => {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const foreign: string[] = [];
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== gateway.url) foreign.push(request.url());
  });
  await signIn(page);

  const tabs = page.getByRole("tab");
  await tabs.first().waitFor();
  expect(await tabs.count()).toBeGreaterThanOrEqual(6);
  const answer = page.locator(".graphiql-response");
  const run = page.getByRole("button", { name: /execute query/i });

  await run.click();
  await answer.getByText("OPERATOR").waitFor();

  await tabs.nth(1).click();
  await run.click();
  await answer.getByText("UseApolloKeys").first().waitFor();
  expect(foreign).toEqual([]);
  if (process.env["SCREENSHOT"]) await page.screenshot({ path: process.env["SCREENSHOT"] });
});
