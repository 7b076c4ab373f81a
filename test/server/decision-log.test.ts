import { pino } from "pino";
import { describe, expect, test } from "vitest";
import type { Answer, Question } from "../../src/decisions/decide-many.js";
import { InvalidInputError, NotFoundError } from "../../src/domain/errors.js";
import { redactForms } from "../../src/redaction.js";
import { createDecisionLog } from "../../src/server/decision-log.js";
import type { Denial } from "../../src/store/denials.js";

const QUESTION: Question = { principal: "acs:ram::1:user/a", resource: "acs:kms:r:1:key/k", actions: null };

function answer(...outcomes: string[]): Answer {
  const decisions = outcomes.map((outcome) => ({
    ...{ principal: QUESTION.principal, resource: QUESTION.resource, action: "kms:Decrypt" },
    ...{ outcome, decidedBy: "ACCOUNT_OWNER" },
  }));
  return { decisions, cache: "HIT", revision: () => "v1.x.y" } as unknown as Answer;
}

function open(mode: "denials" | "all", sample = 1, level = "warn") {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level, base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  let now = 0;
  const kept: Denial[] = [];
  const decisionLog = createDecisionLog({ log, mode, sample, redact: redactForms, clock: () => now });
  decisionLog.keepIn((denial) => kept.push(denial));
  const asker = { requestId: "r-1", caller: { kind: "OPERATOR", credentialId: "op" } } as const;
  const hear = (...answers: (Answer | Error)[]) =>
    decisionLog.onDecisions(
      asker,
      answers.map(() => QUESTION),
      answers,
    );
  const ask = (question: Question, answered: Answer | Error) => decisionLog.onDecisions(asker, [question], [answered]);
  return {
    lines,
    kept,
    hear,
    ask,
    counts: decisionLog.counts,
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

describe("the decision log", () => {
  test("has a line for each decision, whatever LOG_LEVEL says", () => {
    const { lines, hear } = open("all");
    hear(answer("ALLOW", "EXPLICIT_DENY"));
    expect(lines.map(({ outcome }) => outcome)).toEqual(["ALLOW", "EXPLICIT_DENY"]);
    expect(lines[0]).toEqual({
      ...{ level: 30, time: expect.any(Number), msg: "decision", requestId: "r-1", cache: "HIT", revision: "v1.x.y" },
      ...{ principal: QUESTION.principal, resource: QUESTION.resource, action: "kms:Decrypt" },
      ...{ outcome: "ALLOW", reason: "ACCOUNT_OWNER" },
    });
  });

  test("of denials has whatever is not ALLOW, errors included", () => {
    const { lines, hear } = open("denials");
    hear(answer("ALLOW", "CONDITIONAL", "IMPLICIT_DENY"), new NotFoundError("no such principal"), answer("ALLOW"));
    expect(lines.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ["CONDITIONAL", "ACCOUNT_OWNER"],
      ["IMPLICIT_DENY", "ACCOUNT_OWNER"],
      ["ERROR", "NOT_FOUND"],
    ]);
  });

  test("keeps what is not ALLOW and has a line, with who asked, and without secrets", () => {
    const { lines, kept, hear } = open("all");
    hear(answer("ALLOW", "EXPLICIT_DENY"), new NotFoundError("no such principal"));
    const common = {
      ...{ at: expect.any(Number), account: "1", principal: QUESTION.principal, resource: QUESTION.resource },
      ...{ caller: "operator:op", requestId: "r-1" },
    };
    expect(lines).toHaveLength(3);
    expect(kept).toEqual([
      { ...common, action: "kms:Decrypt", outcome: "EXPLICIT_DENY", decidedBy: "ACCOUNT_OWNER", error: null },
      { ...common, action: null, outcome: null, decidedBy: null, error: "NOT_FOUND" },
    ]);
  });

  test("keeps no secret that somebody took for a resource, and nothing about nobody", () => {
    const { kept, ask } = open("denials");
    const secret = `rg_abc_${"s".repeat(43)}`;
    ask({ ...QUESTION, resource: secret }, new InvalidInputError("no arn"));
    ask({ ...QUESTION, principal: secret }, new InvalidInputError("no arn"));
    expect(kept.map(({ resource }) => resource)).toEqual(["rg_abc_[redacted]"]);
  });

  test("is a sample of them", () => {
    const { lines, hear, pass } = open("all", 0.2);
    for (let time = 0; time < 2_000; time += 1) {
      hear(answer("ALLOW"));
      pass(10);
    }
    expect(lines.length).toBeGreaterThan(250);
    expect(lines.length).toBeLessThan(550);
  });

  test("drops what is more than a thousand lines in a second, counts it and says so", () => {
    const { lines, hear, counts, pass } = open("all");
    hear(answer(...Array.from({ length: 1_500 }, () => "ALLOW")));
    expect(lines).toHaveLength(1_000);
    expect(counts()).toEqual({ written: 1_000, dropped: 500 });
    pass(1_000);
    hear(answer("ALLOW"));
    expect(lines.slice(1_000)).toEqual([
      { level: 40, time: expect.any(Number), dropped: 500, msg: "decision log: lines were dropped" },
      expect.objectContaining({ msg: "decision" }),
    ]);
  });

  test("says nothing where nobody wants any log", () => {
    const { lines, hear } = open("all", 1, "silent");
    hear(answer("ALLOW"));
    expect(lines).toEqual([]);
  });
});
