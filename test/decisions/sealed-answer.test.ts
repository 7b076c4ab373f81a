import { createHmac, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CachedAnswer, openAnswer, sealAnswer } from "../../src/decisions/sealed-answer.js";
import type { Decision } from "../../src/domain/evaluation/decision.js";

const mac = randomBytes(32);
const decision: Decision = {
  principal: "p",
  action: "kms:Decrypt",
  resource: "r",
  outcome: "ALLOW",
  certainty: "EXACT",
  decidedBy: "ACCOUNT_OWNER",
  reason: "because é \ud83d\ude00",
  matchedStatements: [],
  missingContextKeys: [],
  residualConditions: [],
  diagnostics: [],
  nearMisses: null,
  validFrom: null,
  validUntil: 1_893_456_000_000,
};
const answer: CachedAnswer = {
  decisions: [decision],
  resource: { arn: "r", registered: true, keyState: "ENABLED", encryptionKeyArn: null, aliasTargetArn: null },
  evaluatedAt: 1_700_000_000_000,
  validFrom: null,
  validUntil: 1_893_456_000_000,
};
const sealed = sealAnswer(mac, "key", answer);

/** Seals what the gateway would never seal. */
function sealAnything(payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([createHmac("sha256", mac).update("key\0").update(bytes).digest(), bytes]);
}

describe("sealed answer", () => {
  it("opens under its key", () => {
    expect(openAnswer(mac, "key", sealed)).toMatchObject(answer);
  });

  it("does not open under another key, another mac key, or with the seal of another answer", () => {
    expect(openAnswer(mac, "key2", sealed)).toBeNull();
    expect(openAnswer(randomBytes(32), "key", sealed)).toBeNull();
    const other = sealAnswer(mac, "key", { ...answer, evaluatedAt: 1 });
    expect(openAnswer(mac, "key", Buffer.concat([other.subarray(0, 32), sealed.subarray(32)]))).toBeNull();
  });

  it("does not open after any change of a bit, cut or addition", () => {
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.nat(7), fc.nat(sealed.length - 1), (at, bit, length) => {
        const flipped = Buffer.from(sealed);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        expect(openAnswer(mac, "key", flipped)).toBeNull();
        expect(openAnswer(mac, "key", sealed.subarray(0, length))).toBeNull();
        expect(openAnswer(mac, "key", Buffer.concat([sealed, randomBytes(1 + bit)]))).toBeNull();
      }),
      { numRuns: 500 },
    );
    expect(openAnswer(mac, "key", Buffer.alloc(0))).toBeNull();
    expect(openAnswer(mac, "key", Buffer.alloc(10_000_000))).toBeNull();
  });

  const broken = (change: object): string => JSON.stringify({ format: 1, ...answer, ...change });
  const decision = answer.decisions[0];
  it.each([
    ["no json", "{"],
    ["no bytes of utf-8", Buffer.from([0xff, 0xfe])],
    ["null", "null"],
    ["a list", "[]"],
    ["another format", broken({ format: 2 })],
    ["no decisions", broken({ decisions: null })],
    ["an unknown outcome", broken({ decisions: [{ ...decision, outcome: "allow" }] })],
    ["no outcome", broken({ decisions: [{ ...decision, outcome: undefined }] })],
    ["no list of statements", broken({ decisions: [{ ...decision, matchedStatements: {} }] })],
    ["a text as a date", broken({ validUntil: "2030" })],
    ["no date", broken({ validUntil: undefined })],
    ["no resource", broken({ resource: null })],
  ])("is a miss when its payload is %s", (_name, payload) => {
    expect(openAnswer(mac, "key", sealAnything(payload))).toBeNull();
  });
});
