import type { ScopePrecedence } from "../domain/evaluation/access-request.js";
import { createAccountLoader } from "../store/account-input.js";
import type { CompileDocument } from "../store/compiled-policies.js";
import { createBelongingsLoader, type LoadPool } from "../store/evaluation-input.js";
import type { Tokens } from "../store/revision-token.js";
import { createWhatCan, type WhatCan } from "./what-can.js";
import { createWhoCan, type WhoCan } from "./who-can.js";

/** Questions about everybody in an account, or about everything. Each takes at most three SQL statements. */
export interface AccountQuestions {
  readonly whoCan: WhoCan;
  readonly whatCan: WhatCan;
}

export interface AccountQuestionsOptions {
  readonly loadPool: LoadPool;
  readonly compile: CompileDocument;
  readonly tokens: Tokens;
  readonly scopePrecedence: ScopePrecedence;
}

export function createAccountQuestions(options: AccountQuestionsOptions): AccountQuestions {
  const { loadPool, compile, tokens, scopePrecedence } = options;
  return {
    whoCan: createWhoCan({ loadAccount: createAccountLoader(loadPool, compile), tokens, scopePrecedence }),
    whatCan: createWhatCan({ loadBelongings: createBelongingsLoader(loadPool, compile), scopePrecedence }),
  };
}
