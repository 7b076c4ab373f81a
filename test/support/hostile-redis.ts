import { randomBytes } from "node:crypto";
import { createServer, type Socket } from "node:net";

/** What can come back for a key that was stored. */
export const LIES = [
  "the truth",
  "an old value of the key",
  "another key's value",
  "random bytes",
  "a truncated value",
  "a changed bit",
  "a number",
  "a list",
  "an error",
  "10 MB",
  "half a reply",
  "nothing",
] as const;
export type Lie = (typeof LIES)[number];

/** Speaks the protocol of Redis, remembers all it was ever given, and answers GET as it likes. */
export interface HostileRedis {
  readonly url: string;
  /** How often it told what. */
  readonly told: ReadonlyMap<Lie, number>;
  /** How often it told anything. */
  count(): number;
  close(): Promise<void>;
}

type Random = () => number;

interface Memory {
  readonly values: Map<string, Buffer[]>;
  readonly all: Buffer[];
  readonly told: Map<Lie, number>;
  readonly random: Random;
}

const MEMORY_LIMIT = 5_000;

export async function startHostileRedis(random: Random): Promise<HostileRedis> {
  const memory: Memory = { values: new Map(), all: [], told: new Map(), random };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    readCommands(socket, (command) => answer(socket, command, memory));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `redis://127.0.0.1:${port}`,
    told: memory.told,
    count: () => countOf(memory),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Commands come as lists of binary strings. */
function readCommands(socket: Socket, run: (command: Buffer[]) => void): void {
  let pending = Buffer.alloc(0);
  socket.on("data", (data) => {
    pending = Buffer.concat([pending, data]);
    for (let parsed = parseCommand(pending); parsed !== null; parsed = parseCommand(pending)) {
      pending = pending.subarray(parsed.length);
      run(parsed.command);
    }
  });
}

function parseCommand(data: Buffer): { command: Buffer[]; length: number } | null {
  const head = lineAt(data, 0);
  if (head === null) return null;
  const command: Buffer[] = [];
  let at = head.next;
  for (let left = Number(head.text.slice(1)); left > 0; left -= 1) {
    const size = lineAt(data, at);
    if (size === null) return null;
    const end = size.next + Number(size.text.slice(1));
    if (data.length < end + 2) return null;
    command.push(data.subarray(size.next, end));
    at = end + 2;
  }
  return { command, length: at };
}

function lineAt(data: Buffer, start: number): { text: string; next: number } | null {
  const end = data.indexOf("\r\n", start);
  return end < 0 ? null : { text: data.toString("latin1", start, end), next: end + 2 };
}

const bulk = (value: Buffer) => Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from("\r\n")]);

const BIG_REPLY = bulk(randomBytes(10 * 1024 * 1024));

function answer(
  socket: Socket,
  [name, key = Buffer.alloc(0), value = Buffer.alloc(0)]: Buffer[],
  memory: Memory,
): void {
  const command = name?.toString().toUpperCase();
  if (command === "GET") sendLie(socket, key.toString(), memory);
  else if (command === "INFO") socket.write(bulk(Buffer.from("redis_version:7.0.15\r\nloading:0\r\n")));
  else if (command === "HELLO") socket.write("-ERR unknown command 'HELLO'\r\n");
  else if (command === "SUBSCRIBE") socket.write(`*3\r\n$9\r\nsubscribe\r\n$${key.length}\r\n${key}\r\n:1\r\n`);
  else {
    if (command === "SET") remember(memory, key.toString(), Buffer.from(value));
    socket.write("+OK\r\n");
  }
}

function remember({ values, all, random }: Memory, key: string, value: Buffer): void {
  const history = values.get(key) ?? [];
  values.set(key, [...history, value]);
  if (all.length < MEMORY_LIMIT) all.push(value);
  else all[Math.floor(random() * MEMORY_LIMIT)] = value;
}

/** The rare ones are dear: a big value takes long to send, half a reply costs the connection. */
const RARE: readonly (readonly [Lie, number])[] = [
  ["half a reply", 250],
  ["10 MB", 200],
];
const CHEAP = LIES.filter((lie) => !RARE.some(([rare]) => rare === lie));

function countOf({ told }: Memory): number {
  return [...told.values()].reduce((sum, count) => sum + count, 0);
}

function chooseLie(memory: Memory): Lie {
  const { random } = memory;
  const before = countOf(memory);
  const rare = RARE.find(([, each]) => before % each === each / 2);
  return rare?.[0] ?? CHEAP[Math.floor(random() * CHEAP.length)] ?? "nothing";
}

function sendLie(socket: Socket, key: string, memory: Memory): void {
  const history = memory.values.get(key) ?? [];
  const anything = memory.all[Math.floor(memory.random() * memory.all.length)];
  const known = history.at(-1) ?? anything;
  const lie = chooseLie(memory);
  memory.told.set(lie, (memory.told.get(lie) ?? 0) + 1);
  if (lie === "half a reply" && known) {
    socket.write(bulk(known).subarray(0, known.length / 2));
    setTimeout(() => socket.destroy(), memory.random() * 200);
    return;
  }
  socket.write(replyOf(lie, { history, known, anything, random: memory.random }));
}

interface Material {
  readonly history: readonly Buffer[];
  readonly known: Buffer | undefined;
  readonly anything: Buffer | undefined;
  readonly random: Random;
}

function replyOf(lie: Lie, { history, known, anything, random }: Material): Buffer {
  const nothing = Buffer.from("$-1\r\n");
  switch (lie) {
    case "the truth":
      return history.length === 0 || known === undefined ? nothing : bulk(known);
    case "an old value of the key":
      return history.length === 0 || known === undefined
        ? nothing
        : bulk(history[Math.floor(random() * history.length)] ?? known);
    case "another key's value":
      return anything === undefined ? nothing : bulk(anything);
    case "random bytes":
      return bulk(randomBytes(Math.floor(random() * 2_000)));
    case "a truncated value":
      return known === undefined ? nothing : bulk(known.subarray(0, Math.floor(random() * known.length)));
    case "a changed bit":
      return known === undefined ? nothing : bulk(withChangedBit(known, random));
    case "a number":
      return Buffer.from(":42\r\n");
    case "a list":
      return Buffer.concat([Buffer.from("*2\r\n"), bulk(known ?? Buffer.from("x")), Buffer.from(":1\r\n")]);
    case "an error":
      return Buffer.from("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    case "10 MB":
      return BIG_REPLY;
    default:
      return nothing;
  }
}

function withChangedBit(value: Buffer, random: Random): Buffer {
  const changed = Buffer.from(value);
  const at = Math.floor(random() * value.length);
  changed[at] = (changed[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  return changed;
}
