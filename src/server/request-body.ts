import type { IncomingMessage } from "node:http";
import type { Interrupt } from "./deadline.js";
import { malformed, Refusal } from "./refusal.js";

/**
 * Reads a body, counting what really comes: `content-length` may say anything.
 *
 * @param limit most bytes
 * @throws Refusal with status 413 as soon as there are more, with 400 when the sender goes before the end; the reason of `deadline` when it comes first
 */
export async function readBody(request: IncomingMessage, limit: number, deadline: Interrupt): Promise<Buffer> {
  if (request.complete && request.readableLength <= limit) return (request.read() as Buffer | null) ?? NOTHING;
  const pieces: Buffer[] = [];
  await count(request, limit, deadline, (piece) => pieces.push(piece));
  return Buffer.concat(pieces);
}

const NOTHING = Buffer.alloc(0);

/** Like {@link readBody}, but keeps nothing. */
export function discardBody(request: IncomingMessage, limit: number, deadline: Interrupt): Promise<void> {
  return count(request, limit, deadline, () => {});
}

function count(
  request: IncomingMessage,
  limit: number,
  deadline: Interrupt,
  take: (piece: Buffer) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    const end = (settle: () => void) => {
      for (const [event, listener] of Object.entries(listeners)) request.off(event, listener);
      deadline.remove(abort);
      settle();
    };
    const abort = (reason: Error) => end(() => reject(reason));
    const listeners = {
      data: (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > limit) end(() => reject(tooLarge(limit)));
        else take(piece);
      },
      end: () => end(resolve),
      error: () => end(() => reject(incomplete())),
      close: () => end(() => reject(incomplete())),
    };
    if (deadline.reason !== null) return reject(deadline.reason);
    if (request.readableEnded) return resolve();
    deadline.add(abort);
    for (const [event, listener] of Object.entries(listeners)) request.on(event, listener);
  });
}

/** The sender has gone; nobody will read this. */
function incomplete(): Refusal {
  return malformed(400, "the body did not arrive whole");
}

function tooLarge(limit: number): Refusal {
  return new Refusal(`the body has more than ${limit} bytes`, {
    status: 413,
    code: "COST_LIMIT_EXCEEDED",
    extensions: { exceeded: "body", limit },
  });
}
