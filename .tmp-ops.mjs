import { pino } from "pino";
import { buildSchema } from "./dist/graphql/schema.js";
import { createGraphQL } from "./dist/server/yoga.js";
import { loadConfig } from "./dist/config.js";
const schema = buildSchema();
const verdict = (action) => ({ action, resource: "acs:kms:cn:1:key/k", principal: "acs:ram::1:user/a", outcome: "ALLOW", certainty: "EXACT", decidedBy: "CROSS_ACCOUNT", validUntil: null });
const V = new Map(); const vs = (a) => V.get(a) ?? (V.set(a, verdict(a)), V.get(a));
const decideMany = async (qs) => qs.map((q) => ({ decisions: (q.actions ?? Array.from({ length: 44 }, (_, i) => "kms:A" + i)).map(vs), resource: { arn: q.resource, registered: true, keyState: null, encryptionKeyArn: null, aliasTargetArn: null }, cache: "HIT", vector: new Map(), revision: () => "x", evaluatedAt: 1 }));
const services = { db: {}, decisions: { decideMany } };
const P = "acs:ram::1234567890123456:user/bob", K = "acs:kms:cn-hangzhou:1234567890123456:key/key-apollo-01";
const W = {
  typename: ["{ __typename }", {}],
  single: ["query($input: AccessCheckInput!) { checkAccess(input: $input) { allowed } }", { input: { principal: P, action: "kms:Decrypt", resource: K } }],
  all: ["query($p: Arn!, $r: Arn!) { effectivePermissions(principal: $p, resource: $r) { permissions { action outcome } } }", { p: P, r: K }],
  batch: ["query($inputs: [AccessCheckInput!]!) { checkAccessBatch(inputs: $inputs) { ... on Decision { allowed } ... on AccessCheckError { code } } }", { inputs: Array.from({ length: 50 }, (_, i) => ({ principal: P, action: "kms:Decrypt", resource: K + i })) }],
};
const answer = createGraphQL({ schema, services, limits: loadConfig({}).requests, log: pino({ level: "silent" }) });
const caller = { kind: "OPERATOR", credentialId: "x" };
for (const [name, [query, variables]] of Object.entries(W)) {
  if (process.argv[2] && !process.argv[2].split(",").includes(name)) continue;
  const body = Buffer.from(JSON.stringify({ query, variables }));
  const one = async () => answer({ method: "POST", target: "/graphql", accept: undefined, body, caller, signedIn: Promise.resolve(), notes: { requestId: "x" }, presence: {} });
  const r = await one();
  const n = name === "batch" ? 2000 : name === "all" ? 8000 : 20000;
  for (let i = 0; i < n; i++) await one();
  let best = 1e9; for (let k = 0; k < 3; k++) { const t = process.cpuUsage(); for (let i = 0; i < n; i++) await one(); const u = process.cpuUsage(t); best = Math.min(best, (u.user + u.system) / n); }
  console.log(name, best.toFixed(1), "µs", r.status, r.body.slice(0, 60));
}
