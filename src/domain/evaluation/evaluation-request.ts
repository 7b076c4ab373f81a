import type { Arn } from "../arn.js";
import type { KmsResourceName } from "../resource.js";
import { foldCase } from "../wildcard.js";
import type { Diagnostic } from "./decision.js";
import type { RequestContext } from "./request-context.js";

/** The requested resource, prepared for matching under both leanings. */
export interface ResourceTarget {
  readonly arn: Arn;
  /** True for the request `*`, which names no resource (C4). */
  readonly nameless: boolean;
  readonly segments: ArnSegments;
  readonly folded: ArnSegments;
  /** Folded text of the whole ARN. */
  readonly foldedText: string;
  /** For RAM entities: the relative id with the entity's name folded, since names ignore case (D6); else null. */
  readonly nameFolded: string | null;
}

export interface ArnSegments {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly relativeId: string;
}

/** Who asks, as trust policies and `acs:PrincipalARN` see them. */
export interface Caller {
  readonly account: string;
  /** User or group ARN; the role's ARN for a role and its sessions (C8). */
  readonly conditionArn: string;
  /** Every ARN a trust policy may name this caller by. */
  readonly names: readonly ResourceTarget[];
}

/** All that statements are matched against, for one action. Nothing in it changes during a decision. */
export interface EvaluationRequest {
  readonly action: string;
  readonly foldedAction: string;
  readonly target: ResourceTarget;
  readonly resource: KmsResourceName | null;
  readonly caller: Caller;
  /** Tags as the model knows them; null for resources of other services, about whose tags only the caller knows. */
  readonly tags: ReadonlyMap<string, string> | null;
  readonly context: RequestContext;
  readonly now: number;
  readonly nowText: string;
}

/** A hostile policy could give rise to thousands of notes; nobody reads more than these. */
export const MOST_NOTES = 100;

/** Receives the diagnostics of a decision; equal ones count once, and the first hundred are kept. */
export class Diagnostics {
  private readonly notes = new Map<string, Diagnostic>();

  get full(): boolean {
    return this.notes.size >= MOST_NOTES;
  }

  add(diagnostic: Diagnostic): void {
    if (!this.full) this.notes.set(`${diagnostic.code} ${diagnostic.message}`, diagnostic);
  }

  addAll(diagnostics: Iterable<Diagnostic>): void {
    for (const diagnostic of diagnostics) this.add(diagnostic);
  }

  list(): Diagnostic[] {
    return [...this.notes.values()];
  }
}

/** Folds the name in `<type>/<name>[/<session>]`; everything when there is no `/` (a pattern such as `*Admin`). */
export function foldEntityName(relativeId: string): string {
  const [type = "", name, ...rest] = relativeId.split("/");
  return name === undefined ? foldCase(relativeId) : [type, foldCase(name), ...rest].join("/");
}
