import { anyOf, type Leaning, leaningOf, type Truth } from "../condition/truth.js";
import type { Caller } from "../evaluation/evaluation-request.js";
import { compileGlob, foldCase } from "../wildcard.js";
import type { Effect, PrincipalBlock } from "./document.js";
import { compileResourcePattern, splitPattern } from "./resource-pattern.js";

const SESSION_SPELLING = /^(?:acs:(?:ram|sts)|arn:sts):\*?:([^:]*):assumed-role\/(.+)$/s;
const ROLE_AND_SESSION = /^acs:ram:\*?:([^:]*):role\/([^/]*\/.+)$/s;

/** Tells whether a statement of a trust policy speaks about the caller. */
export type PrincipalMatcher = (caller: Caller) => Truth;

/** Compiles a `Principal` block. Services and identity providers never are a caller here, so only `RAM` counts. */
export function compilePrincipal(block: PrincipalBlock, effect: Effect): PrincipalMatcher {
  const matchers = block.ram.map((name) => compileName(name, leaningOf(effect, false)));
  return (caller) => anyOf(matchers.map((matches) => matches(caller)));
}

function compileName(name: string, leaning: Leaning): PrincipalMatcher {
  const spelling = leaning === "lenient" ? foldCase(name) : name;
  const account = wholeAccount(spelling);
  if (account !== null) return account;
  const pattern = compileResourcePattern(canonicalSpelling(spelling), leaning);
  return (caller) => anyOf(caller.names.map(pattern.matches));
}

/** C22: `…:root` and `…:*` mean every identity of the account. */
function wholeAccount(name: string): PrincipalMatcher | null {
  const segments = splitPattern(name);
  if (segments === null || /\$\{|,/.test(name)) return null;
  const { partition, service, region, account, relativeId } = segments;
  if (relativeId !== "root" && relativeId !== "*") return null;
  if (!compileGlob(partition)("acs") || !compileGlob(foldCase(service))("ram") || !compileGlob(region)("")) return null;
  const accountGlob = compileGlob(account);
  return (caller) => (accountGlob(caller.account) ? "true" : "false");
}

/** The spellings of a session, wildcards in them included, all mean the same (D25). */
function canonicalSpelling(name: string): string {
  const [, account, session] = SESSION_SPELLING.exec(name) ?? ROLE_AND_SESSION.exec(name) ?? [];
  return account === undefined || session === undefined ? name : `acs:ram::${account}:assumed-role/${session}`;
}
