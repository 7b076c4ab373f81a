import { describe, expect, test } from "vitest";
import { decide } from "../../src/domain/evaluation/decide.js";
import type { NearMiss } from "../../src/domain/evaluation/decision.js";
import {
  type Ask,
  allow,
  attached,
  compile,
  deny,
  KEY,
  NOW,
  OTHER_ACCOUNT,
  OWNER,
  principal,
  ROLE,
  requestOf,
  SECRET,
  SESSION,
  USER,
} from "./build.js";

type Attachments = Parameters<typeof requestOf>[0];

function nearMisses(attachments: Attachments, question: Ask = {}): readonly NearMiss[] {
  const options = { scopePrecedence: question.precedence ?? "staged", detail: "NEAR_MISSES" } as const;
  return decide(requestOf(attachments, question), options).nearMisses ?? [];
}

/** `policy/index part part`, nearest first. */
const summary = (misses: readonly NearMiss[]): string[] =>
  misses.map(({ statement, failures }) =>
    [`${statement.policy?.name ?? statement.source}/${statement.index}`, ...failures.map(({ part }) => part)].join(" "),
  );

describe("near misses", () => {
  test("name the condition that failed, with what it wants and what the request has", () => {
    const condition = { StringEquals: { "kms:tag/Project": ["Apollo", "Gemini"] } };
    const [miss] = nearMisses([attached([allow("kms:*", "*", condition)], { name: "P" })], {
      tags: { Project: "Vega" },
    });
    expect(miss).toMatchObject({
      statement: { policy: { name: "P" }, version: "v1", index: 0, effect: "Allow", attachedTo: USER },
      failures: [
        {
          part: "CONDITION",
          operator: "StringEquals",
          key: "kms:tag/Project",
          expected: ["Apollo", "Gemini"],
          actual: ["Vega"],
          message: "`StringEquals` on `kms:tag/Project` does not hold: the request has `Vega` there",
        },
      ],
    });
  });

  test("tell a missing tag from another one", () => {
    const condition = { "ForAnyValue:StringEquals": { "kms:tag/Project": "Apollo" } };
    const [miss] = nearMisses([attached([allow("kms:*", "*", condition)])]);
    expect(miss?.failures).toMatchObject([{ operator: "ForAnyValue:StringEquals", actual: [] }]);
    expect(miss?.failures[0]?.message).toContain("has nothing there");
  });

  test("list every part that failed, and leave out the conditions that hold or are open", () => {
    const condition = {
      StringEquals: { "kms:tag/Project": "Apollo", "acs:SourceVpc": "vpc-1" },
      Bool: { "acs:SecureTransport": "true" },
    };
    const misses = nearMisses([attached([allow("kms:*", SECRET, condition)], { name: "P" })], {
      context: { secureTransport: true },
    });
    expect(summary(misses)).toEqual(["P/0 RESOURCE CONDITION"]);
  });

  test("put conditions before resources before actions", () => {
    const statements = [
      allow("kms:Encrypt", KEY),
      allow("kms:Decrypt", SECRET),
      allow("kms:Decrypt", KEY, { StringEquals: { "kms:tag/a": "b" } }),
    ];
    expect(summary(nearMisses([attached(statements, { name: "P" })]))).toEqual([
      "P/2 CONDITION",
      "P/1 RESOURCE",
      "P/0 ACTION",
    ]);
  });

  test("leave out what is far: other services, and other actions on other resources", () => {
    expect(nearMisses([attached([allow("ecs:*", "*"), allow("kms:Encrypt", SECRET), allow("oss:Get*", KEY)])])).toEqual(
      [],
    );
  });

  test("are at most five", () => {
    const statements = Array.from({ length: 9 }, (_, index) => allow("kms:Decrypt", `${SECRET}-${index}`));
    expect(nearMisses([attached(statements)])).toHaveLength(5);
  });

  test("see policies attached for another resource group, or another time", () => {
    const attachments = [
      attached([allow()], { name: "Group", group: "rg-2" }),
      attached([allow()], { name: "Past", expiresAt: NOW }),
      attached([allow()], { name: "Future", notBefore: NOW + 1_000 }),
    ];
    const misses = nearMisses(attachments, { facts: { resourceGroup: "rg-1" } });
    expect(summary(misses)).toEqual(["Group/0 SCOPE", "Past/0 WINDOW", "Future/0 WINDOW"]);
    expect(misses.map(({ failures }) => failures[0]?.message)).toEqual([
      "the policy is attached for resource group `rg-2`, and the resource is in `rg-1`",
      "the attachment expired at 2026-06-01T12:00:00Z",
      "the attachment begins at 2026-06-01T12:00:01Z",
    ]);
  });

  test("of an explicit deny are the statements that would not have allowed either", () => {
    const statements = [deny("kms:*"), allow("kms:Decrypt", KEY), allow("kms:Decrypt", SECRET)];
    expect(summary(nearMisses([attached(statements, { name: "P" })]))).toEqual(["P/2 RESOURCE"]);
  });

  test("come from the session policy when that one refused", () => {
    const misses = nearMisses([attached([allow()], { attachedTo: ROLE })], {
      who: SESSION,
      session: [allow("kms:Encrypt", KEY)],
    });
    expect(misses).toMatchObject([
      { statement: { source: "SESSION_POLICY", policy: null, index: 0 }, failures: [{ part: "ACTION" }] },
    ]);
  });

  test("come from the trust policy when that one refused", () => {
    const trusted = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [`${USER}2`] } };
    const misses = nearMisses([attached([allow()])], {
      action: "sts:AssumeRole",
      on: ROLE,
      facts: { trustPolicy: compile([trusted], "trust") },
    });
    expect(misses).toMatchObject([
      {
        statement: { source: "TRUST_POLICY" },
        failures: [{ part: "PRINCIPAL", expected: [`${USER}2`], actual: [USER] }],
      },
    ]);
  });

  test("do not exist for what is not denied, across accounts and for the owner", () => {
    const almost = [attached([allow("kms:*", "*", { Bool: { "acs:MFAPresent": "true" } })])];
    expect(nearMisses(almost)).toEqual([]); // CONDITIONAL
    expect(nearMisses([attached([allow()])])).toEqual([]);
    const foreign = KEY.replace(principal(USER).account, OTHER_ACCOUNT);
    expect(nearMisses([attached([allow("kms:Encrypt")])], { on: foreign })).toEqual([]);
    expect(nearMisses([], { who: OWNER, on: foreign })).toEqual([]);
    const denied = [attached([deny()]), attached([allow("kms:*", "acs:oss:*:*:*")])];
    expect(nearMisses(denied).length).toBe(1);
    expect(nearMisses(denied, { on: foreign })).toEqual([]);
  });

  test("say what `NotAction` and `NotResource` keep out", () => {
    const statements = [
      { Effect: "Allow", NotAction: "kms:Decrypt", Resource: "*" },
      { Effect: "Allow", NotAction: ["kms:De*"], Resource: "*" },
      { Effect: "Allow", Action: "kms:*", NotResource: SECRET },
    ];
    const messages = nearMisses([attached(statements)]).flatMap(({ failures }) =>
      failures.map(({ message }) => message),
    );
    expect(messages).toEqual([
      "`NotResource` grants nothing in an Allow statement",
      "its `NotAction` leaves out `kms:Decrypt`",
      "its `NotAction` leaves out `kms:Decrypt`",
    ]);
  });

  test("are worked out only when they are asked for", () => {
    const request = requestOf([attached([allow("kms:Decrypt", SECRET)])]);
    expect(decide(request, { scopePrecedence: "staged" }).nearMisses).toBeNull();
  });

  test("never spoil an answer: they end where the work budget does", () => {
    const values = Array.from({ length: 700 }, (_, index) => `*a*${index}`);
    const costly = { StringLike: { "x:a": values } };
    const context = { entries: [{ key: "x:a", values: ["b".repeat(1_000)] }] };
    const first = attached([allow("kms:Encrypt")], { name: "P" });
    const found = nearMisses([first, attached([allow("kms:*", "*", costly)], { name: "Q" })], { context });
    expect(summary(found)).toEqual(["P/0 ACTION"]);
    expect(summary(nearMisses([attached([allow("kms:*", "*", costly)])], { context }))).toEqual([]);
  });
});
