import type { Config } from "../config.js";
import { type CheckAccessInput, checkAccess } from "../decisions/check-access.js";
import type { Decisions } from "../decisions/decide-many.js";
import type { Ask } from "../decisions/question.js";
import { InvalidInputError } from "../domain/errors.js";
import { type Decision, type NearMiss, withReasons } from "../domain/evaluation/decision.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { withApp } from "./with-app.js";

export interface CheckTarget {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
}

export interface CheckOptions {
  readonly sourceIp?: string;
  readonly time?: string;
  readonly mfa?: string;
  readonly context?: readonly string[];
  readonly json: boolean;
}

/** Decides one question and prints outcome and reason. */
export async function check(config: Config, target: CheckTarget, options: CheckOptions): Promise<ExitCode> {
  const input: CheckAccessInput = {
    ...target,
    context: contextOf(options),
    consistency: { kind: "full" },
    detail: "NEAR_MISSES",
  };
  const decision = withReasons(await withApp(config, ({ decisions }) => checkAccess(askDirectly(decisions), input)));
  process.stdout.write(options.json ? `${JSON.stringify(decision, null, 2)}\n` : describe(decision));
  return decision.outcome === "ALLOW" ? EXIT.ok : EXIT.notAllowed;
}

function askDirectly({ decideMany }: Decisions): Ask {
  return async (question) => {
    const [answer] = await decideMany([question]);
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error("a question without an answer");
    return answer;
  };
}

function describe(decision: Decision): string {
  const { outcome, reason, missingContextKeys, diagnostics, validUntil, nearMisses } = decision;
  const lines = [
    `${outcome}: ${reason}`,
    ...(missingContextKeys.length > 0 ? [`depends on: ${missingContextKeys.join(", ")}`] : []),
    ...(validUntil === null ? [] : [`valid until: ${new Date(validUntil).toISOString()}`]),
    ...diagnostics.map(({ code, message }) => `${code}: ${message}`),
    ...(nearMisses ?? []).map(describeNearMiss),
  ];
  return `${lines.join("\n")}\n`;
}

function describeNearMiss({ statement, failures }: NearMiss): string {
  const where = statement.policy === null ? "" : ` of policy ${statement.policy.name}`;
  return `near miss: statement ${statement.index}${where}: ${failures.map(({ message }) => message).join("; ")}`;
}

function contextOf({ sourceIp, time, mfa, context }: CheckOptions): CheckAccessInput["context"] {
  return {
    ...(sourceIp === undefined ? {} : { sourceIp }),
    ...(time === undefined ? {} : { currentTime: time }),
    ...(mfa === undefined ? {} : { mfaPresent: flag("mfa", mfa) }),
    entries: entriesOf(context ?? []),
  };
}

function flag(option: string, text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new InvalidInputError(`--${option}: \`${text}\` is neither true nor false`);
}

function entriesOf(pairs: readonly string[]): { key: string; values: string[] }[] {
  const entries = new Map<string, string[]>();
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1) throw new InvalidInputError(`--context: \`${pair}\` is not of the form key=value`);
    const values = entries.get(pair.slice(0, at)) ?? [];
    entries.set(pair.slice(0, at), at === pair.length - 1 ? values : [...values, pair.slice(at + 1)]);
  }
  return [...entries].map(([key, values]) => ({ key, values }));
}
