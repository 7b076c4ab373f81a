import { AsyncLocalStorage } from "node:async_hooks";
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Attributes,
  type Context,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { setGlobalErrorHandler, W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { OnCommand } from "../decisions/redis-decision-cache.js";
import type { InStage } from "../store/stages.js";
import type { OnStatement } from "../store/statement-timing.js";
import type { AroundRequest, OnRequest, RequestNotes, ResponseFacts } from "./request-notes.js";

export interface TracingOptions {
  /** Of an OTLP collector over HTTP, without `/v1/traces`. */
  readonly endpoint: string;
  /** Headers of requests to the collector. */
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** Share of the requests that are traced where their sender does not say, 0 to 1. */
  readonly share: number;
  readonly version: string;
  /** Told when spans cannot be delivered; they are lost then. */
  readonly onLoss: (error: unknown) => void;
}

/** Spans of requests and of what is done for them. Below the server nobody knows of it: see `InStage`. */
export interface Tracing {
  readonly aroundRequest: AroundRequest;
  readonly onRequest: OnRequest;
  readonly inStage: InStage<string>;
  readonly onStatement: OnStatement;
  readonly onCommand: OnCommand;
  /** Delivers what is left; false where that takes more than two seconds, and goes on. */
  close(): Promise<boolean>;
}

/** What is under way in an asynchronous context. */
interface Scope {
  /** Holds the span. */
  readonly context: Context;
  /** What is added to the monotonic clock for the time of day: one and the same for all spans of a request. */
  readonly clock: number;
}

const CLOSE_MS = 2_000;

/** Begins to trace. Of what a request is about, spans hold the kinds of things and never their names or values. */
export function createTracing(options: TracingOptions): Tracing {
  const provider = createProvider(options);
  return {
    ...traceWith(provider.getTracer("ramgate", options.version)),
    close() {
      const delivered = provider.shutdown().catch(options.onLoss);
      return Promise.race([delivered.then(() => true), sleep(CLOSE_MS, false, { ref: false })]);
    },
  };
}

function createProvider({ endpoint, headers, serviceName, share, version, onLoss }: TracingOptions): TracerProvider {
  setGlobalErrorHandler(onLoss);
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, "")}/v1/traces`, headers: { ...headers } });
  const known = resourceFromAttributes({ "service.name": serviceName, "service.version": version });
  return new TracerProvider({
    resource: known.merge(detectResources({ detectors: [envDetector] })),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) }),
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: 16_384, maxExportBatchSize: 2_048 })],
  });
}

function traceWith(tracer: Tracer): Omit<Tracing, "close"> {
  const current = new AsyncLocalStorage<Scope>();
  const requests = new WeakMap<RequestNotes, readonly [Span, Scope]>();
  const leaf = (name: string, attributes: Attributes, seconds: number, failed: boolean) => {
    const scope = current.getStore();
    if (scope === undefined) return;
    const end = now(scope);
    const options = { kind: SpanKind.CLIENT, attributes, startTime: end - seconds * 1_000 };
    endSpan(tracer.startSpan(name, options, scope.context), end, failed);
  };
  return {
    aroundRequest(request, notes, work) {
      const clock = Date.now() - performance.now();
      const span = tracer.startSpan(`${notes.method} /graphql`, requestOptions(notes, clock), parentOf(request));
      const scope = { context: trace.setSpan(ROOT_CONTEXT, span), clock };
      requests.set(notes, [span, scope]);
      notes.traceId = span.spanContext().traceId;
      if (span.isRecording()) current.run(scope, work);
      else work();
    },
    onRequest(notes, response) {
      const [span, scope] = requests.get(notes) ?? [];
      if (span === undefined || scope === undefined) return;
      span.setAttributes(resultAttributes(notes, response));
      endSpan(span, now(scope), response.status >= 500);
    },
    inStage: stagesOf(tracer, current),
    onStatement: (kind, seconds) => leaf(`SQL ${kind}`, { "db.system.name": "postgresql" }, seconds, false),
    onCommand: (command, seconds, succeeded) =>
      leaf(`redis ${command}`, { "db.system.name": "redis" }, seconds, !succeeded),
  };
}

/** The trace that the sender is in, as W3C Trace Context says it. */
function parentOf({ headers }: IncomingMessage): Context {
  return new W3CTraceContextPropagator().extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
}

const now = ({ clock }: Scope) => clock + performance.now();

function endSpan(span: Span, time: number, failed: boolean): void {
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR }); // without a message: it may hold what it is about
  span.end(time);
}

function requestOptions({ method, began, requestId }: RequestNotes, clock: number) {
  const attributes = { "http.request.method": method, "http.route": "/graphql", "ramgate.request_id": requestId };
  return { kind: SpanKind.SERVER, attributes, startTime: clock + began };
}

function resultAttributes(notes: RequestNotes, { status, aborted }: ResponseFacts): Attributes {
  const { operationType, operationName, outcome, caller } = notes;
  return {
    "http.response.status_code": status,
    ...(operationType === "none" ? {} : { "graphql.operation.type": operationType }),
    ...(operationName === null ? {} : { "graphql.operation.name": operationName }),
    ...(outcome === null ? {} : { "ramgate.outcome": outcome }),
    ...(caller === null ? {} : { "ramgate.caller": caller.kind }),
    ...(aborted ? { "ramgate.aborted": true } : {}),
  };
}

function stagesOf(tracer: Tracer, current: AsyncLocalStorage<Scope>): InStage<string> {
  return (stage, work) =>
    (...args) => {
      const scope = current.getStore();
      if (scope === undefined) return work(...args);
      const span = tracer.startSpan(stage, { startTime: now(scope) }, scope.context);
      const inside = { ...scope, context: trace.setSpan(scope.context, span) };
      return whenDone(
        () => current.run(inside, work, ...args),
        (failed) => endSpan(span, now(scope), failed),
      );
    };
}

function whenDone<T>(work: () => T, done: (failed: boolean) => void): T {
  let result: T;
  try {
    result = work();
  } catch (error) {
    done(true);
    throw error;
  }
  if (!(result instanceof Promise)) done(false);
  else
    result.then(
      () => done(false),
      () => done(true),
    );
  return result;
}
