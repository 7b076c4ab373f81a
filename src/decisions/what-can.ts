import { createHash } from "node:crypto";
import { parseArn } from "../domain/arn.js";
import { InvalidInputError, NotFoundError } from "../domain/errors.js";
import type { RequestContext, ResourceFacts, ScopePrecedence } from "../domain/evaluation/access-request.js";
import { buildContext } from "../domain/evaluation/context-keys.js";
import { decideActions } from "../domain/evaluation/decide.js";
import type { Detail, Verdict } from "../domain/evaluation/decision.js";
import { actionAppliesTo, KMS_ACTIONS, parseAction } from "../domain/kms/actions.js";
import type { PrincipalName } from "../domain/principal.js";
import { isContainer, kmsResourceType, RESOURCE_TYPES, type ResourceType } from "../domain/resource.js";
import { didYouMean } from "../domain/suggest.js";
import {
  type Belongings,
  type LoadBelongings,
  type RegisteredType,
  unregisteredResource,
} from "../store/evaluation-input.js";
import { createTimeSlicer } from "../store/time-slicer.js";
import { KeptAnswers, type ListedAnswer, type Moment } from "./listed-answer.js";
import { parseRequester, statedInstant } from "./prepare-question.js";
import type { Question } from "./question.js";

/** With which resources of its account may a principal do something? */
export interface WhatCanQuestion extends Pick<Question, "context" | "principal"> {
  /** Of KMS. */
  readonly action: string;
  /** Those too whose answer is CONDITIONAL. */
  readonly includeConditional: boolean;
  /** That of the page before; null: now. */
  readonly moment: Moment | null;
}

export interface WhatCanRow {
  readonly arn: string;
  readonly outcome: "ALLOW" | "CONDITIONAL";
  /** @throws InvalidInputError as `decide` */
  readonly verdict: (detail: Detail) => Verdict;
}

export interface WhatCanOptions {
  readonly loadBelongings: LoadBelongings;
  readonly scopePrecedence: ScopePrecedence;
}

/**
 * All with which it may, by ARN: of the types that the action applies to the registered ones; of containers those of each
 * region in which something is registered; and `*`. Null: the moment that was asked for cannot be had any more. Rejects
 * with InvalidInputError, NotFoundError (unknown principal) or UnavailableError.
 */
export type WhatCan = (question: WhatCanQuestion) => Promise<ListedAnswer<WhatCanRow> | null>;

interface Prepared {
  readonly source: WhatCanQuestion;
  readonly principal: PrincipalName;
  readonly action: string;
  readonly types: readonly ResourceType[];
  readonly context: RequestContext;
}

export function createWhatCan({ loadBelongings, scopePrecedence }: WhatCanOptions): WhatCan {
  const kept = new KeptAnswers<WhatCanRow>();
  return async (question) => {
    const prepared = prepare(question);
    const { principal, action, context } = prepared;
    const canonical = [principal.arnKey, action, context, question.includeConditional ? "conditional" : null];
    const { moment } = question;
    const known = moment && kept.find(canonical, moment);
    if (known) return known;
    const belongings = await loadBelongings(principal, registeredAmong(prepared.types));
    const tag = tagOf(belongings);
    if (moment !== null && moment.tag !== tag) return null;
    const instant = statedInstant(context) ?? moment?.instant ?? belongings.input.now;
    const rows = await findAll(prepared, belongings, instant, scopePrecedence);
    const answer = { rows, moment: { tag, instant } };
    kept.keep(canonical, answer, belongings.resources.length);
    return answer;
  };
}

function prepare(question: WhatCanQuestion): Prepared {
  const action = parseAction(question.action);
  const types = RESOURCE_TYPES.filter((type) => actionAppliesTo(action, type));
  const principal = parseRequester(question.principal);
  if (!KMS_ACTIONS.has(action)) {
    const suggestion = didYouMean(action, KMS_ACTIONS.keys());
    throw new InvalidInputError(`\`${action}\` is not an action of KMS${suggestion}`, "/action");
  }
  return { source: question, principal, action, types, context: buildContext(question.context ?? {}) };
}

const REGISTERED: readonly RegisteredType[] = ["KEY", "SECRET", "ALIAS"];

/** Regions are known by what is registered in them. */
function registeredAmong(types: readonly ResourceType[]): readonly RegisteredType[] {
  return types.some(isContainer) ? REGISTERED : REGISTERED.filter((type) => types.includes(type));
}

/** The revisions of the principal, and the resources themselves. */
function tagOf({ input, resources }: Belongings): string {
  const revisions = [...input.vector].map(([scope, revision]) => [scope, revision?.tag ?? null]);
  const facts = resources.map((each) => ({ ...each, tags: [...each.tags] }));
  const text = JSON.stringify([revisions.sort(), facts]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

async function findAll(
  { source, principal, action, types, context }: Prepared,
  { input, resources }: Belongings,
  now: number,
  scopePrecedence: ScopePrecedence,
): Promise<WhatCanRow[]> {
  const facts = input.principal(principal);
  if (facts === null) throw new NotFoundError(`\`${principal.arn}\` does not exist`);
  const slice = createTimeSlicer();
  const rows: WhatCanRow[] = [];
  for (const resource of askedAbout(types, resources, principal.account)) {
    await slice();
    const question = { principal: facts, resource, context, now, sessionPolicy: null };
    const verdict = (detail: Detail) => onlyOne(decideActions(question, [action], { scopePrecedence, detail }));
    const { outcome } = verdict("OUTCOME");
    if (outcome !== "ALLOW" && !(source.includeConditional && outcome === "CONDITIONAL")) continue;
    rows.push({ arn: resource.arn, outcome, verdict });
  }
  return rows;
}

function onlyOne([verdict]: readonly Verdict[]): Verdict {
  if (verdict === undefined) throw new Error("one action gives one decision");
  return verdict;
}

function askedAbout(
  types: readonly ResourceType[],
  registered: readonly ResourceFacts[],
  account: string,
): readonly ResourceFacts[] {
  const regions = [...new Set(registered.map(({ arn }) => parseArn(arn).region))];
  const containers = types.filter(isContainer).flatMap((type) => {
    const name = type.replace("_CONTAINER", "").toLowerCase();
    return regions.map((region) => `acs:kms:${region}:${account}:${name}`);
  });
  const others = [...(types.includes("NONE") ? ["*"] : []), ...containers].map(unregisteredResource);
  return [...others, ...registered.filter(({ arn }) => types.includes(kmsResourceType(parseArn(arn)) ?? "OTHER"))];
}
