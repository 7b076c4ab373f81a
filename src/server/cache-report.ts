import type { Plugin } from "graphql-yoga";
import type { CacheStatus } from "../decisions/decide-many.js";
import type { GraphQLContext } from "../graphql/context.js";

/** Adds `extensions.cache` to the result of an operation that has asked for decisions: how many came from where. */
export function useCacheReport(): Plugin<GraphQLContext> {
  return {
    onExecute: ({ args }) => ({
      onExecuteDone({ result, setResult }) {
        const { cacheUse } = args.contextValue;
        if (cacheUse.size === 0 || Symbol.asyncIterator in result) return;
        setResult({ ...result, extensions: { ...result.extensions, cache: reportOf(cacheUse) } });
      },
    }),
  };
}

function reportOf(use: ReadonlyMap<CacheStatus, number>): Record<CacheStatus, number> {
  const count = (status: CacheStatus) => use.get(status) ?? 0;
  return { HIT: count("HIT"), MISS: count("MISS"), BYPASS: count("BYPASS") };
}
