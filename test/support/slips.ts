import type { Slip } from "./broken-build.js";

/** Mistakes that caches are built with elsewhere, put into ours. */

const FIXED_PART = "tagsOf(question.scopes, vector),";
const FOLLOWED_PART = "digestOf(followed.get(question.follows) ?? NOTHING, vector),";
const KEY_SOURCE = "decisions/decision-key.js";

/** The key does not say which state of the model the answer follows from. */
export const keysWithoutTags: readonly Slip[] = [
  { file: KEY_SOURCE, find: FIXED_PART, replace: "" },
  { file: KEY_SOURCE, find: FOLLOWED_PART, replace: "" },
];

/** A number can stand for the states of two histories; a tag cannot. Nor can the names of what somebody follows help. */
export const keysFromNumbers: readonly Slip[] = [
  {
    file: KEY_SOURCE,
    find: FIXED_PART,
    replace: "new Map(question.scopes.map((scope) => [scope, vector.get(scope)?.rev.toString() ?? null])),",
  },
  { file: KEY_SOURCE, find: FOLLOWED_PART, replace: "" },
];

/** Whatever lies in Redis under the right key is believed. */
export const noSeal: readonly Slip[] = [
  {
    file: "decisions/sealed-answer.js",
    find: "if (!timingSafeEqual(sealed.subarray(0, MAC_BYTES), macOf(macKey, key, payload)))",
    replace: "if (false)",
  },
];

/** While PostgreSQL is away, what was last read counts: "stale on outage". */
export const staleOnOutage: readonly Slip[] = [
  {
    file: "store/revisions.js",
    find: "const followed = toFollowed(principals, row.followed);",
    replace: `
      const followed = toFollowed(principals, row.followed);
      globalThis.lastRead = new Map([...(globalThis.lastRead ?? []), ...toVector(scopes, row.revisions)]);`,
  },
  {
    file: "store/revisions.js",
    find: 'throw new UnavailableError("the database does not answer", { cause });',
    replace: `
      const [scopes, principals] = wanted;
      const vector = new Map(scopes.map((it) => [it, globalThis.lastRead?.get(it) ?? null]));
      return { vector, followed: toFollowed(principals, []), now: Date.now(), server: "", ofOneMoment: true };`,
  },
];

/** A Redis that fails is asked all the same. */
export const noBreaker: readonly Slip[] = [
  { file: "decisions/redis-decision-cache.js", find: "!breaker.admits()", replace: "false" },
];

/** For mistakes in what gateways share. */
export const noLocalAnswers: Slip = {
  file: "app.js",
  find: "const LOCAL_ANSWERS = 50_000;",
  replace: "const LOCAL_ANSWERS = 0;",
};

/** Keys of the question alone; a change deletes the entries of the principals it names after its COMMIT, before its answer. */
export const cacheAside: readonly Slip[] = [
  ...keysWithoutTags,
  {
    file: KEY_SOURCE,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
    find: "return `az:d:${FORMAT}:${sha256(text)}`",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
    replace: "return `aside:${question.principal.arnKey}:${sha256(text)}`",
  },
  noLocalAnswers,
  {
    file: "administration/change-account.js",
    find: "await withRetries(() => attempt(administration, request, change))",
    replace: "await forgetAfter(await withRetries(() => attempt(administration, request, change)), change)",
  },
  {
    file: "administration/change-account.js",
    find: "async function withRetries(",
    replace: `
      async function forgetAfter(result, change) {
        const { Redis } = await import("ioredis");
        globalThis.aside ??= new Redis(process.env.REDIS_URL).on("error", () => {});
        const script = 'for _, key in ipairs(redis.call("KEYS", ARGV[1])) do redis.call("DEL", key) end';
        const forget = (arn) => globalThis.aside.eval(script, 0, "aside:" + arn.toLowerCase() + ":*");
        const late = new Promise((resolve) => setTimeout(resolve, 500));
        await Promise.race([late, Promise.all(change.targets.map(forget)).catch(() => {})]);
        return result;
      }
      async function withRetries(`,
  },
];
