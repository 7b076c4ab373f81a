import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

const operationsDirectory = new URL("../../examples/operations/", import.meta.url);

interface Tab {
  readonly query: string;
  readonly variables: string | null;
}

/** The ready-made operations of `examples/operations`, in the order of their file names, one tab each. */
export function explorerTabs(): Tab[] {
  const files = readdirSync(operationsDirectory).sort();
  return files
    .filter((file) => file.endsWith(".graphql"))
    .map((file) => ({ query: readOperation(file), variables: readVariables(file, files) }));
}

function readOperation(file: string): string {
  return readFileSync(new URL(file, operationsDirectory), "utf8");
}

function readVariables(operation: string, files: readonly string[]): string | null {
  const file = operation.replace(/\.graphql$/, ".variables.json");
  return files.includes(file) ? readOperation(file) : null;
}

// The bar asks for the API key once and keeps it for this browser tab only; GraphiQL's own header editor still wins.
const signInBar = `
<style>
  body { display: flex; flex-direction: column; height: 100vh; margin: 0; }
  #root { flex: 1; height: 0; }
  #root .graphiql-container { height: 100%; }
  #sign-in { display: flex; gap: 8px; align-items: center; padding: 6px 12px; font: 13px system-ui, sans-serif; background: #1f2937; color: #f9fafb; }
  #sign-in input { flex: 1; max-width: 560px; padding: 4px 8px; border: 1px solid #6b7280; border-radius: 4px; font: 13px ui-monospace, monospace; }
  #sign-in button { padding: 4px 12px; border: 0; border-radius: 4px; background: #2563eb; color: #fff; cursor: pointer; }
</style>
<form id="sign-in">
  <strong>ramgate</strong>
  <label for="api-key">API key</label>
  <input id="api-key" type="password" autocomplete="off" spellcheck="false" placeholder="rg_…" aria-label="API key">
  <button>Sign in</button>
  <span id="sign-in-state" role="status"></span>
</form>
<script>
  (() => {
    const stored = sessionStorage.getItem("ramgate:key");
    const send = window.fetch;
    window.fetch = (target, options = {}) => {
      const headers = new Headers(options.headers);
      const local = new URL(target, location.href).origin === location.origin;
      if (stored && local && !headers.has("authorization")) headers.set("authorization", "Bearer " + stored);
      return send(target, { ...options, headers });
    };
    // GraphiQL opens one more tab on each load unless what it remembers, or the link asks for, is that of an open tab.
    const { tabs = [], activeTabIndex = 0 } = JSON.parse(localStorage.getItem("graphiql:tabState") ?? "{}");
    const linked = new URL(location.href).searchParams.get("query");
    const open = tabs.find(({ query }) => query === linked) ?? tabs[activeTabIndex];
    for (const part of open ? ["query", "variables"] : []) localStorage.setItem("graphiql:" + part, open[part] ?? "");
    const form = document.getElementById("sign-in");
    const state = document.getElementById("sign-in-state");
    state.textContent = stored ? "signed in; an empty key signs out" : "not signed in: paste the key printed at the first start";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = document.getElementById("api-key").value.trim();
      if (key) sessionStorage.setItem("ramgate:key", key);
      else sessionStorage.removeItem("ramgate:key");
      location.reload();
    });
  })();
</script>`;

/** Renders the GraphiQL page, complete with its scripts: it loads nothing from anywhere else. */
async function renderExplorer(): Promise<string> {
  const { renderGraphiQL } = await import("@graphql-yoga/render-graphiql"); // nine megabytes that most processes never need
  const page = renderGraphiQL({
    title: "ramgate",
    endpoint: "/graphql",
    defaultTabs: explorerTabs(),
    shouldPersistHeaders: false,
    defaultEditorToolsVisibility: "variables",
  });
  return page.replace('<div id="root"></div>', () => `${signInBar}<div id="root"></div>`).trimStart();
}

export interface ExplorerPage {
  readonly html: Buffer;
  readonly gzipped: Buffer;
  /** Its `content-security-policy`. */
  readonly policy: string;
}

/** The page does not change while the process runs, and has nine megabytes: it is made and packed once, when first asked for. */
export function createExplorer(): () => Promise<ExplorerPage> {
  let page: Promise<ExplorerPage> | undefined;
  return () => {
    page ??= packExplorer();
    return page;
  };
}

async function packExplorer(): Promise<ExplorerPage> {
  const text = await renderExplorer();
  const html = Buffer.from(text);
  return { html, gzipped: await promisify(gzip)(html), policy: policyOf(text) };
}

/**
 * Its own scripts run and no others, and talk to this gateway only: a key could go anywhere otherwise. The editor has its
 * workers in blobs, its icons and fonts in data URLs, and writes styles while it runs.
 */
function policyOf(html: string): string {
  const scripts = [...html.matchAll(/<script>(.*?)<\/script>/gs)].map(([, script = ""]) => sourceHash(script));
  return [
    "default-src 'none'",
    `script-src ${scripts.join(" ")}`,
    "worker-src blob:",
    "style-src 'unsafe-inline'",
    ...["font-src data:", "img-src data:", "connect-src 'self'"],
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ].join("; ");
}

function sourceHash(script: string): string {
  return `'sha256-${createHash("sha256").update(script).digest("base64")}'`;
}
