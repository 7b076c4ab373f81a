// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like that
import { describe, expect, test } from "vitest";
import { buildContext } from "../../src/domain/evaluation/context-keys.js";
import { decide } from "../../src/domain/evaluation/decide.js";
import type { Decision } from "../../src/domain/evaluation/decision.js";
import { type ReferenceCase, referenceAnswer } from "../support/reference-evaluator.js";
import {
  ACCOUNT,
  attached,
  compile,
  deny,
  entries,
  NOW,
  OTHER_ACCOUNT,
  principal,
  resource,
  type StatementSource,
} from "./build.js";

const CASES = Number(process.env["DIFFERENTIAL_CASES"] ?? 20_000);
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 1);

/** Mulberry32: small, seeded, good enough to pick test cases. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const ARN = `acs:kms:cn-hangzhou:${ACCOUNT}:`;
const ROLE_ARN = `acs:ram::${ACCOUNT}:role/Deploy`;
const ACTIONS = [
  "kms:Decrypt",
  "kms:Encrypt",
  "kms:CreateKey",
  "kms:GetRandomPassword",
  "kms:DescribeRegions",
  "ecs:Foo",
  "sts:AssumeRole",
];
const RESOURCES = [
  ...[`${ARN}key/k1`, `${ARN}key/k1`, `${ARN}key/k1`],
  `${ARN}key/k1`,
  `${ARN}key/K1`,
  `${ARN}secret/a/b`,
  `${ARN}key`,
  `${ARN}alias/x`,
  "*",
  ROLE_ARN,
  `acs:kms:cn-hangzhou:${OTHER_ACCOUNT}:key/k1`,
  `acs:ram::${OTHER_ACCOUNT}:role/Other`,
  `acs:oss:*:*:bucket/k1`,
];
const PRINCIPALS = ["user/bob", "role/Deploy", "assumed-role/Deploy/ci", "root"].map(
  (id) => `acs:ram::${ACCOUNT}:${id}`,
);
const ACTION_PATTERNS = [
  ...["*", "*", "*", "kms:*", "kms:*", "kms:*"],
  "*",
  "kms:*",
  "KMS:DE*",
  "kms:Decrypt",
  "kms:?ncrypt",
  "k*",
  "ecs:*",
  "sts:AssumeRole",
  "*:*Key",
  "kms:${x}",
];
const RESOURCE_PATTERNS = [
  ...["*", "*", "*", "*", "*", "acs:kms:*:*:*", "acs:kms:*:*:*"],
  "*",
  "**",
  "acs:kms:*:*:*",
  "acs:KMS:*:*:key/*",
  "acs:kms:*:*:key*",
  `${ARN}key/k1`,
  `${ARN}key/K1`,
  `${ARN}key/k?`,
  "acs:kms:*",
  "acs:kms:*:*:*/*",
  "acs:*:*hang*:*:*",
  "ACS:kms:*:*:*",
  "acs:kms:*:*:key/${x}",
  `${ARN}key/k1,*`,
  "acs:ram:*:*:role/DEPLOY",
  "acs:ram:*:*:ROLE/*",
  "acs:oss:*:*:bucket/*",
  "key/k1",
  `acs:kms:*:${OTHER_ACCOUNT}:*`,
  "acs:kms:cn-hangzhou::key/*",
];
const OPERATORS = [
  "StringEquals",
  "StringNotEquals",
  "StringEqualsIgnoreCase",
  "StringNotEqualsIgnoreCase",
  "StringLike",
  "StringNotLike",
  "NumericEquals",
  "NumericNotEquals",
  "NumericLessThan",
  "NumericGreaterThanEquals",
  "DateEquals",
  "DateNotEquals",
  "DateLessThan",
  "DateGreaterThan",
  "Bool",
  "IpAddress",
  "NotIpAddress",
  "Null",
  "stringEquals",
];
const KEYS = [
  ...["kms:tag/Project", "kms:tag/Project"],
  "kms:tag/Project",
  "KMS:Tag/project",
  "acs:ResourceTag/Project",
  "acs:RequestTag/Team",
  "acs:RequestTag/team",
  "acs:SourceIp",
  "acs:CurrentTime",
  "ACS:MFAPresent",
  "acs:PrincipalARN",
  "Action",
  "x:num",
  "x:multi",
];
const VALUES = [
  ...["Apollo", "apollo"],
  "Apollo",
  "apollo",
  "A*",
  "*",
  "?pollo",
  "1",
  "10.0",
  "-2",
  "true",
  "false",
  "10.0.0.0/8",
  "10.1.2.3",
  "010.0.0.1",
  "::ffff:10.0.0.1",
  "2026-06-01T12:00:00Z",
  "2026-06-01T12:00:00",
  "2026-06-01T20:00:00+08:00",
  "2026-02-30T00:00:00Z",
  "${x}",
  "kms:DECRYPT",
  `acs:ram::${ACCOUNT}:user/BOB`,
  "acs:ram:*:*:role/deploy",
  "",
];
const SUPPLIED = [
  "acs:RequestTag/Team",
  "acs:RequestTag/team",
  "acs:SourceIp",
  "acs:MFAPresent",
  "x:num",
  "x:multi",
  "kms:tag/Project",
];
const TRUSTED = [
  `acs:ram::${ACCOUNT}:root`,
  `acs:ram::${ACCOUNT}:*`,
  ...PRINCIPALS,
  `acs:ram::${ACCOUNT}:user/BOB`,
  ROLE_ARN,
  "acs:ram::*:user/*",
  "${x}",
  `acs:ram::${OTHER_ACCOUNT}:root`,
];

/** Makes random cases; every choice is one draw, so a seed gives the same cases for ever. */
class CaseMaker {
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.random() * list.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  }

  some<T>(list: readonly T[], most: number): T[] {
    return Array.from({ length: Math.floor(this.random() * (most + 1)) }, () => this.pick(list));
  }

  atLeastOne<T>(list: readonly T[]): T[] {
    return [this.pick(list), ...this.some(list, 1)];
  }

  condition(): Record<string, unknown> {
    const condition: Record<string, Record<string, unknown>> = {};
    for (const name of this.atLeastOne(OPERATORS)) {
      const operator = this.chance(0.2) ? `${this.pick(["ForAllValues", "ForAnyValue"])}:${name}` : name;
      condition[operator] = Object.fromEntries(this.atLeastOne(KEYS).map((key) => [key, this.some(VALUES, 3)]));
    }
    return condition;
  }

  statement(): StatementSource {
    const actions = this.atLeastOne(ACTION_PATTERNS);
    const resources = this.atLeastOne(RESOURCE_PATTERNS);
    return {
      Effect: this.chance(0.7) ? "Allow" : "Deny",
      ...(this.chance(0.1) ? { NotAction: actions } : { Action: actions }),
      ...(this.chance(0.1) ? { NotResource: resources } : { Resource: resources }),
      ...(this.chance(0.5) ? { Condition: this.condition() } : {}),
    };
  }

  document(): { readonly Version: string; readonly Statement: readonly StatementSource[] } {
    return { Version: "1", Statement: [this.statement(), ...(this.chance(0.5) ? [this.statement()] : [])] };
  }

  trust(): { readonly Version: string; readonly Statement: readonly StatementSource[] } {
    const statement = {
      Effect: this.chance(0.8) ? "Allow" : "Deny",
      Action: this.atLeastOne(ACTION_PATTERNS),
      Principal: { RAM: this.atLeastOne(TRUSTED) },
      ...(this.chance(0.3) ? { Condition: this.condition() } : {}),
    };
    return { Version: "1", Statement: [statement] };
  }

  attachment(): ReferenceCase["attachments"][number] {
    return {
      document: this.chance(0.04) ? null : this.document(),
      group: this.chance(0.35) ? this.pick(["rg-1", "rg-1", "rg-1", "rg-2"]) : null,
      notBefore: this.chance(0.15) ? this.pick([NOW - 1, NOW, NOW + 1]) : null,
      expiresAt: this.chance(0.15) ? this.pick([NOW - 1, NOW, NOW + 1]) : null,
    };
  }

  next(): ReferenceCase {
    const who = this.pick(PRINCIPALS);
    const assume = this.chance(0.1);
    const on = assume ? this.pick([ROLE_ARN, `acs:ram::${OTHER_ACCOUNT}:role/Other`]) : this.pick(RESOURCES);
    const isItem = /:(key|secret)\//.test(on);
    return {
      principal: who,
      action: assume ? "sts:AssumeRole" : this.pick(ACTIONS),
      resource: on,
      resourceGroup: isItem && this.chance(0.8) ? "rg-1" : null,
      tags: isItem
        ? Object.fromEntries(this.some(["Project", "project", "team"], 3).map((tag) => [tag, this.pick(VALUES)]))
        : {},
      context: Object.fromEntries(this.some(SUPPLIED, 4).map((key) => [key, this.some(VALUES, 2)])),
      now: NOW,
      attachments: [this.attachment(), ...this.some([0, 1], 2).map(() => this.attachment())],
      session: /role\//.test(who) && this.chance(0.3) ? this.document() : null,
      trust: on.includes(":role/") && this.chance(0.8) ? this.trust() : null,
      precedence: this.pick(["staged", "deny-overrides"]),
    };
  }
}

function evaluate(input: ReferenceCase): Decision {
  const attachments = input.attachments.map(({ document, group, notBefore, expiresAt }) => ({
    ...attached(document === null ? null : document.Statement, group === null ? { name: "P" } : { name: "P", group }),
    notBefore,
    expiresAt,
  }));
  const request = {
    principal: principal(input.principal, attachments),
    action: input.action,
    resource: resource(input.resource, {
      resourceGroup: input.resourceGroup,
      tags: new Map(Object.entries(input.tags)),
      trustPolicy: input.trust === null ? null : compile(input.trust.Statement, "trust"),
    }),
    context: buildContext(entries(input.context)),
    now: input.now,
    sessionPolicy: input.session === null ? null : compile(input.session.Statement),
  };
  return decide(request, { scopePrecedence: input.precedence });
}

const casesOf = (seed: number, count: number): ReferenceCase[] => {
  const maker = new CaseMaker(seed);
  return Array.from({ length: count }, () => maker.next());
};

test(`${CASES} random cases come out as the naive evaluator has them`, () => {
  const seen: Record<string, number> = {};
  const maker = new CaseMaker(SEED);
  for (let index = 0; index < CASES; index++) {
    const input = maker.next();
    const decision = evaluate(input);
    const { outcome, missingContextKeys } = decision;
    const actual = { outcome, missingContextKeys: [...missingContextKeys].sort() };
    const expected = referenceAnswer(input);
    if (JSON.stringify(actual) !== JSON.stringify(expected)) {
      throw new Error(
        `case ${index}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}: ${JSON.stringify(input)}`,
      );
    }
    seen[outcome] = (seen[outcome] ?? 0) + 1;
  }
  for (const outcome of ["ALLOW", "EXPLICIT_DENY", "IMPLICIT_DENY", "CONDITIONAL"]) {
    expect(seen[outcome], outcome).toBeGreaterThan(CASES / 100);
  }
}, 60_000);

describe("laws, on random cases", () => {
  const cases = casesOf(SEED + 1, 1_500);
  const document = (...statements: readonly StatementSource[]) => ({ Version: "1", Statement: statements });
  const withStatement = (input: ReferenceCase, statement: StatementSource): ReferenceCase => ({
    ...input,
    attachments: [
      ...input.attachments,
      { document: document(statement), group: null, notBefore: null, expiresAt: null },
    ],
  });
  const reach = { ALLOW: 2, CONDITIONAL: 1, IMPLICIT_DENY: 0, EXPLICIT_DENY: 0 };

  test("one more Deny never widens", () => {
    const maker = new CaseMaker(SEED + 2);
    for (const input of cases) {
      // Under `staged` a Deny beside a group-level Allow ends the step earlier, which narrows too.
      const narrowed = evaluate(withStatement(input, { ...maker.statement(), Effect: "Deny" }));
      expect(reach[narrowed.outcome]).toBeLessThanOrEqual(reach[evaluate(input).outcome]);
    }
  });

  test("one more Allow never narrows", () => {
    const maker = new CaseMaker(SEED + 3);
    for (const input of cases) {
      const widened = evaluate(withStatement(input, { ...maker.statement(), Effect: "Allow" }));
      expect(reach[widened.outcome]).toBeGreaterThanOrEqual(reach[evaluate(input).outcome]);
    }
  });

  test("a Deny of everything leaves nothing allowed", () => {
    for (const input of cases) {
      if (input.principal.endsWith(":root") || input.action === "kms:DescribeRegions") continue;
      expect(["EXPLICIT_DENY", "IMPLICIT_DENY"]).toContain(evaluate(withStatement(input, deny())).outcome);
    }
  });

  test("order and duplicates do not matter", () => {
    const turned = (input: ReferenceCase): ReferenceCase => ({
      ...input,
      attachments: [...input.attachments, ...input.attachments].reverse().map((attachment) => ({
        ...attachment,
        document: attachment.document === null ? null : document(...[...attachment.document.Statement].reverse()),
      })),
    });
    for (const input of cases) {
      const { outcome, decidedBy, validFrom, validUntil, certainty } = evaluate(input);
      expect(evaluate(turned(input))).toMatchObject({ outcome, decidedBy, validFrom, validUntil, certainty });
    }
  });

  test("what is stated about a missing key only refines the answer", () => {
    const refinements = {
      ALLOW: ["ALLOW"],
      EXPLICIT_DENY: ["EXPLICIT_DENY"],
      IMPLICIT_DENY: ["IMPLICIT_DENY", "EXPLICIT_DENY"],
      CONDITIONAL: ["ALLOW", "EXPLICIT_DENY", "IMPLICIT_DENY", "CONDITIONAL"],
    };
    for (const input of cases) {
      const before = evaluate(input);
      // A tag key is left out: stating one spelling also tells something about the others.
      const key = before.missingContextKeys.find((missing) => !missing.includes("/"));
      if (key === undefined) continue;
      for (const values of [[], ["true"], ["10.1.2.3"], ["Apollo", "1"]]) {
        const after = evaluate({ ...input, context: { ...input.context, [key]: values } });
        expect(refinements[before.outcome]).toContain(after.outcome);
      }
    }
  });

  test("the same question has the same answer", () => {
    for (const input of cases.slice(0, 300)) {
      const [first, second] = [evaluate(input), evaluate(input)];
      expect([first.outcome, first.validUntil, first.diagnostics]).toEqual([
        second.outcome,
        second.validUntil,
        second.diagnostics,
      ]);
    }
  });
});
