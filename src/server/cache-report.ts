import type { ExecutionResult } from "graphql";
import type { CacheStatus } from "../decisions/decide-many.js";
import type { GraphQLContext } from "../graphql/context.js";

/** Adds `extensions.cache` to the result of an operation that has asked for decisions: how many came from where. */
export function withCacheReport(result: ExecutionResult, { cacheUse }: GraphQLContext): ExecutionResult {
  if (cacheUse.size === 0) return result;
  return { ...result, extensions: { ...result.extensions, cache: reportOf(cacheUse) } };
}

function reportOf(use: ReadonlyMap<CacheStatus, number>): Record<CacheStatus, number> {
  const count = (status: CacheStatus) => use.get(status) ?? 0;
  return { HIT: count("HIT"), MISS: count("MISS"), BYPASS: count("BYPASS") };
}
