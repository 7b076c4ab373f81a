import { excerpt } from "../arn.js";
import type { Diagnostic } from "../evaluation/decision.js";
import { type Diagnostics, type EvaluationRequest, MOST_NOTES } from "../evaluation/evaluation-request.js";
import type { Condition, Effect } from "../policy/document.js";
import { variableUnsupported } from "../policy/resource-pattern.js";
import { didYouMean } from "../suggest.js";
import { foldCase } from "../wildcard.js";
import { type ConditionKey, type KeyValues, resolveConditionKey } from "./condition-key.js";
import { type AnyValueTest, findOperator, OPERATOR_NAMES, type Operator, policyInstant } from "./operators.js";
import { allOf, anyOf, leaningOf, not, type Truth } from "./truth.js";

/** An instant at which a date comparison with `acs:CurrentTime` changes; `after`: also right behind it. */
export interface TimeFlip {
  readonly at: number;
  readonly after: boolean;
}

/** A condition, ready to be evaluated. */
export interface CompiledCondition {
  readonly source: Condition;
  readonly evaluate: (request: EvaluationRequest, diagnostics: Diagnostics) => Truth;
  readonly flips: readonly TimeFlip[];
  /** Compares the current time in a way whose flips are not known: the answer holds for this instant only. */
  readonly timeVolatile: boolean;
  /** What the text of the condition gives rise to whenever it is consulted. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Compiles one condition of a statement with `effect` (D13–D22, C6–C11, C17, C20). */
export function compileCondition(source: Condition, effect: Effect): CompiledCondition {
  const operator = findOperator(source.operator);
  if (operator === undefined) return unknownCondition(source);
  const key = resolveConditionKey(source.key);
  const values = compileValues(source, operator, effect);
  const rule: ConditionRule = { source, operator, effect, key, ...values };
  return {
    source,
    evaluate: (request, diagnostics) => evaluateCondition(rule, request, diagnostics),
    flips: key.kind === "current-time" && operator.family === "date" ? timeFlips(rule) : [],
    timeVolatile: key.kind === "current-time" && operator.family === "string",
    diagnostics: values.diagnostics,
  };
}

function unknownCondition(source: Condition): CompiledCondition {
  const suggestion = didYouMean(source.operator, OPERATOR_NAMES);
  const message = `operator \`${excerpt(source.operator)}\` is not supported${suggestion}`;
  return {
    source,
    evaluate: () => "unknown",
    flips: [],
    timeVolatile: false,
    diagnostics: [{ code: "UNKNOWN_OPERATOR", message }],
  };
}

interface CompiledValues {
  /** Null when the policy has no value that can be read. */
  readonly matchesAny: AnyValueTest | null;
  /** Some value of the policy cannot be read: it counts as `unknown`. */
  readonly someUnreadable: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

interface ConditionRule extends CompiledValues {
  readonly source: Condition;
  readonly operator: Operator;
  readonly effect: Effect;
  readonly key: ConditionKey;
}

function compileValues(source: Condition, operator: Operator, effect: Effect): CompiledValues {
  const ignoreCase = ["action", "acs:principalarn"].includes(foldCase(source.key));
  const variables = source.values.filter((value) => value.includes("${"));
  const plain = source.values.filter((value) => !value.includes("${"));
  const { matchesAny, unreadable } = operator.compile(plain, { effect, negated: operator.negated, ignoreCase });
  const diagnostics = [
    ...variables.map(variableUnsupported),
    ...unreadable.map((value) => unreadableValue(source, value)),
  ].slice(0, MOST_NOTES);
  return { matchesAny, diagnostics, someUnreadable: diagnostics.length > 0 };
}

function unreadableValue({ operator }: Condition, value: string): Diagnostic {
  return { code: "UNPARSEABLE_VALUE", message: `\`${excerpt(value)}\` is no value that \`${operator}\` can compare` };
}

function timeFlips({ source, operator, effect }: ConditionRule): TimeFlip[] {
  const setting = { effect, negated: operator.negated, ignoreCase: false };
  return source.values.flatMap((value) => {
    const at = policyInstant(value, setting);
    return at === null ? [] : [{ at, after: operator.flipsAfterConstant }];
  });
}

/** Looks at other spellings of a tag key where the rules lean towards matching (D6, C10). */
function evaluateCondition(rule: ConditionRule, request: EvaluationRequest, diagnostics: Diagnostics): Truth {
  if (rule.key.kind === "resource-tag" && request.resource?.type === "SECRET") diagnostics.add(tagScopeInferred(rule));
  const truthOf = (values: KeyValues): Truth => evaluateValues(rule, values, diagnostics);
  const exact = rule.key.exact(request);
  if (leaningOf(rule.effect, rule.operator.negated) === "strict") return truthOf(exact);
  const others = rule.key.otherSpellings(request).filter((values) => values.length > 0);
  if (others.length === 0) return truthOf(exact);
  if (rule.operator.negated) return allOf([truthOf(exact), ...others.map(truthOf)]);
  return anyOf([...(exact?.length === 0 ? [] : [truthOf(exact)]), ...others.map(truthOf)]);
}

function tagScopeInferred({ source }: ConditionRule): Diagnostic {
  const message = `\`${excerpt(source.key)}\` is read from the tags of the secret, which KMS documents for keys only`;
  return { code: "TAG_SCOPE_INFERRED", message };
}

function evaluateValues(rule: ConditionRule, values: KeyValues, diagnostics: Diagnostics): Truth {
  if (values === undefined) return truthWhenNotSupplied(rule);
  if (values.length === 0) return truthWhenAbsent(rule);
  const single = values.map((value) => {
    const matched = matchesAnyValue(rule, value, diagnostics);
    return rule.operator.negated ? not(matched) : matched;
  });
  return needsEveryValue(rule) ? allOf(single) : anyOf(single);
}

/** Set prefixes say it (D16, C20); without one an Allow needs every request value, a Deny any (D17). */
function needsEveryValue({ source, effect }: ConditionRule): boolean {
  if (source.setPrefix !== null) return source.setPrefix === "ForAllValues";
  return effect === "Allow";
}

function matchesAnyValue(rule: ConditionRule, requestValue: string, diagnostics: Diagnostics): Truth {
  const matched = rule.matchesAny === null ? false : rule.matchesAny(requestValue);
  if (matched === true) return "true";
  if (matched === null && !diagnostics.full) diagnostics.add(unreadableValue(rule.source, requestValue));
  return matched === null || rule.someUnreadable ? "unknown" : "false";
}

/** D22, C11. An empty list matches nothing, whatever the key turns out to hold. */
function truthWhenNotSupplied({ source, operator, matchesAny, someUnreadable, effect }: ConditionRule): Truth {
  if (matchesAny !== null) return "residual";
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
