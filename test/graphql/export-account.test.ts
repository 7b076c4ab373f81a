import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACCOUNT, user } from "../support/demo.js";
import { type Fixture, openFixture } from "./fixture.js";

let fixture: Fixture;

beforeAll(async () => {
  fixture = await openFixture("demo");
});
afterAll(() => fixture?.close());

const EXPORT = "query ($account: String!) { exportAccount(account: $account) }";

describe("exportAccount", () => {
  it("gives a snapshot whose import changes nothing", async () => {
    const { exportAccount: snapshot } = await fixture.ask(EXPORT, { account: ACCOUNT });
    expect(snapshot).toMatchObject({ version: 1, account: { id: ACCOUNT, alias: "acme" } });
    const { importAccount } = await fixture.ask(
      `mutation ($snapshot: JSON!) { importAccount(input: { account: "${ACCOUNT}", snapshot: $snapshot, mode: REPLACE }) { changed userErrors { message } } }`,
      { snapshot },
    );
    expect(importAccount).toEqual({ changed: false, userErrors: [] });
  });

  it("is for operators, of accounts that exist", async () => {
    expect(await fixture.fail(EXPORT, { account: "42" })).toMatchObject({ code: "NOT_FOUND" });
    const caller = { kind: "PRINCIPAL", credentialId: "p", principalArn: user("alice") } as const;
    for (const account of [ACCOUNT, "42"]) {
      const { errors } = await fixture.run(EXPORT, { account }, caller);
      expect(errors).toMatchObject([
        { extensions: { code: "FORBIDDEN" }, message: "only operators may export accounts" },
      ]);
    }
  });
});
