import type { Config } from "./config.js";

/** What stands where a secret stood. */
export const REDACTED = "[redacted]";

/**
 * Secrets that are known by their form, wherever they stand in a text. The ids of keys stay readable: they are what
 * somebody who reads a log looks for. So do revisions, `v1.…`, which look like tokens and are none.
 */
const FORMS: readonly (readonly [form: RegExp, replacement: string])[] = [
  [/(rgs?_[a-z0-9]{1,32})_[A-Za-z0-9_-]{20,}/g, `$1_${REDACTED}`],
  [/(bearer|basic)(\s+|%20)[A-Za-z0-9._~+/=%-]+/gi, `$1 ${REDACTED}`],
  [/(?<!v1\.)eyJ[A-Za-z0-9_-]{4,1024}\.[A-Za-z0-9_-]{4,4096}(\.[A-Za-z0-9_-]*)?/g, REDACTED],
  [/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s"'`<>/:]{0,256}:[^\s"'`<>]{0,512}@/gi, `$1${REDACTED}@`],
  [
    /((?:authorization|cookie|password|passwd|secret|mac_key)\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?)(?!\[redacted\])[^\s"'\\,;}]{4,}/gi,
    `$1${REDACTED}`,
  ],
];

/** Characters that some readers take for the end of a line, or for a command to the terminal, and JSON lets pass. */
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029]/g;

/** Shorter texts would be found in places where they are no secret. */
const SHORTEST_SECRET = 8;

/** Takes secrets out of texts. */
export interface Redactor {
  /** From now on also takes out this text, in every spelling in which it may be written. */
  add(secret: string | Buffer | undefined): void;
  redact(text: string): string;
}

/** Creates a redactor that knows the forms of secrets, and `secrets` themselves; those under 8 characters only by form. */
export function createRedactor(secrets: readonly (string | Buffer | undefined)[] = []): Redactor {
  const known = new Set<string>();
  let exactly: RegExp | null = null;
  const add = (secret: string | Buffer | undefined) => {
    if (secret === undefined) return;
    for (const spelling of spellingsOf(secret)) if (spelling.length >= SHORTEST_SECRET) known.add(spelling);
    exactly = known.size === 0 ? null : new RegExp([...known].sort(longerFirst).map(escapeRegExp).join("|"), "g");
  };
  for (const secret of secrets) add(secret);
  return {
    add,
    redact: (text) => redactForms(exactly === null ? text : text.replace(exactly, REDACTED)),
  };
}

/** Takes out what has the form of a secret, and escapes what some readers take for the end of a line. */
export function redactForms(text: string): string {
  const redacted = FORMS.reduce((rest, [form, replacement]) => rest.replace(form, replacement), text);
  return redacted.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The secrets of a configuration. */
export function secretsOf({
  databaseUrl,
  databaseReplicaUrl,
  redis,
  adminApiKey,
  secrets,
  tracing,
}: SecretSettings): (string | Buffer | undefined)[] {
  const redisUrls = redis === null ? [] : redis.kind === "single" ? [redis.url] : redis.urls;
  const { cacheKey, tokenKey, auditKey } = secrets;
  const urls = [databaseUrl, databaseReplicaUrl, ...redisUrls, tracing?.endpoint];
  const headers = Object.values(tracing?.headers ?? {});
  return [...passwordsOf(urls), adminApiKey?.secret, cacheKey, tokenKey, auditKey, ...headers];
}

type SecretSettings = Pick<
  Config,
  "databaseUrl" | "databaseReplicaUrl" | "redis" | "adminApiKey" | "secrets" | "tracing"
>;

/** As they are written there. */
function passwordsOf(urls: readonly (string | undefined)[]): string[] {
  return urls.flatMap((url) => (url !== undefined && URL.canParse(url) ? [new URL(url).password] : []));
}

const longerFirst = (a: string, b: string) => b.length - a.length;
const escapeRegExp = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

function spellingsOf(secret: string | Buffer): string[] {
  if (typeof secret === "string") {
    const plain = decoded(secret);
    return [secret, inJson(secret), plain, inJson(plain), encodeURIComponent(plain)];
  }
  const base64 = secret.toString("base64").replace(/=+$/, ""); // with or without what fills it up
  return [base64, secret.toString("base64url"), secret.toString("hex"), inJson(secret.toString("latin1"))];
}

const inJson = (text: string) => JSON.stringify(text).slice(1, -1);

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
