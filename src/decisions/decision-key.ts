import { createHash } from "node:crypto";
import type { ScopePrecedence } from "../domain/evaluation/access-request.js";
import type { RevisionVector } from "../store/revisions.js";
import { canonicalText } from "./canonical-text.js";
import type { PreparedQuestion } from "./prepare-question.js";

/** What all questions of one gateway have in common. */
export interface KeySpace {
  /** Names the history of the database. */
  readonly environment: string;
  /** Names the evaluator's code: another evaluator never reads these answers. */
  readonly engineVersion: string;
  readonly scopePrecedence: ScopePrecedence;
}

/** Version of the key and of the value behind it. */
const FORMAT = "1";

/**
 * The key of an answer. It holds everything the answer depends on: the state of the model (as the tags of the
 * revision vector), the evaluator, and the whole question. So an entry can be lost, but never be wrong; a change
 * moves a tag, and the old entry is never asked for again.
 */
export function decisionKey(space: KeySpace, question: PreparedQuestion, vector: RevisionVector): string {
  const tags = new Map(question.scopes.map((scope) => [scope, vector.get(scope)?.tag ?? null]));
  const text = canonicalText([
    FORMAT,
    space.environment,
    space.engineVersion,
    space.scopePrecedence,
    tags,
    question.canonical,
  ]);
  // UTF-8 would fold all lone surrogates into one character
  const digest = createHash("sha256").update(Buffer.from(text, "utf16le")).digest("base64url");
  return `az:d:${FORMAT}:${digest}`;
}
