import { describe, expect, test } from "vitest";
import type { IssuedSession } from "../../src/domain/evaluation/access-request.js";
import { decide } from "../../src/domain/evaluation/decide.js";
import type { Decision, Detail } from "../../src/domain/evaluation/decision.js";
import { combineGates, type DefiniteOutcome, listOutcomes } from "../../src/domain/evaluation/outcome-set.js";
import {
  type Ask,
  allow,
  attached,
  codes,
  compile,
  deny,
  KEY,
  NOW,
  requestOf,
  SESSION,
  type StatementSource,
} from "./build.js";

const HOUR = 3_600_000;
const MFA = { Bool: { "acs:MFAPresent": "true" } };

function issued(policy: readonly StatementSource[] | null, times: Partial<IssuedSession> = {}): IssuedSession {
  const carried = policy === null ? null : { compiled: compile(policy) };
  return { issuedAt: NOW - HOUR, expiresAt: NOW + HOUR, revokedAt: null, policy: carried, ...times };
}

/** The role may do everything; what the sessions leave of it. */
function askSession(
  sessions: readonly IssuedSession[],
  ask: Ask = {},
  statements: readonly StatementSource[] = [allow()],
  detail: Detail = "REASONS",
): Decision {
  const request = requestOf([attached(statements)], { who: SESSION, ...ask });
  const principal = { ...request.principal, issued: sessions };
  return decide({ ...request, principal }, { scopePrecedence: "staged", detail });
}

describe("a session that was issued", () => {
  test("under no name of its own has what its role has", () => {
    expect(askSession([])).toMatchObject({ outcome: "ALLOW", validFrom: null, validUntil: null });
  });

  test("without a policy may do what its role may, until it ends", () => {
    expect(askSession([issued(null)])).toMatchObject({
      outcome: "ALLOW",
      validFrom: NOW - HOUR,
      validUntil: NOW + HOUR,
    });
    expect(askSession([issued(null)], {}, [])).toMatchObject({ outcome: "IMPLICIT_DENY", validUntil: NOW + HOUR });
  });

  test.each<[string, Partial<IssuedSession>, boolean]>([
    ["at the instant of its issue", { issuedAt: NOW }, true],
    ["before its issue", { issuedAt: NOW + 1 }, false],
    ["just before it expires", { expiresAt: NOW + 1 }, true],
    ["when it expires", { expiresAt: NOW }, false],
    ["just before it is revoked", { revokedAt: NOW + 1 }, true],
    ["when it is revoked", { revokedAt: NOW }, false],
  ])("decides by its window: %s", (_when, times, active) => {
    const decision = askSession([issued(null, times)]);
    expect(decision.outcome).toBe(active ? "ALLOW" : "IMPLICIT_DENY");
    expect(codes(decision)).toEqual(active ? [] : ["SESSION_INACTIVE"]);
  });

  test("and has ended decides nothing at all", () => {
    const ended = [issued(null, { expiresAt: NOW - 1 })];
    const decision = askSession(ended, {}, [deny()], "NEAR_MISSES");
    expect(decision).toMatchObject({
      outcome: "IMPLICIT_DENY",
      decidedBy: "SESSION_POLICY",
      certainty: "EXACT",
      reason: "The session has expired or was revoked.",
      matchedStatements: [],
      missingContextKeys: [],
      nearMisses: [],
      validUntil: null,
    });
    for (const action of ["kms:DescribeRegions", "kms:ListKeys", "sts:AssumeRole"]) {
      expect(askSession(ended, { action, on: "*" }).outcome).toBe("IMPLICIT_DENY");
    }
  });

  test("is asked about within the bounds of all sessions of its name", () => {
    const sessions = [
      issued(null, { expiresAt: NOW - 5 }),
      issued(null, { issuedAt: NOW - 3, expiresAt: NOW + 9 }),
      issued(null, { issuedAt: NOW + 4, expiresAt: NOW + 8, revokedAt: NOW + 6 }),
    ];
    expect(askSession(sessions)).toMatchObject({ validFrom: NOW - 3, validUntil: NOW + 4 });
    expect(askSession(sessions.slice(0, 1))).toMatchObject({ validFrom: NOW - 5, validUntil: null });
    expect(askSession(sessions, { action: "kms:DescribeRegions", on: "*" })).toMatchObject({
      outcome: "ALLOW",
      validUntil: NOW + 4,
    });
  });
});

describe("session policies", () => {
  const read = allow("kms:Decrypt", KEY);

  test("of all active sessions of a name withhold, those of ended ones do not", () => {
    const narrow = issued([allow("kms:Encrypt")]);
    expect(askSession([issued([read]), issued(null)]).outcome).toBe("ALLOW");
    expect(askSession([issued([read]), narrow])).toMatchObject({
      outcome: "IMPLICIT_DENY",
      decidedBy: "SESSION_POLICY",
      reason: "The session policy does not allow `kms:Decrypt` on this key.",
    });
    expect(askSession([issued([read]), { ...narrow, revokedAt: NOW }]).outcome).toBe("ALLOW");
  });

  test("that were given and that are stored gate together", () => {
    const outcome = (stored: StatementSource[], given: StatementSource[]) =>
      askSession([issued(stored)], { session: given }).outcome;
    expect(outcome([read], [read])).toBe("ALLOW");
    expect(outcome([read], [allow("kms:Encrypt")])).toBe("IMPLICIT_DENY");
    expect(outcome([allow("kms:Encrypt")], [read])).toBe("IMPLICIT_DENY");
    expect(outcome([allow("kms:Encrypt")], [deny()])).toBe("EXPLICIT_DENY");
    expect(outcome([deny()], [allow("kms:Encrypt")])).toBe("EXPLICIT_DENY");
    const decision = askSession([issued([read])], { session: [read] });
    expect(decision.matchedStatements.map(({ source }) => source)).toEqual([
      "SESSION_POLICY",
      "SESSION_POLICY",
      "IDENTITY_POLICY",
    ]);
  });

  test("never widen: a gate that allows leaves the role's denial as it is", () => {
    expect(askSession([issued([allow()])], { session: [allow()] }, []).outcome).toBe("IMPLICIT_DENY");
    expect(askSession([issued([allow()])], { session: [allow()] }, [deny()]).outcome).toBe("EXPLICIT_DENY");
  });

  test.each<[string, StatementSource[], StatementSource[], string]>([
    ["one depends, the other allows", [allow("*", "*", MFA)], [allow()], "CONDITIONAL"],
    ["one depends, the other is silent", [allow("*", "*", MFA)], [allow("kms:Encrypt")], "IMPLICIT_DENY"],
    ["one depends, the other denies", [allow("*", "*", MFA)], [deny()], "EXPLICIT_DENY"],
    ["one may deny, the other allows", [allow(), deny("*", "*", MFA)], [allow()], "CONDITIONAL"],
    ["one may deny, the other is silent", [allow(), deny("*", "*", MFA)], [allow("kms:Encrypt")], "IMPLICIT_DENY"],
    ["both depend", [allow("*", "*", MFA)], [allow("*", "*", MFA)], "CONDITIONAL"],
  ])("%s", (_what, one, other, outcome) => {
    expect(askSession([issued(one)], { session: other }).outcome).toBe(outcome);
    expect(askSession([issued(other)], { session: one }).outcome).toBe(outcome);
    expect(askSession([issued(one), issued(other)]).outcome).toBe(outcome);
  });

  test("tell which context would settle them, both of them", () => {
    const https = { Bool: { "acs:SecureTransport": "true" } };
    const decision = askSession([issued([allow("*", "*", MFA)])], { session: [allow("*", "*", https)] });
    expect(decision).toMatchObject({ outcome: "CONDITIONAL", decidedBy: "SESSION_POLICY" });
    expect([...decision.missingContextKeys].sort()).toEqual(["acs:MFAPresent", "acs:SecureTransport"]);
    const context = { mfaPresent: true, secureTransport: true };
    const both = { session: [allow("*", "*", https)], context };
    expect(askSession([issued([allow("*", "*", MFA)])], both).outcome).toBe("ALLOW");
  });

  test("show near misses of every gate that was read", () => {
    const decision = askSession(
      [issued([allow("kms:Encrypt", KEY)])],
      { session: [allow("kms:Decrypt", `${KEY}x`)] },
      [allow()],
      "NEAR_MISSES",
    );
    expect(decision.nearMisses?.map(({ failures }) => failures.map(({ part }) => part))).toEqual([
      ["RESOURCE"],
      ["ACTION"],
    ]);
  });

  test("that cannot be read may say anything", () => {
    const decision = askSession([issued(null), { ...issued(null), policy: { compiled: null } }]);
    expect(decision).toMatchObject({ outcome: "CONDITIONAL", certainty: "CONSERVATIVE" });
    expect(codes(decision)).toEqual(["INCOMPLETE_POLICY_SET"]);
  });
});

describe("two gates", () => {
  const sets = [1, 2, 3, 4, 5, 6, 7];
  const worse: DefiniteOutcome[] = ["EXPLICIT_DENY", "IMPLICIT_DENY", "ALLOW"];

  test("come to what any pair of their outcomes comes to, the worse one", () => {
    for (const one of sets) {
      for (const other of sets) {
        const pairs = listOutcomes(one).flatMap((a) => listOutcomes(other).map((b) => [a, b]));
        const expected = new Set(pairs.map((pair) => worse.find((outcome) => pair.includes(outcome))));
        expect(new Set(listOutcomes(combineGates(one, other)))).toEqual(expected);
      }
      expect(combineGates(0, one)).toBe(one);
      expect(combineGates(one, 0)).toBe(one);
    }
    expect(combineGates(0, 0)).toBe(0);
  });
});
