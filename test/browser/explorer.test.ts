import { existsSync, readFileSync } from "node:fs";
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

/** A page that notes what it asks of other servers, and what its content security policy refuses. */
async function openPage() {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(10_000); // so that a failure names its step
  const foreign: string[] = [];
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== gateway.url) foreign.push(request.url());
  });
  const refused: string[] = [];
  page.on("console", (message) => {
    if (/content security policy/i.test(message.text())) refused.push(message.text());
  });
  page.on("pageerror", (error) => refused.push(String(error)));
  return { page, foreign, refused };
}

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
  const { page, foreign, refused } = await openPage();
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
  expect([foreign, refused]).toEqual([[], []]);
});

test("the editor completes names, and the documentation describes fields and types", async () => {
  const { page, foreign, refused } = await openPage();
  await signIn(page);
  await page.locator(".graphiql-query-editor").getByText("viewer").click();
  await page.keyboard.press("End");
  await page.keyboard.press("Control+Space");
  await page.locator(".suggest-widget").first().waitFor();
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
  const documentation = page.locator(".graphiql-doc-explorer");
  await documentation.getByText("Query", { exact: true }).click();
  await documentation.getByText("effectivePermissions", { exact: true }).click();
  await documentation
    .getByText(firstWords(/^ {2}effectivePermissions\(/m))
    .first()
    .waitFor();
  await documentation.getByText("EffectivePermissions", { exact: true }).click();
  await documentation
    .getByText(firstWords(/^type EffectivePermissions /m))
    .first()
    .waitFor();
  expect([foreign, refused]).toEqual([[], []]);
});

/** The first words of the description that stands before the line of `pattern` in the printed schema. */
function firstWords(pattern: RegExp): string {
  const schema = readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8");
  const before = schema.slice(0, pattern.exec(schema)?.index);
  const description = /.*"""\s*([^"]+?)\s*"""\s*$/s.exec(before)?.[1] ?? "";
  expect(description.length).toBeGreaterThan(20);
  return (description.split("\n")[0] ?? "").slice(0, 40);
}

test("no other script runs in the page, and nothing goes elsewhere", async () => {
  const { page, refused } = await openPage();
  await page.goto(`${gateway.url}/graphql`);
  expect(await page.evaluate(injectScript)).toBeNull();
  expect(await page.evaluate(() => fetch("http://127.0.0.1:9/").then(String, String))).toContain("TypeError");
  expect(refused.filter((text) => text.includes("script-src"))).toHaveLength(1);
  expect(refused.filter((text) => text.includes("connect-src"))).not.toEqual([]);
});

/** Runs in the page: what a script says that was put into it. */
function injectScript(): string | null {
  const script = document.createElement("script");
  script.textContent = "document.body.dataset.injected = 'yes'";
  document.body.append(script);
  return document.body.dataset["injected"] ?? null;
}

/** Presses the button until it sends the request of the open tab (the editor takes a moment to see it); its answer. */
async function run(page: Page) {
  const response = page.waitForResponse((each) => /"query":(?!.*__schema)/.test(each.request().postData() ?? ""));
  const button = page.getByRole("button", { name: /execute query/i });
  for (const done = response.then(() => true); !(await Promise.race([done, button.click().then(() => pause())])); );
  return (await response).json();
}

const pause = () => new Promise<false>((resolve) => setTimeout(() => resolve(false), 500));
