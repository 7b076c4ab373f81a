import { randomBytes } from "node:crypto";
import type { CompileDocument } from "../../src/store/compiled-policies.js";

type Row = Readonly<Record<string, unknown>>;

/** All that the way to a decision calls that is not its own. What they give back is whatever a fault makes of it. */
export interface Seams {
  readRevisions(): unknown;
  loadInput(): unknown;
  getMany(keys: readonly string[]): unknown;
  set(key: string, value: Buffer, ttl: number): void;
  delete(key: string): void;
  compile(...args: Parameters<CompileDocument>): unknown;
  issue(): unknown;
  readToken(): unknown;
  monotonic(): unknown;
  wall(): unknown;
  alarm(message: string): void;
}

/**
 * What may come of it: the truth nevertheless, less than the truth (what nobody can read permits nothing), an error, or
 * the one that says that the database cannot be asked.
 */
export type Allowed = "truth" | "less" | "error" | "unavailable";

/** Something that goes wrong in one place. */
export interface Fault {
  readonly point: string;
  readonly how: string;
  /** Only where its place is passed: `token` with a token, `bounded` where an older state is permitted. */
  readonly only?: "token" | "bounded";
  readonly allowed: readonly Allowed[];
  /** There is nothing but waiting until a time limit is over. */
  readonly hangs?: boolean;
  rig(seams: Seams): Partial<Seams>;
}

const fail = (error: unknown) => (): never => {
  throw error;
};
const hang = () => new Promise<never>(() => {});
const coded = (code: string) => Object.assign(new Error("broken"), { code });

/** Every way in which a call may fail. */
const FAILURES: readonly (readonly [how: string, call: () => unknown])[] = [
  ["throws", fail(new Error("broken"))],
  ["throws nothing at all", fail(undefined)],
  ["rejects", () => Promise.reject(new Error("broken"))],
  ["rejects: connection lost", () => Promise.reject(coded("ECONNRESET"))],
  ["rejects: statement time-out", () => Promise.reject(coded("57014"))],
  ["rejects with a text", () => Promise.reject("broken")],
  ["rejects with nothing", () => Promise.reject(null)],
];

/** Values of every type; none is what anybody asked for. */
const GARBAGE: readonly unknown[] = [
  ...[undefined, null, true, 1.5, 7, Number.NaN, Number.POSITIVE_INFINITY, "", "ALLOW", "2040-01-01T00:00:00Z"],
  ...[[1], [[]], {}, { rev: 1 }, new Date(), () => "ALLOW", Symbol("ALLOW"), 1n],
];

type Kind = "null" | "whole" | "text" | "list" | "other";

function kindOf(value: unknown): Kind {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  if (typeof value === "string") return "text";
  return Number.isSafeInteger(value) ? "whole" : "other";
}

const shown = (value: unknown): string =>
  typeof value === "string" || Array.isArray(value) ? JSON.stringify(value) : String(value);

/** Columns of list columns that may be null, with what they hold else. */
const NULLABLE: Readonly<Record<string, Readonly<Record<number, Kind>>>> = {
  attachments: { 4: "text", 5: "whole", 6: "whole" },
  policies: { 1: "text", 5: "whole", 6: "text" },
  resources: { 2: "text", 3: "text", 4: "text" },
  sessions: { 3: "whole", 4: "text" },
};
const ENUMERATED: Readonly<Record<string, number>> = { principals: 2, policies: 4, resources: 1 };

type Path = readonly (string | number)[];

/** Every place in a row: columns, their entries, what is in these. */
function placesOf(value: unknown, path: Path = []): Path[] {
  const inner = Array.isArray(value)
    ? value.flatMap((each, index) => placesOf(each, [...path, index]))
    : path.length === 0
      ? Object.entries(value as Row).flatMap(([column, each]) => placesOf(each, [column]))
      : [];
  return path.length === 0 ? inner : [path, ...inner];
}

function at(row: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => (value as Row)?.[step as string], row);
}

/** A copy of the row in which something else stands in a place. */
function withAt(row: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof row !== "object" || row === null) return row;
  const copy = (Array.isArray(row) ? [...row] : { ...row }) as Record<string | number, unknown>;
  copy[step] = withAt(copy[step], rest, value);
  return copy;
}

function garbageFor(row: Row, path: Path): unknown[] {
  const old = at(row, path);
  const [column, , index] = path;
  const nullable = path.length === 3 ? NULLABLE[String(column)]?.[Number(index)] : undefined;
  const legal = new Set<Kind>(nullable === undefined ? [kindOf(old)] : ["null", nullable]);
  const enumerated = path.length === 3 && ENUMERATED[String(column)] === index;
  const wrong = GARBAGE.filter((value) => Array.isArray(old) || enumerated || !legal.has(kindOf(value)));
  return Array.isArray(old) && path.length % 2 === 0
    ? [...wrong, [], old.slice(1), old.slice(0, -1), [...old, old[0]]]
    : wrong;
}

/** What may go wrong in the answer to a statement: with all of it, with its row, with each value in the row. */
function faultsOfStatement(point: "readRevisions" | "loadInput", row: Row): Fault[] {
  const fault = (how: string, call: (seams: Seams) => unknown, allowed: Allowed): Fault => ({
    point,
    how,
    allowed: [allowed],
    rig: (seams) => ({ [point]: () => call(seams) }),
  });
  const certain = point === "readRevisions" ? "unavailable" : "error";
  const changed = (how: string, change: (row: unknown) => unknown, allowed: Allowed = "unavailable") =>
    fault(how, async (seams) => ({ rows: [change(await rowOf(seams[point]()))] }), allowed);
  return [
    ...FAILURES.map(([how, call]) => fault(how, call, certain)),
    { ...fault("never answers", hang, "unavailable"), hangs: true },
    ...GARBAGE.map((value) => fault(`gives ${shown(value)}`, () => value, certain)),
    ...GARBAGE.map((value) => fault(`gives rows ${shown(value)}`, async () => ({ rows: value }), certain)),
    fault("gives no row", async () => ({ rows: [] }), "unavailable"),
    ...GARBAGE.map((value) => changed(`row ${shown(value)}`, () => value)),
    ...Object.keys(row).map((column) => changed(`without ${column}`, (old) => withAt(old, [column], undefined))),
    ...["t", true, 1].map((value) => changed(`standby ${value}`, (old) => withAt(old, ["standby"], value))),
    changed("revisions without `glob`", (old) => withAt(old, ["revisions"], withoutGlob(at(old, ["revisions"])))),
    changed("no revisions", (old) => withAt(old, ["revisions"], [])),
    ...(lengthOf(row, "policies") > 0 ? [changed("no policies", (old) => withAt(old, ["policies"], []), "error")] : []),
    ...placesOf(row).flatMap((path) =>
      garbageFor(row, path).map((value) =>
        changed(`${path.join(".")} = ${shown(value)}`, (old) => withAt(old, path, value)),
      ),
    ),
  ];
}

async function rowOf(result: unknown): Promise<unknown> {
  const { rows } = (await result) as { rows: readonly unknown[] };
  return rows[0];
}

const withoutGlob = (revisions: unknown): unknown =>
  Array.isArray(revisions) ? revisions.filter((revision: unknown) => (revision as string[])[0] !== "glob") : revisions;

const BYTES: readonly unknown[] = [
  ...[Buffer.alloc(0), Buffer.alloc(31), Buffer.alloc(32), Buffer.alloc(33), Buffer.alloc(5_000_000), randomBytes(700)],
  ...[new Uint8Array(64), new ArrayBuffer(64), Buffer.from('{"outcome":"ALLOW"}')],
];

/** What may go wrong with the cache. `sealed`: everything that was ever kept in it. */
function faultsOfCache(sealed: () => readonly Buffer[]): Fault[] {
  const read = (how: string, call: (keys: readonly string[]) => unknown): Fault => ({
    point: "getMany",
    how,
    allowed: ["truth", "error"],
    rig: () => ({ getMany: call }),
  });
  const each = (how: string, value: (key: string) => unknown) => read(how, async (keys) => keys.map(value));
  const old = (how: string, change: (value: Buffer) => unknown) =>
    each(how, () => change(sealed()[0] ?? Buffer.alloc(0)));
  const write = (point: "set" | "delete", how: string, call: () => unknown): Fault => ({
    point,
    how,
    allowed: ["truth", "error"],
    rig: (seams) => ({ [point]: call, getMany: point === "delete" ? async () => [randomBytes(64)] : seams.getMany }),
  });
  return [
    ...FAILURES.map(([how, call]) => read(how, call)),
    { ...read("never answers", hang), hangs: true },
    ...GARBAGE.map((value) => read(`gives ${shown(value)}`, () => value)),
    ...GARBAGE.map((value) => read(`comes to ${shown(value)}`, async () => value)),
    ...[...GARBAGE, ...BYTES].map((value, index) => each(`value ${index} of garbage`, () => value)),
    read("gives too few", async () => []),
    read("gives too many", async (keys) => [...keys, ...keys].map(() => sealed()[0] ?? null)),
    old("gives what was kept for another key", (value) => value),
    old("cut short", (value) => value.subarray(0, -1)),
    old("cut in front", (value) => value.subarray(1)),
    old("twice", (value) => Buffer.concat([value, value])),
    old("a bit flipped", (value) => withAt([...value], [5], (value[5] ?? 0) ^ 1)),
    old("as text", (value) => value.toString("latin1")),
    old("without the seal", (value) => value.subarray(32)),
    old("under a seal of nothing", (value) => Buffer.concat([Buffer.alloc(32), value.subarray(32)])),
    ...FAILURES.slice(0, 2).flatMap(([how, call]) => [write("set", how, call), write("delete", how, call)]),
  ];
}

/** What may go wrong with the compiler: what it cannot read must permit nothing. */
function faultsOfCompiler(): Fault[] {
  const fault = (how: string, compile: Seams["compile"], allowed: readonly Allowed[] = ["error"]): Fault => ({
    point: "compile",
    how,
    allowed,
    rig: () => ({ compile }),
  });
  const trap = new Proxy({}, { get: fail(new Error("touched")), has: fail(new Error("touched")) });
  return [
    ...FAILURES.slice(0, 2).map(([how, call]) => fault(how, call)),
    fault("reads nothing", () => null, ["less"]),
    fault("gives what throws when it is touched", () => trap, ["error", "truth"]),
    ...GARBAGE.slice(2).map((value) => fault(`gives ${shown(value)}`, () => value, ["error", "less"])),
    ...[
      "",
      "{",
      "null",
      '{"Version":"1"}',
      "\0",
      "[".repeat(100_000),
      '{"Version":"1","Statement":[{"Effect":"Allow"}]}',
    ].map(
      (text): Fault => ({
        point: "compile",
        how: `is given ${text.slice(0, 20)}`,
        allowed: ["less"],
        rig: ({ compile }) => ({ compile: (_text, kind) => compile(text, kind) }),
      }),
    ),
  ];
}

/** What may go wrong with tokens. */
function faultsOfTokens(): Fault[] {
  const fault = (point: "issue" | "readToken", how: string, call: () => unknown): Fault => ({
    point,
    how,
    allowed: ["error"],
    ...(point === "readToken" && { only: "token" }),
    rig: () => ({ [point]: call }),
  });
  const floor = (how: string, revisions: unknown) => fault("readToken", how, () => ({ revisions }));
  return [
    ...FAILURES.slice(0, 2).flatMap(([how, call]) => [fault("issue", how, call), fault("readToken", how, call)]),
    ...[undefined, null].map((value) => fault("readToken", `gives ${shown(value)}`, () => value)),
    ...[undefined, null, 7, {}].map((value) => floor(`gives revisions ${shown(value)}`, value)),
    ...[Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, "x"].map((rev) =>
      floor(`gives the revision ${rev}`, new Map([["glob", rev]])),
    ),
  ];
}

/** What may go wrong with the clocks. That both stand still together is nothing that anybody could notice. */
function faultsOfClocks(): Fault[] {
  const clock = (how: string, rig: Fault["rig"]): Fault => ({
    point: "clocks",
    how,
    only: "bounded",
    allowed: ["truth", "error"],
    rig,
  });
  const odd = [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, undefined, "now", {}];
  return [
    ...[1, 5_000, 20_000, 1e12].map((back) =>
      clock(`both go back ${back} ms from what they were`, ({ monotonic, wall }) => ({
        monotonic: () => earlier(monotonic()) - back,
        wall: () => earlier(wall()) - back,
      })),
    ),
    clock("the monotonic one stands still", ({ monotonic }) => ({ monotonic: () => earlier(monotonic()) })),
    clock("the wall clock stands still", ({ wall }) => ({ wall: () => earlier(wall()) })),
    clock("the wall clock fails", () => ({ wall: fail(new Error("broken")) })),
    ...odd.flatMap((value) => [
      clock(`the monotonic one says ${shown(value)}`, () => ({ monotonic: () => value })),
      clock(`the wall clock says ${shown(value)}`, () => ({ wall: () => value })),
      clock(`both say ${shown(value)}`, () => ({ monotonic: () => value, wall: () => value })),
    ]),
  ];
}

/** How many milliseconds after the answer that is not true any more the question comes again. */
export const PASSED = 10_000;

const earlier = (clock: unknown): number => (clock as number) - PASSED;

function faultsOfAlarm(): Fault[] {
  return FAILURES.slice(0, 2).map(([how, call]) => ({
    point: "alarm",
    how,
    allowed: ["truth", "error"],
    rig: () => ({ alarm: call, getMany: async () => [randomBytes(64)] }),
  }));
}

/** Everything that may go wrong on the way to the answer whose statements give these rows. */
export function faultsOf(
  rows: { readonly revisions: Row; readonly input: Row },
  sealed: () => readonly Buffer[],
): Fault[] {
  return [
    ...faultsOfStatement("readRevisions", rows.revisions),
    ...faultsOfStatement("loadInput", rows.input),
    ...faultsOfCache(sealed),
    ...(hasDocuments(rows.input) ? faultsOfCompiler() : []),
    ...faultsOfTokens(),
    ...faultsOfClocks(),
    ...faultsOfAlarm(),
  ];
}

function hasDocuments(input: Row): boolean {
  return lengthOf(input, "policies") + lengthOf(input, "roles") > 0;
}

function lengthOf(row: Row, column: string): number {
  const list = row[column];
  return Array.isArray(list) ? list.length : 0;
}
