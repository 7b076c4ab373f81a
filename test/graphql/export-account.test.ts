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

  it("and the import take tags whose names mean something to JavaScript", async () => {
    const change = (name: string, input: string) =>
      `mutation { ${name}(input: { ${input} }) { userErrors { message } } }`;
    const resource = `acs:kms:cn-hangzhou:${ACCOUNT}:key/key-apollo-01`;
    await fixture.ask(change("tagResource", `resource: "${resource}", tags: { key: "__proto__", value: "x" }`));
    const { exportAccount } = await fixture.ask(EXPORT, { account: ACCOUNT });
    const { tags } = exportAccount.keys.find(({ id }: { id: string }) => id === "key-apollo-01");
    expect(Object.entries(tags)).toContainEqual(["__proto__", "x"]);
    const literal = `account: "42", mode: MERGE, snapshot: { version: 1, account: { id: "42" }, users: [
      { name: "ann", tags: { __proto__: "y" } }] }`;
    expect((await fixture.ask(change("importAccount", literal))).importAccount.userErrors).toEqual([]);
    const { principal } = await fixture.ask('{ principal(arn: "acs:ram::42:user/ann") { tags { key value } } }');
    expect(principal.tags).toEqual([{ key: "__proto__", value: "y" }]);
    await fixture.db.account.delete({ where: { id: "42" } });
  });

  it("takes a permission, and an account that exists", async () => {
    expect(await fixture.fail(EXPORT, { account: "42" })).toMatchObject({ code: "NOT_FOUND" });
    const caller = { kind: "PRINCIPAL", credentialId: "p", principalArn: user("alice") } as const;
    for (const account of [ACCOUNT, "42"]) {
      const { errors } = await fixture.run(EXPORT, { account }, caller);
      expect(errors).toMatchObject([
        { extensions: { code: "FORBIDDEN" }, message: "you need `ramgate:ExportAccount` for this" },
      ]);
    }
  });
});
