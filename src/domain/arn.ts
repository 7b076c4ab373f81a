import { InvalidInputError } from "./errors.js";
import { HARD_LIMITS } from "./limits.js";
import { foldCase } from "./wildcard.js";

/** A resource name `acs:<service>:<region>:<account>:<relative id>`, or `*` for actions without a resource. */
export interface Arn {
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
export const NO_RESOURCE: Arn = { service: "", region: "", account: "", relativeId: "", text: "*" };

/**
 * Reads the ARN of a request. A `*` in it is plain text, never a wildcard.
 * @throws InvalidInputError when `text` is not a well-formed ARN
 */
export function parseArn(text: string): Arn {
  if (text === "*") return NO_RESOURCE;
  const [, service = "", region = "", account = "", relativeId = ""] = shapeOf(text);
  const folded = foldCase(service);
  const canonical = folded === service ? text : `acs:${folded}:${region}:${account}:${relativeId}`;
  return { service: folded, region, account, relativeId, text: canonical };
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
