import { type ExecutionResult, parse, subscribe } from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { updateUser } from "../../src/administration/update-user.js";
import type { Caller } from "../../src/domain/caller.js";
import { createContext } from "../../src/graphql/context.js";
import { buildSchema } from "../../src/graphql/schema.js";
import { ACCOUNT, policy, user } from "../support/demo.js";
import { type Fixture, OPERATOR, openFixture } from "./fixture.js";

const DOCUMENT = parse("subscription ($account: String!) { grantChanges(account: $account) { event { action } } }");
const CAROL: Caller = {
  kind: "PRINCIPAL",
  credentialId: "carol",
  signedInBy: "OIDC_TOKEN",
  principalArn: user("carol"),
};
const request = { caller: OPERATOR, requestId: "test" };

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("demo");
  await createPolicy(
    fixture.administration,
    { account: ACCOUNT, name: "Carol", document: { Version: "1", Statement: [] } },
    request,
  );
  await attachPolicy(fixture.administration, { policy: policy("Carol"), principal: user("carol") }, request);
});
afterAll(() => fixture?.close());

async function permit(...statements: object[]): Promise<void> {
  await fixture.db.policyVersion.updateMany({
    where: { policy: { arn: policy("Carol") } },
    data: { document: JSON.stringify({ Version: "1", Statement: statements }) },
  });
}

const LISTEN = { Effect: "Allow", Action: "ramgate:ReadAuditTrail", Resource: `acs:ram:*:${ACCOUNT}:*` };

async function listen(caller: Caller, account = ACCOUNT) {
  const gone = new AbortController();
  const presence = { gone: gone.signal, isSignedIn: async () => true };
  const contextValue = createContext(fixture.services, caller, "request-1", presence);
  const events = await subscribe({
    schema: buildSchema(),
    document: DOCUMENT,
    variableValues: { account },
    contextValue,
  });
  return { events, stop: () => gone.abort() };
}

const isStream = (value: unknown): value is AsyncGenerator<ExecutionResult, void> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value;

const change = () => updateUser(fixture.administration, { user: user("bob"), comments: `${Math.random()}` }, request);

describe("grantChanges", () => {
  it("tells a principal that may read the audit trail, until it may no more", async () => {
    await permit(LISTEN);
    const { events, stop } = await listen(CAROL);
    if (!isStream(events)) throw new Error(JSON.stringify(events));
    await change();
    expect((await events.next()).value).toMatchObject({ data: { grantChanges: { event: { action: "updateUser" } } } });
    await permit();
    await change();
    expect((await events.next()).value).toMatchObject({ errors: [{ extensions: { code: "FORBIDDEN" } }] });
    stop();
    expect((await events.next()).done).toBe(true);
  });

  it("is the same FORBIDDEN for what is not allowed, for other accounts and for those that are not there", async () => {
    await permit({ ...LISTEN, Action: "ramgate:ReadPrincipal" });
    await fixture.db.account.create({ data: { id: "4242" } });
    const answers = await Promise.all([ACCOUNT, "4242", "4243"].map((account) => listen(CAROL, account)));
    const told = answers.map(({ events }) => JSON.stringify(events));
    expect(new Set(told).size).toBe(1);
    expect(JSON.parse(told[0] ?? "")).toMatchObject({ errors: [{ extensions: { code: "FORBIDDEN" } }] });
  });
});
