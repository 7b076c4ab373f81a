import { InvalidInputError } from "./errors.js";
import { HARD_LIMITS } from "./limits.js";
import { foldCase } from "./wildcard.js";

/** Whose resource it is: what comes before the last of the first four colons of an ARN, or of a pattern for ARNs. */
export interface ArnOwner {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
}

/** What the first four colons of an ARN, or of a pattern for ARNs, part. */
export interface ArnSegments extends ArnOwner {
  readonly relativeId: string;
}

/** A resource name `acs:<service>:<region>:<account>:<relative id>`, or `*` for actions without a resource. */
export interface Arn extends ArnSegments {
  /** `acs`; empty for `*`. */
  readonly partition: string;
  /** Lower case; empty for `*`. */
  readonly service: string;
  /** May be empty or `*`. */
  readonly region: string;
  /** Digits, empty, `*`, or `system` (RAM's system policies). */
  readonly account: string;
  readonly relativeId: string;
  /** The whole ARN with the service code in lower case; what the store finds resources by. */
  readonly text: string;
  /** Mostly the same object for the same owner. */
  readonly owner: ArnOwner;
  /** There is nothing in it that folding could change. */
  readonly isFolded: boolean;
}

/** An ARN that has been read. Most questions are about few owners, so that owners are shared. */
class ReadArn implements Arn {
  readonly owner: ArnOwner;
  readonly relativeId: string;
  readonly text: string;
  readonly isFolded: boolean;

  constructor(owner: ArnOwner, relativeId: string, text: string, isFolded: boolean) {
    this.owner = owner;
    this.relativeId = relativeId;
    this.text = text;
    this.isFolded = isFolded;
  }

  get partition(): string {
    return this.owner.partition;
  }

  get service(): string {
    return this.owner.service;
  }

  get region(): string {
    return this.owner.region;
  }

  get account(): string {
    return this.owner.account;
  }
}

/** More are read anew when they come back. */
const MOST_OWNERS = 1_000;
/** By what their ARNs start with, the fourth colon included; well formed, in lower case. */
const OWNERS = new Map<string, ArnOwner>();
/** The owner that was asked about last, and with it most likely the next one. */
let latest: { readonly start: string; readonly owner: ArnOwner } | null = null;

const ARN_SHAPE = /^acs:([A-Za-z0-9-]+):([A-Za-z0-9-]*|\*):(\d{1,32}|\*|system|):(.+)$/s;
const PLAIN = /^[\x21-\x7e]*$/;
const FORBIDDEN_CHARACTER = /[\s\p{Cc}\p{Cf}\p{Cs}]/u;

/** The ARN of requests for actions that name no resource. */
export const NO_RESOURCE: Arn = new ReadArn({ partition: "", service: "", region: "", account: "" }, "", "*", true);

/**
 * Reads the ARN of a request. A `*` in it is plain text, never a wildcard.
 * @throws InvalidInputError when `text` is not a well-formed ARN
 */
export function parseArn(text: string): Arn {
  if (text === "*") return NO_RESOURCE;
  return readPlain(text) ?? readAny(text);
}

const COLON = 58;

/** What an ASCII character may be part of. */
const SERVICE = 1;
const REGION = 2;
const ACCOUNT = 4;
const RELATIVE_ID = 8;
const UPPER_CASE = 16;
const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (/[0-9]/.test(character)) return REGION | ACCOUNT | RELATIVE_ID;
  if (/[a-z]/.test(character)) return SERVICE | REGION | RELATIVE_ID;
  if (/[A-Z]/.test(character)) return RELATIVE_ID | UPPER_CASE;
  if (character === "-") return REGION | RELATIVE_ID;
  return code > 32 && code < 127 ? RELATIVE_ID : 0;
});

/** The usual ARN, without regular expressions, which would take longer than the rest of a decision; null for others. */
function readPlain(text: string): Arn | null {
  if (text.length > HARD_LIMITS.arnLength) return null;
  if (latest === null || text.slice(0, latest.start.length) !== latest.start) latest = readStart(text); // startsWith is slow
  if (latest === null || latest.start.length === text.length) return null;
  const { start, owner } = latest;
  let [all, any] = [RELATIVE_ID, 0];
  for (let at = start.length; at < text.length; at++) {
    const kind = KINDS[text.charCodeAt(at)] ?? 0;
    all &= kind;
    any |= kind;
  }
  return all === 0 ? null : new ReadArn(owner, text.slice(start.length), text, (any & UPPER_CASE) === 0);
}

function readStart(text: string): typeof latest {
  let end = 0;
  for (let colons = 0; colons < 4; colons++) {
    end = text.indexOf(":", end) + 1;
    if (end === 0) return null;
  }
  const start = text.slice(0, end);
  const owner = OWNERS.get(start) ?? readOwner(start);
  return owner === null ? null : { start, owner };
}

/** Null unless it is well formed and in lower case. */
function readOwner(start: string): ArnOwner | null {
  if (!start.startsWith("acs:")) return null;
  const service = endOf(start, 4, SERVICE);
  const region = endOf(start, service + 1, REGION);
  const account = endOf(start, region + 1, ACCOUNT);
  if (service < 5 || region < 0 || account < 0 || account - region > 33) return null;
  const owner = {
    partition: "acs",
    service: start.slice(4, service),
    region: start.slice(service + 1, region),
    account: start.slice(region + 1, account),
  };
  if (OWNERS.size >= MOST_OWNERS) OWNERS.clear();
  OWNERS.set(start, owner);
  return owner;
}

/** Where the segment ends that begins at `start` and holds characters of one kind only; -1 when there is none. */
function endOf(text: string, start: number, kind: number): number {
  if (start === 0) return -1;
  let at = start;
  while (((KINDS[text.charCodeAt(at)] ?? 0) & kind) !== 0) at++;
  return text.charCodeAt(at) === COLON ? at : -1;
}

function readAny(text: string): Arn {
  const [, service = "", region = "", account = "", relativeId = ""] = shapeOf(text);
  const folded = foldCase(service);
  const canonical = folded === service ? text : `acs:${folded}:${region}:${account}:${relativeId}`;
  return new ReadArn({ partition: "acs", service: folded, region, account }, relativeId, canonical, false);
}

function shapeOf(text: string): RegExpExecArray {
  const shape = text.length > HARD_LIMITS.arnLength ? null : ARN_SHAPE.exec(text);
  if (shape === null || (!PLAIN.test(text) && FORBIDDEN_CHARACTER.test(text))) {
    throw new InvalidInputError(`\`${excerpt(text)}\` is not a valid arn: ${arnProblem(text)}`);
  }
  return shape;
}

const LONGEST_EXCERPT = 120;
const READABLE = /^[\x20-\x5f\x61-\x7e]*$/;

/** Renders user input for a message: short, on one line. */
export function excerpt(text: string): string {
  if (text.length <= LONGEST_EXCERPT && READABLE.test(text)) return text;
  const printable = text.slice(0, LONGEST_EXCERPT).replace(/[\p{Cc}\p{Cf}\p{Cs}`]/gu, "\ufffd");
  return text.length > LONGEST_EXCERPT ? `${printable}…` : printable;
}

function arnProblem(text: string): string {
  if (text.length > HARD_LIMITS.arnLength) return `it is longer than ${HARD_LIMITS.arnLength} characters`;
  if (FORBIDDEN_CHARACTER.test(text)) return "it holds white space or a control character";
  if (!text.startsWith("acs:")) return "it must start with `acs:`";
  if (text.split(":").length < 5) return "it needs the form `acs:<service>:<region>:<account>:<relative id>`";
  const [, service = "", region = "", account = ""] = text.split(":");
  if (!/^[A-Za-z0-9-]+$/.test(service)) return "the service must be letters, digits and `-`";
  if (!/^([A-Za-z0-9-]*|\*)$/.test(region)) return "the region must be letters, digits and `-`, empty or `*`";
  if (!/^(\d{1,32}|\*|system|)$/.test(account)) return "the account must be digits, empty or `*`";
  return "the relative id is empty";
}
