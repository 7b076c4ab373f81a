import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fixture, openFixture } from "./fixture.js";

const LINT = `query ($document: PolicyDocument!, $kind: PolicyDocumentKind) {
  lintPolicy(document: $document, kind: $kind) { severity code message pointer line column }
}`;
const document = {
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "kms:Decrypt", Resource: "acs:kms:*:*:secret/*" }],
};

describe("lintPolicy", () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await openFixture();
  });
  afterAll(() => fixture.close());

  it("finds the same in an object and in text, whose places it knows", async () => {
    const finding = { severity: "WARNING", code: "ACTION_NOT_APPLICABLE", pointer: "/Statement/0/Action" };
    const ofObject = await fixture.ask(LINT, { document });
    expect(ofObject.lintPolicy).toMatchObject([{ ...finding, line: null, column: null }]);
    const ofText = await fixture.ask(LINT, { document: JSON.stringify(document, null, 2) });
    expect(ofText.lintPolicy).toMatchObject([{ ...finding, line: 6, column: 17 }]);
  });

  it("answers a malformed document with its problems, not with an error", async () => {
    const { lintPolicy } = await fixture.ask(LINT, { document: '{"Version":"1",}' });
    expect(lintPolicy).toMatchObject([{ severity: "ERROR", code: "SYNTAX", line: 1, column: 16 }]);
  });

  it("reads trust policies as such", async () => {
    const trust = {
      Version: "1",
      Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: ["ecs.aliyuncs.com"] } }],
    };
    expect((await fixture.ask(LINT, { document: trust, kind: "TRUST" })).lintPolicy).toEqual([]);
  });

  it("asks the database nothing, and wants a caller", async () => {
    expect((await fixture.run(LINT, { document })).statements).toEqual([]);
    const { errors } = await fixture.run(LINT, { document }, null);
    expect(errors[0]?.extensions).toMatchObject({ code: "UNAUTHENTICATED" });
  });
});
