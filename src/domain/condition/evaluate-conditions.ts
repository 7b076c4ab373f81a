import { excerpt } from "../arn.js";
import type { Diagnostic } from "../evaluation/decision.js";
import { type Diagnostics, MOST_NOTES } from "../evaluation/diagnostics.js";
import type { EvaluationRequest } from "../evaluation/evaluation-request.js";
import { once } from "../once.js";
import type { Condition, Effect } from "../policy/document.js";
import { variableUnsupported } from "../policy/resource-pattern.js";
import { didYouMean } from "../suggest.js";
import { foldCase } from "../wildcard.js";
import { type ConditionKey, type KeyKind, kindOfKey, resolveConditionKey } from "./condition-key.js";
import { type CompiledPolicyValues, findOperator, OPERATOR_NAMES, type Operator, policyInstant } from "./operators.js";
import type { KeyValues, RequestValue } from "./request-value.js";
import { allOf, anyOf, leaningOf, not, type Truth } from "./truth.js";

/** An instant at which a date comparison with `acs:CurrentTime` changes; `after`: also right behind it. */
export interface TimeFlip {
  readonly at: number;
  readonly after: boolean;
}

/** A condition, ready to be evaluated. */
export interface CompiledCondition {
  readonly source: Condition;
  /** `notes`: receives what the request's values give rise to; null when nobody asks why. */
  readonly evaluate: (request: EvaluationRequest, notes: Diagnostics | null) => Truth;
  /** What the request has for its key; undefined when nobody supplied it. */
  readonly requestValues: (request: EvaluationRequest) => KeyValues;
  /** What answers its key; null when nobody is asked, because the operator is unknown. */
  readonly reads: KeyKind | null;
  readonly flips: readonly TimeFlip[];
  /** Compares the current time in a way whose flips are not known: the answer holds for this instant only. */
  readonly timeVolatile: boolean;
  /** What the text of the condition gives rise to whenever it is consulted. */
  readonly diagnostics: () => readonly Diagnostic[];
}

/** More are compiled anew when they come back. */
const MOST_SHARED = 10_000;
const LONGEST_SHARED = 512;
const SHARED: Readonly<Record<Effect, Map<string, CompiledCondition>>> = { Allow: new Map(), Deny: new Map() };

/**
 * Compiles one condition of a statement with `effect`, what takes time when it is first needed (D13–D22, C6–C11, C17, C20).
 * Many statements have the same few, so they are shared, which keeps them near the processor.
 */
export function compileCondition(source: Condition, effect: Effect): CompiledCondition {
  const { operator, setPrefix, key, values } = source;
  const text = JSON.stringify([operator, setPrefix, key, values]);
  const shared = SHARED[effect];
  const known = shared.get(text);
  if (known !== undefined) return known;
  const condition = compile(source, effect);
  if (text.length > LONGEST_SHARED) return condition;
  if (shared.size >= MOST_SHARED) shared.clear();
  shared.set(text, condition);
  return condition;
}

function compile(source: Condition, effect: Effect): CompiledCondition {
  const operator = findOperator(source.operator);
  if (operator === undefined) return unknownCondition(source);
  const key = once(() => resolveConditionKey(source.key));
  const rule = once(() => compileRule(source, operator, effect, key()));
  const reads = kindOfKey(source.key);
  const time = reads === "current-time";
  return {
    source,
    evaluate: (request, notes) => evaluateCondition(rule(), request, notes),
    requestValues: (request) => key().exact(request),
    reads,
    flips: time && operator.family === "date" ? timeFlips(source, operator, effect) : [],
    timeVolatile: time && operator.family === "string",
    diagnostics: once(() => textDiagnostics(rule())),
  };
}

function unknownCondition(source: Condition): CompiledCondition {
  return {
    source,
    evaluate: () => "unknown",
    requestValues: (request) => resolveConditionKey(source.key).exact(request),
    reads: null,
    flips: [],
    timeVolatile: false,
    diagnostics: once(() => {
      const suggestion = didYouMean(source.operator, OPERATOR_NAMES);
      const message = `operator \`${excerpt(source.operator)}\` is not supported${suggestion}`;
      return [{ code: "UNKNOWN_OPERATOR", message }];
    }),
  };
}

interface ConditionRule {
  readonly values: CompiledPolicyValues;
  readonly source: Condition;
  readonly operator: Operator;
  readonly effect: Effect;
  readonly key: ConditionKey;
  /** Policy values with a policy variable in them (D18). */
  readonly variables: readonly string[];
  /** Some value of the policy cannot be read: it counts as `unknown`. */
  readonly someUnreadable: boolean;
  /** The rules lean towards matching: every spelling of a tag key counts. */
  readonly lenient: boolean;
  /** Set prefixes say it (D16, C20); without one an Allow needs every request value, a Deny any (D17). */
  readonly needsEvery: boolean;
}

function compileRule(source: Condition, operator: Operator, effect: Effect, key: ConditionKey): ConditionRule {
  const { setPrefix, values } = source;
  const ignoreCase = key.kind === "action" || key.kind === "caller";
  const variables = values.filter((value) => value.includes("${"));
  const plain = variables.length === 0 ? values : values.filter((value) => !value.includes("${"));
  const compiled = operator.compile(plain, { effect, negated: operator.negated, ignoreCase });
  return {
    values: compiled,
    source,
    operator,
    effect,
    key,
    variables,
    someUnreadable: variables.length > 0 || compiled.unreadable.length > 0,
    lenient: leaningOf(effect, operator.negated) === "lenient",
    needsEvery: setPrefix === null ? effect === "Allow" : setPrefix === "ForAllValues",
  };
}

function textDiagnostics({ source, variables, values }: ConditionRule): Diagnostic[] {
  const cannotRead = values.unreadable.slice(0, MOST_NOTES).map((value) => unreadableValue(source, value));
  return [...variables.slice(0, MOST_NOTES).map(variableUnsupported), ...cannotRead].slice(0, MOST_NOTES);
}

function unreadableValue({ operator }: Condition, value: string): Diagnostic {
  return { code: "UNPARSEABLE_VALUE", message: `\`${excerpt(value)}\` is no value that \`${operator}\` can compare` };
}

function timeFlips({ values }: Condition, { negated, flipsAfterConstant }: Operator, effect: Effect): TimeFlip[] {
  return values.flatMap((value) => {
    const at = policyInstant(value, { effect, negated, ignoreCase: false });
    return at === null ? [] : [{ at, after: flipsAfterConstant }];
  });
}

/** Looks at other spellings of a tag key where the rules lean towards matching (D6, C10). */
function evaluateCondition(rule: ConditionRule, request: EvaluationRequest, notes: Diagnostics | null): Truth {
  if (notes !== null) noteTagScope(rule, request, notes);
  const exact = rule.key.exact(request);
  if (!rule.lenient) return evaluateValues(rule, exact, request, notes);
  const others = rule.key.otherSpellings(request);
  if (others.length === 0) return evaluateValues(rule, exact, request, notes);
  const truths = others.map((values) => evaluateValues(rule, values, request, notes));
  if (rule.operator.negated) return allOf([evaluateValues(rule, exact, request, notes), ...truths]);
  return exact?.length === 0 ? anyOf(truths) : anyOf([evaluateValues(rule, exact, request, notes), ...truths]);
}

function noteTagScope({ key, source }: ConditionRule, { resource }: EvaluationRequest, notes: Diagnostics): void {
  if (key.kind !== "resource-tag" || resource.type !== "SECRET") return;
  const message = `\`${excerpt(source.key)}\` is read from the tags of the secret, which KMS documents for keys only`;
  notes.add({ code: "TAG_SCOPE_INFERRED", message });
}

function evaluateValues(
  rule: ConditionRule,
  values: KeyValues,
  request: EvaluationRequest,
  notes: Diagnostics | null,
): Truth {
  if (values === undefined) return truthWhenNotSupplied(rule);
  if (values.length === 0) return truthWhenAbsent(rule);
  spendOn(rule, values, request);
  const [first] = values;
  if (values.length === 1 && first !== undefined) return evaluateValue(rule, first, notes);
  const single = values.map((value) => evaluateValue(rule, value, notes));
  return rule.needsEvery ? allOf(single) : anyOf(single);
}

function spendOn(rule: ConditionRule, values: readonly RequestValue[], request: EvaluationRequest): void {
  const { cost } = rule.values;
  if (cost.perCharacter > 0) {
    for (const { text } of values) request.spend(cost.perCharacter * text.length);
  }
  if (cost.perValue > 0) request.spend(cost.perValue * values.length);
}

function evaluateValue(rule: ConditionRule, value: RequestValue, notes: Diagnostics | null): Truth {
  const matched = matchesAnyValue(rule, value, notes);
  return rule.operator.negated ? not(matched) : matched;
}

function matchesAnyValue(rule: ConditionRule, requestValue: RequestValue, notes: Diagnostics | null): Truth {
  const { matchesAny } = rule.values;
  const matched = matchesAny === null ? false : matchesAny(requestValue);
  if (matched === true) return "true";
  if (matched === null && notes !== null && !notes.full) notes.add(unreadableValue(rule.source, requestValue.text));
  return matched === null || rule.someUnreadable ? "unknown" : "false";
}

/** D22, C11. An empty list matches nothing, whatever the key turns out to hold. */
function truthWhenNotSupplied({ source, operator, values, someUnreadable, effect }: ConditionRule): Truth {
  if (values.matchesAny !== null) return "residual";
  if (someUnreadable) return "unknown";
  if (operator.negated || (source.setPrefix !== null && effect === "Deny")) return "residual";
  return "false";
}

/** D13, D16, D21, C11, C17. */
function truthWhenAbsent(rule: ConditionRule): Truth {
  const { source, operator, effect } = rule;
  if (operator.negated || source.setPrefix !== null) return effect === "Deny" ? "true" : "false";
  if (effect === "Deny" && isMfaAbsence(rule)) return "true";
  return rule.someUnreadable ? "unknown" : "false";
}

function isMfaAbsence({ source, operator }: ConditionRule): boolean {
  return operator.family === "bool" && foldCase(source.key) === "acs:mfapresent" && source.values.includes("false");
}
