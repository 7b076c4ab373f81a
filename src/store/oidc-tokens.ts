import { createHash } from "node:crypto";
import { errors, type JWTPayload, jwtVerify } from "jose";
import { InvalidInputError } from "../domain/errors.js";
import { type JsonNode, readJsonText, UnreadableJson } from "../domain/policy/json-tree.js";
import { type PrincipalName, parsePrincipalArn } from "../domain/principal.js";
import { createIssuerKeys } from "./issuer-keys.js";
import type { Clocks } from "./known-revisions.js";
import { UnavailableError } from "./store-errors.js";

/** Signature algorithms that an issuer may use; none with a shared secret. */
export const TOKEN_ALGORITHMS = ["EdDSA", "ES256", "RS256"] as const;
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];

/** Whose tokens are taken, and whom they name. */
export interface OidcSettings {
  /** Where the issuer's public keys are, and nowhere else. */
  readonly jwksUrl: URL;
  /** `iss`, exactly. */
  readonly issuer: string;
  /** `aud`, or one of its values. */
  readonly audience: string;
  readonly algorithms: readonly TokenAlgorithm[];
  /** `typ` of the header, exactly; null: any. */
  readonly tokenType: string | null;
  /** Seconds since `iat` that a token is taken for, whatever its `exp`. */
  readonly maxAge: number;
  /** Seconds that the clocks of issuer and gateway may differ by. */
  readonly clockTolerance: number;
  /** ARN of the principal; `{claim}`, there once, stands for the value of that claim. */
  readonly principal: string;
}

/** A token that holds. */
export interface VerifiedToken {
  readonly principal: PrincipalName;
  /** Tells tokens apart: the first half of the SHA-256 of the whole text, hexadecimal. */
  readonly tokenId: string;
}

/**
 * Says whom a token names; null when it does not hold.
 *
 * @throws UnavailableError when the keys of the issuer cannot be had
 */
export type TokenVerifier = (token: string) => Promise<VerifiedToken | null>;

/** Longer ones are not read at all. */
export const MOST_TOKEN_BYTES = 8_192;

const TOKEN = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$/;
/** They name keys, or ask for rules that the gateway does not know. */
const REFUSED_HEADERS = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"];
const PLACEHOLDER = /\{([^{}]+)\}/;
/** What may stand for a placeholder that is a part of the ARN. */
const NAME = /^[A-Za-z0-9._@-]{1,64}$/;

/** Whether a text has the form of a signed token, which no API key and no session token has. */
export function looksLikeToken(text: string): boolean {
  return text.length <= MOST_TOKEN_BYTES && TOKEN.test(text);
}

/** The claim that a template of {@link OidcSettings.principal} takes; null when it takes none, or several. */
export function claimOf(template: string): string | null {
  const claim = PLACEHOLDER.exec(template)?.[1];
  return claim !== undefined && !PLACEHOLDER.test(template.replace(PLACEHOLDER, "")) ? claim : null;
}

/** What is wrong with a template of {@link OidcSettings.principal}; null: nothing. */
export function templateProblem(template: string): string | null {
  if (claimOf(template) === null) return "must hold the name of one claim in braces, such as `{sub}`";
  if (isWhole(template) || isArn(template.replace(PLACEHOLDER, "x"))) return null;
  return "must be `{<claim>}`, or the arn of a user or role with `{<claim>}` in it, such as `acs:ram::<account>:user/{sub}`";
}

function isWhole(template: string): boolean {
  return template.replace(PLACEHOLDER, "") === "";
}

function isArn(text: string): boolean {
  try {
    return canSignIn(parsePrincipalArn(text));
  } catch (error) {
    if (error instanceof InvalidInputError) return false;
    throw error;
  }
}

/** Sessions sign in with the token that `assumeRole` gave them, and a group is no one. */
function canSignIn({ kind }: PrincipalName): boolean {
  return kind === "USER" || kind === "ROLE" || kind === "ACCOUNT_OWNER";
}

/** Takes the tokens of one issuer, and no others. */
export function createTokenVerifier(settings: OidcSettings, clocks?: Clocks): TokenVerifier {
  const keys = createIssuerKeys(settings.jwksUrl, clocks);
  const { issuer, audience, maxAge, clockTolerance } = settings;
  const algorithms = [...settings.algorithms];
  const rules = { issuer, audience, algorithms, maxTokenAge: maxAge, clockTolerance, requiredClaims: ["exp", "iat"] };
  return async (token) => {
    if (!isAcceptable(token, settings)) return null;
    try {
      const { payload } = await jwtVerify(token, keys, rules);
      const principal = principalOf(payload, settings.principal);
      return principal && { principal, tokenId: idOf(token) };
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      if (error instanceof errors.JOSEError || error instanceof InvalidInputError || error instanceof TypeError)
        return null;
      throw error;
    }
  };
}

/** All that can be said against a token without a key: it then costs neither a signature nor a request to the issuer. */
function isAcceptable(token: string, { algorithms, tokenType, issuer }: OidcSettings): boolean {
  if (!looksLikeToken(token)) return false;
  const [header, payload] = token.split(".").slice(0, 2).map(membersOf);
  if (!header || !payload || REFUSED_HEADERS.some((name) => header.has(name))) return false;
  const { alg, typ, kid } = Object.fromEntries(header);
  if (!algorithms.some((algorithm) => algorithm === alg)) return false;
  if (tokenType !== null && typ !== tokenType) return false;
  if (kid !== undefined && typeof kid !== "string") return false;
  return payload.get("iss") === issuer;
}

type Members = ReadonlyMap<string, unknown>;

/** The members of a part of a token; null when it is no object, or has a member twice, which readers may read differently. */
function membersOf(part: string): Members | null {
  const node = readPart(part);
  if (node?.kind !== "object") return null;
  const members = new Map(node.members.map(({ key, value }) => [key, "value" in value ? value.value : value]));
  return members.size === node.members.length ? members : null;
}

function readPart(part: string): JsonNode | null {
  try {
    return readJsonText(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(part, "base64url")),
    );
  } catch (error) {
    if (error instanceof UnreadableJson || error instanceof TypeError) return null;
    throw error;
  }
}

/** @throws InvalidInputError for a value that makes no ARN */
function principalOf(payload: JWTPayload, template: string): PrincipalName | null {
  const value = payload[claimOf(template) ?? ""];
  if (typeof value !== "string") return null;
  if (!isWhole(template) && !NAME.test(value)) return null;
  const principal = parsePrincipalArn(template.replace(PLACEHOLDER, () => value));
  return canSignIn(principal) ? principal : null;
}

function idOf(token: string): string {
  return createHash("sha256").update(token).digest("hex").slice(0, 32);
}
