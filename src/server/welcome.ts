import type { Config } from "../config.js";

export interface Welcome {
  readonly host: string;
  readonly port: number;
  readonly config: Config;
  /** Of the metrics; null: there are none. */
  readonly metricsPort: number | null;
  /** The operator key that this start made; shown now and never again. */
  readonly newKey: string | null;
}

/** What a person reads when the gateway is ready: where it is, how to sign in, what to try. */
export function welcome({ host, port, config, metricsPort, newKey }: Welcome): string {
  const origin = `http://${host.includes(":") ? `[${host}]` : host}`;
  const url = `${origin}:${port}`;
  const metrics = metricsPort === null ? [] : [`  Metrics    GET ${origin}:${metricsPort}/metrics`];
  const page = config.graphiql ? [`  GraphiQL   ${url}/graphql`] : [];
  return `${[
    "",
    "ramgate is ready",
    "",
    ...page,
    `  Endpoint   POST ${url}/graphql`,
    ...metrics,
    ...(config.workers === 1 ? [] : [`  Workers    ${config.workers}`]),
    `  Data       ${config.databaseUrl === undefined ? `embedded PostgreSQL in ${config.dataDir}` : "PostgreSQL of DATABASE_URL"}`,
    `  Cache      ${cacheName(config)}`,
    "",
    ...signIn(config, newKey),
    "",
    ...question(url, newKey ?? "$KEY"),
    "",
  ].join("\n")}\n`;
}

function cacheName(config: Config): string {
  if (config.decisionCache === "off") return "off";
  return config.redis === null || config.decisionCache === "local" ? "in this process" : "Redis of REDIS_URL";
}

function signIn(config: Config, newKey: string | null): string[] {
  if (newKey !== null) {
    return ["Sign in with this operator key; it is shown this once:", "", `  ${newKey}`];
  }
  if (config.adminApiKey) return [`Sign in with the operator key of ADMIN_API_KEY (rg_${config.adminApiKey.id}_…).`];
  return [
    "Sign in with the operator key shown at the first start. Lost? Add another one:",
    "",
    "  export ADMIN_API_KEY=rg_me$(date +%s)_$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=')",
    "  echo $ADMIN_API_KEY; npm start",
  ];
}

function question(url: string, key: string): string[] {
  const query =
    '{ effectivePermissions(principal: \\"acs:ram::1234567890123456:user/bob\\", resource: \\"acs:kms:cn-hangzhou:1234567890123456:key/key-apollo-01\\") { permissions { action outcome reason } } }';
  return [
    "Try: what may Bob do with the Apollo key, and why?",
    "",
    `  curl -s ${url}/graphql -H "authorization: Bearer ${key}" \\`,
    "    -H 'content-type: application/json' \\",
    `    -d '{"query":"${query}"}'`,
  ];
}
