/** Stages of the work on a request that somebody may want to hear of. */
export type Stage = "read revisions" | "look up answers" | "load" | "evaluate" | "transaction";

/** What `work` does, done as a stage, so that somebody hears when it begins, what it asks for, and when it ends. */
export type InStage<Name extends string = Stage> = <Args extends unknown[], Result>(
  stage: Name,
  work: (...args: Args) => Result,
) => (...args: Args) => Result;

/** Nobody hears of stages. */
export const unheard: InStage<string> = (_, work) => work;
