import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Caller } from "../../src/domain/caller.js";
import { canariesIn, createWorld, HOME } from "./access-world.js";
import { allow, askers } from "./askers.js";
import { type Fixture, openFixture } from "./fixture.js";

let fixture: Fixture;
let make: ReturnType<typeof askers>;
beforeAll(async () => {
  fixture = await openFixture();
  await createWorld(fixture);
  make = askers(fixture);
});
afterAll(() => fixture?.close());

const POLICY = HOME.policy("sparepol");
const SEEN = "changed userErrors { message } policy { document }";
/** The outcome at the record, and all of the answer. */
async function change(by: Caller, name: string, input: object, selection: string, ...path: (string | number)[]) {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const document = `mutation ($input: ${type}!) { it: ${name}(input: $input) { ${selection} } }`;
  const { data, errors } = await fixture.run(document, { input }, by);
  const refused = errors.some((error) => `${error.path}` === `${["it", ...path]}`);
  return { data: data?.it, errors, code: refused ? errors[0]?.extensions["code"] : "DATA" };
}

describe("what a mutation shows of a policy", () => {
  const dryRun = true;
  const DETACH = allow("ram:DetachPolicyFromUser");

  it("is not for whoever changes nothing, but may read it", async () => {
    const { arn, caller } = await make.asker(DETACH);
    for (const input of [
      { policy: POLICY, principal: arn, dryRun },
      { policy: POLICY, principal: arn },
    ]) {
      const answer = await change(caller, "detachPolicy", input, SEEN, "policy");
      expect(answer).toMatchObject({ code: "FORBIDDEN", data: { changed: false, userErrors: [], policy: null } });
      expect(canariesIn(answer, HOME)).toEqual([]);
    }
    await make.give(arn, allow("ramgate:ReadPolicy", POLICY));
    const answer = await change(caller, "detachPolicy", { policy: POLICY, principal: arn, dryRun }, SEEN, "policy");
    expect(canariesIn(answer, HOME)).toContain("sparepol");
  });

  it("is not for a dry run of what would change it", async () => {
    const { caller } = await make.asker(allow("ram:UpdatePolicyDescription"));
    const input = { policy: POLICY, description: "new" };
    const tried = await change(caller, "updatePolicy", { ...input, dryRun }, SEEN, "policy");
    expect(tried).toMatchObject({ code: "FORBIDDEN", data: { changed: true, policy: null } });
    const made = await change(caller, "updatePolicy", input, SEEN, "policy");
    expect(made).toMatchObject({ code: "DATA", data: { changed: true, policy: { document: expect.anything() } } });
    const again = await change(caller, "updatePolicy", input, SEEN, "policy");
    expect(again).toMatchObject({ code: "FORBIDDEN", data: { changed: false } });
  });

  it("is for whoever repeats a change under its key", async () => {
    const { caller } = await make.asker(allow("ram:UpdatePolicyDescription"));
    const input = { policy: POLICY, description: "once", idempotencyKey: "again" };
    for (const _ of [1, 2]) expect((await change(caller, "updatePolicy", input, SEEN, "policy")).code).toBe("DATA");
  });

  it("is for each item of a list that was changed", async () => {
    const { caller } = await make.asker(DETACH);
    const attachments = ["respol", "annpol"].map((of) => ({
      ...{ policy: HOME.policy(of as "respol"), principal: HOME.user("res") },
    }));
    const ITEMS = "detachments { changed policy { document } principal { arn } }";
    const tried = await change(caller, "detachPolicies", { attachments, dryRun }, ITEMS, "detachments", 0, "policy");
    const hidden = { policy: null, principal: null };
    expect(tried).toMatchObject({ code: "FORBIDDEN", data: { detachments: [hidden, hidden] } });
    const made = await change(caller, "detachPolicies", { attachments }, ITEMS, "detachments", 1, "policy");
    const shown = { changed: true, policy: { document: expect.anything() }, principal: { arn: HOME.user("res") } };
    expect(made.code).toBe("FORBIDDEN");
    expect(made.data.detachments).toEqual([shown, { changed: false, ...hidden }]);
  });
});

describe("what a mutation shows of other records", () => {
  it.each([
    ["updateUser", "ram:UpdateUser", { user: HOME.user("ann") }, "user { displayName comments }"],
    ["updateGroup", "ram:UpdateGroup", { group: HOME.group }, "group { comments }"],
    ["updateRole", "ram:UpdateRole", { role: HOME.role }, "role { trustPolicy }"],
    ["updateKey", "kms:UpdateKeyDescription", { key: HOME.key }, "key { resourceGroup { name } tags { key } }"],
    ["updateSecret", "kms:UpdateSecret", { secret: HOME.secret }, "secret { tags { key } }"],
    ["tagResource", "kms:TagResource", { resource: HOME.key, tags: [] }, "resource { tags { key } }"],
  ])("is not for %s that changes nothing", async (name, action, input, selection) => {
    const { caller } = await make.asker(allow(action));
    const [field = ""] = selection.split(" ");
    for (const dryRun of [true, false]) {
      const answer = await change(caller, name, { ...input, dryRun }, `changed ${selection}`, field);
      expect(answer).toMatchObject({ code: "FORBIDDEN", data: { changed: false, [field]: null } });
      expect(canariesIn(answer, HOME)).toEqual([]);
    }
  });

  it("is an attachment for whoever may see its principal or its policy", async () => {
    const { arn, caller } = await make.asker(allow("ram:AttachPolicyToUser"));
    const input = { policy: HOME.policy("pripol"), principal: HOME.user("pri"), dryRun: true };
    const attach = () => change(caller, "attachPolicy", input, "changed attachment { createdAt }", "attachment");
    expect(await attach()).toMatchObject({ code: "FORBIDDEN", data: { changed: false, attachment: null } });
    await make.give(arn, allow("ramgate:ReadPrincipal", HOME.user("pri")));
    expect(await attach()).toMatchObject({ code: "DATA", data: { attachment: { createdAt: expect.anything() } } });
  });
});
