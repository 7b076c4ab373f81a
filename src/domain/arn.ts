import { InvalidInputError } from "./errors.js";
import { HARD_LIMITS } from "./limits.js";
import { foldCase } from "./wildcard.js";

/** What the first four colons of an ARN, or of a pattern for ARNs, part. */
export interface ArnSegments {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
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
}

const ARN_SHAPE = /^acs:([A-Za-z0-9-]+):([A-Za-z0-9-]*|\*):(\d{1,32}|\*|system|):(.+)$/s;
const PLAIN = /^[\x21-\x7e]*$/;
const FORBIDDEN_CHARACTER = /[\s\p{Cc}\p{Cf}\p{Cs}]/u;

/** The ARN of requests for actions that name no resource. */
export const NO_RESOURCE: Arn = { partition: "", service: "", region: "", account: "", relativeId: "", text: "*" };

/**
 * Reads the ARN of a request. A `*` in it is plain text, never a wildcard.
 * @throws InvalidInputError when `text` is not a well-formed ARN
 */
export function parseArn(text: string): Arn {
  if (text === "*") return NO_RESOURCE;
  return readPlain(text) ?? readAny(text);
}

const COLON = 58;

/** The usual ARN, without regular expressions, which would take longer than the rest of a decision; null for others. */
function readPlain(text: string): Arn | null {
  if (text.length > HARD_LIMITS.arnLength || !text.startsWith("acs:")) return null;
  const service = endOf(text, 4, isLowerCase);
  const region = endOf(text, service + 1, isRegionCharacter);
  const account = endOf(text, region + 1, isDigit);
  if (service < 5 || region < 0 || account < 0 || account - region > 33 || account + 1 === text.length) return null;
  for (let at = account + 1; at < text.length; at++) if (!isPrintable(text.charCodeAt(at))) return null;
  return {
    partition: "acs",
    service: text.slice(4, service),
    region: text.slice(service + 1, region),
    account: text.slice(region + 1, account),
    relativeId: text.slice(account + 1),
    text,
  };
}

/** Where the segment ends that begins at `start` and holds only what `accepts` says; -1 when there is none. */
function endOf(text: string, start: number, accepts: (code: number) => boolean): number {
  if (start === 0) return -1;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COLON) return at;
    if (!accepts(code)) return -1;
  }
  return -1;
}

const isLowerCase = (code: number): boolean => code >= 97 && code <= 122;
const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isRegionCharacter = (code: number): boolean => isLowerCase(code) || isDigit(code) || code === 45;
const isPrintable = (code: number): boolean => code > 32 && code < 127;

function readAny(text: string): Arn {
  const [, service = "", region = "", account = "", relativeId = ""] = shapeOf(text);
  const folded = foldCase(service);
  const canonical = folded === service ? text : `acs:${folded}:${region}:${account}:${relativeId}`;
  return { partition: "acs", service: folded, region, account, relativeId, text: canonical };
}

function shapeOf(text: string): RegExpExecArray {
  const shape = text.length > HARD_LIMITS.arnLength ? null : ARN_SHAPE.exec(text);
  if (shape === null || (!PLAIN.test(text) && FORBIDDEN_CHARACTER.test(text))) {
    throw new InvalidInputError(`\`${excerpt(text)}\` is not a valid arn: ${arnProblem(text)}`);
  }
  return shape;
}

/** Renders user input for a message: short, on one line. */
export function excerpt(text: string): string {
  const printable = text.slice(0, 120).replace(/[\p{Cc}\p{Cf}\p{Cs}`]/gu, "\ufffd");
  return text.length > 120 ? `${printable}…` : printable;
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
