import type { Limits } from "./administration.js";
import { attachmentFacts } from "./attachment-target.js";
import { sameWindow, type Window } from "./attachment-window.js";
import { attachmentOf, type FoundAttachments, type FoundTarget, targetKey } from "./find-attachments.js";
import { newId } from "./new-id.js";
import { checkPolicyQuota } from "./policy-quota.js";
import { type UserError, userError } from "./user-error.js";

/** An attachment that is to be there, and since when the list says so. */
interface Planned {
  readonly id: string;
  readonly window: Window;
}

export interface NewAttachment extends Window {
  readonly id: string;
  readonly policyId: string;
  readonly principalId: string;
  readonly resourceGroupId: string | null;
}

/** What attaching a list comes to. */
export interface AttachmentPlan {
  /** The attachment of each target, in the order of the list. */
  readonly ids: readonly string[];
  readonly create: readonly NewAttachment[];
  readonly update: readonly (Window & { readonly id: string })[];
  readonly problems: readonly UserError[];
  readonly before: readonly object[];
  readonly after: readonly object[];
}

/** Works out, without writing, what is new and what gets another window; quotas count what the list itself adds. */
export function planAttachments(known: FoundAttachments, windows: readonly Window[], limits: Limits): AttachmentPlan {
  const planner = new Planner(known, limits);
  for (const target of known.found) planner.add(target, windows[target.index] as Window);
  return planner;
}

class Planner implements AttachmentPlan {
  readonly ids: string[] = [];
  readonly create: NewAttachment[] = [];
  readonly update: (Window & { id: string })[] = [];
  readonly problems: UserError[] = [];
  readonly before: object[] = [];
  readonly after: object[] = [];
  readonly #planned = new Map<string, Planned>();
  /** Ids of the policies that an identity has, by identity and type. */
  readonly #held = new Map<string, Set<string>>();
  readonly #known: FoundAttachments;
  readonly #limits: Limits;

  constructor(known: FoundAttachments, limits: Limits) {
    this.#known = known;
    this.#limits = limits;
  }

  add(target: FoundTarget, window: Window): void {
    const key = targetKey(target);
    const planned = this.#planned.get(key);
    if (planned !== undefined && !sameWindow(planned.window, window)) this.problems.push(otherWindow(target));
    const id = planned?.id ?? this.#plan(target, window);
    this.#planned.set(key, planned ?? { id, window });
    this.ids.push(id);
  }

  #plan(target: FoundTarget, window: Window): string {
    const stored = attachmentOf(target, this.#known.attached);
    if (stored === undefined) return this.#planNew(target, window);
    if (!sameWindow(stored, window)) {
      this.before.push(attachmentFacts(target, stored));
      this.after.push(attachmentFacts(target, window));
      this.update.push({ id: stored.id, ...window });
    }
    return stored.id;
  }

  #planNew(target: FoundTarget, window: Window): string {
    const { entity, policies, resourceGroup: resourceGroupId, field } = target;
    const [policy] = policies;
    const held = this.#heldBy(entity.id, policy.type);
    const others = held.has(policy.id) ? held.size - 1 : held.size;
    const problems = checkPolicyQuota(entity, policy, others, this.#limits, ...field, "principal");
    this.problems.push(...problems);
    if (problems.length === 0) held.add(policy.id);
    const id = newId();
    this.create.push({ id, policyId: policy.id, principalId: entity.id, resourceGroupId, ...window });
    this.after.push(attachmentFacts(target, window));
    return id;
  }

  #heldBy(principalId: string, type: "SYSTEM" | "CUSTOM"): Set<string> {
    const key = `${principalId}/${type}`;
    const known = this.#held.get(key);
    if (known !== undefined) return known;
    const stored = this.#known.attached.get(principalId) ?? [];
    const ofType = stored.filter(({ policyId }) => this.#known.policyTypes.get(policyId) === type);
    const held = new Set(ofType.map(({ policyId }) => policyId));
    this.#held.set(key, held);
    return held;
  }
}

function otherWindow({ field }: FoundTarget): UserError {
  const message = "the list has this attachment before, with another window";
  return userError("INVALID_PARAMETER_WINDOW", message, ...field);
}
