import { LRUCache } from "lru-cache";
import type { PrincipalFacts, ResourceFacts } from "../domain/evaluation/access-request.js";
import type { CompiledPolicy } from "../domain/policy/compile-policy.js";
import { BYTES_PER_CHARACTER } from "../store/compiled-policies.js";
import { type EvaluationInput, unregisteredResource } from "../store/evaluation-input.js";
import { type ModelState, principalScopes, resourceScopes } from "../store/revisions.js";
import { HeldDocuments } from "./held-documents.js";
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

interface KnownPrincipal extends Known<PrincipalFacts> {
  /** What it holds on to and others do as well, each with its bytes. */
  readonly documents: ReadonlyMap<CompiledPolicy, number>;
}

const MAX_BYTES = 32 * 1024 * 1024;
/** Most of them are in the cache of the compiler too. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;
const BYTES = {
  facts: 1_024,
  attachment: 256,
  tag: 256,
  session: 16_384,
  trustPolicy: 65_536,
  /** What evaluation derives from it for one principal, where some ten different sets of actions are asked about. */
  statement: 1_024,
};

/**
 * What was loaded of principals and of registered resources, for questions that were never asked before: with another
 * action, or from another address. It is used only under the very revisions that it was loaded under, so it can be lost,
 * but never be wrong.
 */
export class KnownFacts {
  private readonly documents = new HeldDocuments();
  private readonly principals = new LRUCache<string, KnownPrincipal>({
    maxSize: MAX_BYTES,
    dispose: ({ documents }) => this.documents.release(documents.keys()),
  });
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
      this.keepPrincipal(principal.arnKey, { ...known, documents: documentsOf(facts.principal, input) });
    }
    if (facts.resource.registered && this.resources.peek(resource)?.facts !== facts.resource) {
      const known = knownIn(input, facts.resource, resourceScopes(resource));
      this.resources.set(resource, known, { size: sizeOfResource(known) });
    }
  }

  private keepPrincipal(arnKey: string, known: KnownPrincipal): void {
    this.principals.set(arnKey, known, { size: sizeOfPrincipal(known) });
    if (this.principals.peek(arnKey) !== known) return; // too large
    this.documents.hold(known.documents);
    while (this.documents.size > MAX_DOCUMENT_BYTES) if (this.principals.pop() === undefined) break;
  }

  /** What is known of both is not used any more. */
  forget({ principal, resource }: PreparedQuestion): void {
    this.principals.delete(principal.arnKey);
    this.resources.delete(resource);
  }
}

/** Of what nobody else has. */
function sizeOfPrincipal({ facts, tags }: KnownPrincipal): number {
  const { attachments, issued } = facts;
  const lists = BYTES.attachment * attachments.length + BYTES.tag * tags.length + BYTES.session * issued.length;
  const statements = attachments.reduce((sum, { policy }) => sum + (policy.compiled?.statements.length ?? 0), 0);
  return BYTES.facts + lists + BYTES.statement * statements;
}

function documentsOf({ attachments }: PrincipalFacts, input: EvaluationInput): Map<CompiledPolicy, number> {
  const documents = new Map<CompiledPolicy, number>();
  for (const { policy } of attachments)
    if (policy.compiled !== null)
      documents.set(policy.compiled, BYTES_PER_CHARACTER * input.charactersOf(policy.reference.id));
  return documents;
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
