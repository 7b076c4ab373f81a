import { LRUCache } from "lru-cache";
import type { PrincipalFacts, ResourceFacts } from "../domain/evaluation/access-request.js";
import type { EvaluationInput } from "../store/evaluation-input.js";
import { type ModelState, principalScopes, resourceScopes } from "../store/revisions.js";
import type { PreparedQuestion } from "./prepare-question.js";

/** What a question is evaluated from. */
export interface Facts {
  /** Null: there is no such principal. */
  readonly principal: PrincipalFacts | null;
  readonly resource: ResourceFacts;
}

/** Facts with the state that they were found to hold in, in which the principal follows what these facts followed from. */
export interface FactsInState {
  readonly facts: Facts;
  readonly state: ModelState;
}

interface Known<T> {
  readonly facts: T;
  /** Followed scopes that they depend on. */
  readonly followed: readonly string[];
  /** All that they depend on, with its tags; null: the scope did not exist. */
  readonly tags: readonly (readonly [scope: string, tag: string | null])[];
}

const MAX_BYTES = 32 * 1024 * 1024;
const BYTES_OF_TAG = 160;

/**
 * What was loaded of principals and of registered resources, for questions that were never asked before: with another
 * action, or from another address. It is used only under the very revisions that it was loaded under, so it can be lost,
 * but never be wrong.
 */
export class KnownFacts {
  private readonly principals = new LRUCache<string, Known<PrincipalFacts>>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ facts, tags }) => 512 + 256 * facts.attachments.length + BYTES_OF_TAG * tags.length,
  });
  private readonly resources = new LRUCache<string, Known<ResourceFacts>>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ facts, tags }) => 512 + 256 * facts.tags.size + BYTES_OF_TAG * tags.length,
  });

  /** Null unless both are known as they are in `state`, which must be of one moment: else they may never have been so together. */
  recall({ principal, resource, follows }: PreparedQuestion, state: ModelState): FactsInState | null {
    const requester = this.principals.get(principal.arnKey);
    const requested = this.resources.get(resource);
    if (requester === undefined || requested === undefined) return null;
    if (!holdsIn(requester, state) || !holdsIn(requested, state)) return null;
    const facts = { principal: requester.facts, resource: requested.facts };
    return { facts, state: { ...state, followed: new Map([[follows, requester.followed]]) } };
  }

  /** @param state in which the facts of the question were loaded */
  keep({ principal, resource, follows }: PreparedQuestion, facts: Facts, state: ModelState): void {
    if (facts.principal !== null) {
      const followed = state.followed.get(follows) ?? [];
      keep(this.principals, principal.arnKey, facts.principal, [principalScopes(principal), followed], state);
    }
    if (facts.resource.registered) {
      keep(this.resources, resource, facts.resource, [resourceScopes(resource), []], state);
    }
  }
}

/** What a question is evaluated from, of what was loaded for it. */
export function factsOf({ principal, resource }: PreparedQuestion, input: EvaluationInput): Facts {
  return { principal: input.principal(principal), resource: input.resource(resource) };
}

function holdsIn({ tags }: Known<unknown>, { vector }: ModelState): boolean {
  return tags.every(([scope, tag]) => {
    const revision = vector.get(scope); // undefined: it was not looked at
    return revision !== undefined && (revision?.tag ?? null) === tag;
  });
}

/** In a batch the same object comes many times. */
function keep<T extends object>(
  known: LRUCache<string, Known<T>>,
  key: string,
  facts: T,
  [fixed, followed]: readonly [readonly string[], readonly string[]],
  { vector }: ModelState,
): void {
  if (known.peek(key)?.facts === facts) return;
  const tags = [...fixed, ...followed].map((scope) => [scope, vector.get(scope)?.tag ?? null] as const);
  known.set(key, { facts, followed, tags });
}
