import { hash } from "node:crypto";
import type { ScopePrecedence } from "../domain/evaluation/access-request.js";
import type { ModelState, RevisionVector } from "../store/revisions.js";
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

/** What the answer to a question depends on in a state of the model, with its revisions. */
export function revisionsOf(question: PreparedQuestion, { vector, followed }: RevisionsIn): RevisionVector {
  const scopes = [...question.scopes, ...(followed.get(question.follows) ?? [])];
  return new Map(scopes.map((scope) => [scope, vector.get(scope) ?? null]));
}

/** What of a state a key holds. */
export type RevisionsIn = Pick<ModelState, "vector" | "followed">;

const digests = new WeakMap<RevisionVector, WeakMap<readonly string[], string>>();

/** What is followed, and its tags. Questions of a batch about one principal have it in common. */
function digestOf(followed: readonly string[], vector: RevisionVector): string {
  const known = digests.get(vector) ?? new WeakMap<readonly string[], string>();
  digests.set(vector, known);
  const digest = known.get(followed) ?? sha256(canonicalText(tagsOf(followed, vector)));
  known.set(followed, digest);
  return digest;
}

function tagsOf(scopes: readonly string[], vector: RevisionVector): ReadonlyMap<string, string | null> {
  return new Map(scopes.map((scope) => [scope, vector.get(scope)?.tag ?? null]));
}

/** UTF-8 would fold all lone surrogates into one character. */
function sha256(text: string): string {
  return hash("sha256", Buffer.from(text, "utf16le"), "base64url");
}

const NOTHING: readonly string[] = [];

/**
 * The key of an answer. It holds everything the answer depends on: the state of the model (as the scopes of the
 * revision vector and their tags), the evaluator, and the whole question. So an entry can be lost, but never be wrong; a
 * change moves a tag, and the old entry is never asked for again. Nor is it found by those who follow other scopes than
 * they should: no answer was ever kept under these names with these tags.
 */
export function decisionKey(space: KeySpace, question: PreparedQuestion, state: RevisionsIn): string {
  const { vector, followed } = state;
  const text = canonicalText([
    FORMAT,
    space.environment,
    space.engineVersion,
    space.scopePrecedence,
    tagsOf(question.scopes, vector),
    digestOf(followed.get(question.follows) ?? NOTHING, vector),
    question.canonical,
  ]);
  return `az:d:${FORMAT}:${sha256(text)}`;
}
