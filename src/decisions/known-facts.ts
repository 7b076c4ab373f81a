import { LRUCache } from "lru-cache";
import type { PrincipalFacts, ResourceFacts } from "../domain/evaluation/access-request.js";
import { type EvaluationInput, unregisteredResource } from "../store/evaluation-input.js";
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
const BYTES = {
  facts: 1_024,
  attachment: 256,
  tag: 256,
  session: 16_384,
  trustPolicy: 65_536,
  /** Of a document: as it is compiled, and what evaluation derives from it for this principal. */
  character: 48,
};

/**
 * What was loaded of principals and of registered resources, for questions that were never asked before: with another
 * action, or from another address. It is used only under the very revisions that it was loaded under, so it can be lost,
 * but never be wrong.
 */
export class KnownFacts {
  private readonly principals = new LRUCache<string, Known<PrincipalFacts>>({ maxSize: MAX_BYTES });
  private readonly resources = new LRUCache<string, Known<ResourceFacts>>({ maxSize: MAX_BYTES });

  /** Null unless both are known as they are in `state`, which must be of one moment: else they may never have been so together. */
  recall({ principal, resource, follows, asStranger }: PreparedQuestion, state: ModelState): FactsInState | null {
    const requester = this.principals.get(principal.arnKey);
    const requested = asStranger ? unknownToStrangers(resource) : this.resources.get(resource);
    if (requester === undefined || requested === undefined) return null;
    if (!holdsIn(requester, state) || !holdsIn(requested, state)) return null;
    const facts = { principal: requester.facts, resource: requested.facts };
    return { facts, state: { ...state, followed: new Map([[follows, requester.followed]]) } };
  }

  /** @param input that the facts are from; in a batch the same object comes many times */
  keep({ principal, resource, follows }: PreparedQuestion, facts: Facts, input: EvaluationInput): void {
    if (facts.principal !== null && this.principals.peek(principal.arnKey)?.facts !== facts.principal) {
      const known = knownIn(input, facts.principal, principalScopes(principal), input.followed.get(follows));
      const size = sizeOfPrincipal(known, input.charactersOf(facts.principal));
      this.principals.set(principal.arnKey, known, { size });
    }
    if (facts.resource.registered && this.resources.peek(resource)?.facts !== facts.resource) {
      const known = knownIn(input, facts.resource, resourceScopes(resource));
      this.resources.set(resource, known, { size: sizeOfResource(known) });
    }
  }

  /** What is known of both is not used any more. */
  forget({ principal, resource }: PreparedQuestion): void {
    this.principals.delete(principal.arnKey);
    this.resources.delete(resource);
  }
}

function sizeOfPrincipal({ facts, tags }: Known<PrincipalFacts>, characters: number): number {
  const { attachments, issued } = facts;
  const lists = BYTES.attachment * attachments.length + BYTES.tag * tags.length + BYTES.session * issued.length;
  return BYTES.facts + lists + BYTES.character * characters;
}

function sizeOfResource({ facts, tags }: Known<ResourceFacts>): number {
  return BYTES.facts + BYTES.tag * (facts.tags.size + tags.length) + (facts.trustPolicy ? BYTES.trustPolicy : 0);
}

/** What a question is evaluated from, of what was loaded for it. */
export function factsOf({ principal, resource, asStranger }: PreparedQuestion, input: EvaluationInput): Facts {
  const found = asStranger ? unregisteredResource(resource) : input.resource(resource);
  return { principal: input.principal(principal), resource: found };
}

function unknownToStrangers(resource: string): Known<ResourceFacts> {
  return { facts: unregisteredResource(resource), followed: [], tags: [] };
}

function holdsIn({ tags }: Known<unknown>, { vector }: ModelState): boolean {
  return tags.every(([scope, tag]) => {
    const revision = vector.get(scope); // undefined: it was not looked at
    return revision !== undefined && (revision?.tag ?? null) === tag;
  });
}

function knownIn<T>(
  { vector }: ModelState,
  facts: T,
  fixed: readonly string[],
  followed: readonly string[] = [],
): Known<T> {
  const tags = [...fixed, ...followed].map((scope) => [scope, vector.get(scope)?.tag ?? null] as const);
  return { facts, followed, tags };
}
