import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { CONFIG_VARIABLES, loadConfig } from "../../src/config.js";

/** There is no cluster where these tests run: this is what can be said without one. */
const DIRECTORY = fileURLToPath(new URL("../../deploy/kubernetes", import.meta.url));
const DRAIN_AND_CLOSE_MS = 30_000;

// biome-ignore lint/suspicious/noExplicitAny: manifests are read as they are written
type Manifest = any;

const { resources } = parse(readFileSync(`${DIRECTORY}/kustomization.yaml`, "utf8")) as { resources: string[] };
const manifests: Manifest[] = [...resources, "secret.example.yaml"].flatMap((file) =>
  parseAllDocuments(readFileSync(`${DIRECTORY}/${file}`, "utf8")).map((document) => document.toJS()),
);
const find = (kind: string): Manifest => manifests.find((manifest) => manifest.kind === kind);

const { spec } = find("Deployment");
const pod = spec.template.spec;
const [container] = pod.containers;
const settings: Record<string, string> = find("ConfigMap").data;
const secrets: Record<string, string> = find("Secret").stringData;

test("every file is part of it, but the example of the secret", () => {
  const files = readdirSync(DIRECTORY).filter((file) => !["kustomization.yaml", "secret.example.yaml"].includes(file));
  expect([...resources].sort()).toEqual(files.sort());
});

describe("the pod", () => {
  test("is restricted, in the words of the pod security standard", () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(pod.securityContext.runAsUser).toBeGreaterThanOrEqual(10_000);
    expect(container.securityContext).toEqual({
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
      capabilities: { drop: ["ALL"] },
    });
    expect([pod.hostNetwork, pod.hostPID, pod.hostIPC]).toEqual([undefined, undefined, undefined]);
    expect(pod.volumes.every((volume: object) => "emptyDir" in volume)).toBe(true);
    expect(find("Namespace").metadata.labels["pod-security.kubernetes.io/enforce"]).toBe("restricted");
  });

  test("has no token of the cluster, and limits", () => {
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(find("ServiceAccount").automountServiceAccountToken).toBe(false);
    expect(Object.keys(container.resources.limits)).toEqual(["cpu", "memory"]);
  });

  test("is alive whatever PostgreSQL and Redis do, and gets requests when it is ready", () => {
    expect(container.livenessProbe.httpGet.path).toBe("/healthz");
    expect(container.startupProbe.httpGet.path).toBe("/healthz");
    expect(container.readinessProbe.httpGet.path).toBe("/readyz");
  });

  test("has time to drain, longer than it takes to be seen as not ready", () => {
    const { drainGrace } = loadConfig(settings);
    const { periodSeconds, timeoutSeconds, failureThreshold } = container.readinessProbe;
    expect(drainGrace).toBeGreaterThanOrEqual((periodSeconds * failureThreshold + timeoutSeconds) * 1_000);
    expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(drainGrace + DRAIN_AND_CLOSE_MS);
  });

  test("listens where the ports are, and gets only variables that the gateway reads", () => {
    const ports = Object.fromEntries(
      container.ports.map((port: { name: string; containerPort: number }) => [port.name, port.containerPort]),
    );
    const config = loadConfig({ ...settings, ...secrets });
    expect(ports).toEqual({ http: config.port, metrics: config.metricsPort });
    expect(config.host).toBe("0.0.0.0");
    for (const name of Object.keys({ ...settings, ...secrets })) expect(CONFIG_VARIABLES).toContain(name);
    for (const name of Object.keys(settings)) expect(name).not.toMatch(/_KEY$|_URL$|PASSWORD/);
    expect(container.envFrom).toEqual([{ configMapRef: { name: "ramgate" } }, { secretRef: { name: "ramgate" } }]);
  });
});

test("there is always a gateway: while it is rolled out, and while nodes are drained", () => {
  expect(spec.replicas).toBeGreaterThanOrEqual(2);
  expect(spec.strategy.rollingUpdate.maxUnavailable).toBe(0);
  expect(find("PodDisruptionBudget").spec.maxUnavailable).toBe(1);
});

test("everything selects the pods of the deployment", () => {
  const { labels } = spec.template.metadata;
  expect(labels).toEqual({ "app.kubernetes.io/name": "ramgate" });
  expect(spec.selector.matchLabels).toEqual(labels);
  expect(find("Service").spec.selector).toEqual(labels);
  expect(find("PodDisruptionBudget").spec.selector.matchLabels).toEqual(labels);
  expect(find("NetworkPolicy").spec.podSelector.matchLabels).toEqual(labels);
});

test("the network lets in the API and the metrics, each from one side, and out what a gateway needs", () => {
  const { policyTypes, ingress, egress } = find("NetworkPolicy").spec;
  expect(policyTypes).toEqual(["Ingress", "Egress"]);
  expect(ingress.map((rule: Manifest) => rule.ports[0].port)).toEqual(["http", "metrics"]);
  for (const rule of ingress) expect(rule.from).toHaveLength(1);
  const out = egress.flatMap((rule: Manifest) => rule.ports.map(({ port }: { port: number }) => port));
  expect([...new Set(out)]).toEqual([53, 5432, 6379]);
  for (const rule of egress) expect(rule.to).toHaveLength(1);
  expect(find("Service").spec.ports.map(({ targetPort }: { targetPort: string }) => targetPort)).toEqual(["http"]);
});
