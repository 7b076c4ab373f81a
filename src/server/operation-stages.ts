import type { Plugin } from "graphql-yoga";
import type { InStage } from "../store/stages.js";

/** Makes stages of what GraphQL does. What is kept parsed and validated from an earlier request has no such stage. */
export function useOperationStages(inStage: InStage<string>): Plugin {
  return {
    onParse: ({ parseFn, setParseFn }) => setParseFn(inStage("parse", parseFn)),
    onValidate: ({ validateFn, setValidationFn }) => setValidationFn(inStage("validate", validateFn)),
    onExecute: ({ executeFn, setExecuteFn }) => setExecuteFn(inStage("execute", executeFn)),
  };
}
