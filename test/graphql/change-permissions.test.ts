import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createUser } from "../../src/administration/create-user.js";
import { PERMISSIONS } from "../../src/administration/permissions.js";
import type { Caller } from "../../src/domain/caller.js";
import { ACCOUNT, APOLLO_KEY, alias, GEMINI_KEY, group, key, policy, role, secret, user } from "../support/demo.js";
import { CASES, type Input, mutationOf, SET_UP } from "../support/every-change-cases.js";
import { type Fixture, OPERATOR, type Outcome, openFixture } from "./fixture.js";

type Name = keyof typeof PERMISSIONS;
const DECIDED = (Object.keys(PERMISSIONS) as Name[]).filter((name) => typeof PERMISSIONS[name] !== "string");
const actionsOf = (name: Name): string[] => Object.keys(PERMISSIONS[name]);

/** Of the policy `Spare`. */
const HOLDERS = [group("kms-operators"), role("deploy-bot")];

/** Where one input does not need all that the mutation may need. */
const MORE: { readonly [N in Name]?: readonly Input[] } = {
  attachPolicies: ["group", "role"].map((kind) => ({
    attachments: [{ policy: policy("Spare"), principal: `acs:ram::${ACCOUNT}:${kind}/spare` }],
  })),
  attachPolicy: [group("spare"), role("spare")].map((principal) => ({ policy: policy("Spare"), principal })),
  detachPolicies: HOLDERS.map((principal) => ({ attachments: [{ policy: policy("Spare"), principal }] })),
  detachPolicy: HOLDERS.map((principal) => ({ policy: policy("Spare"), principal })),
  importAccount: [
    {
      account: ACCOUNT,
      mode: "MERGE",
      snapshot: { version: 1, account: { id: ACCOUNT }, users: [{ name: "imported" }] },
    },
  ],
  registerKey: [{ arn: key("new"), resourceGroup: "rg-apollo" }],
  registerSecret: [
    { arn: secret("new"), tags: [{ key: "a", value: "b" }] },
    { arn: secret("new"), resourceGroup: "rg-apollo" },
  ],
  tagResource: [{ resource: user("spare"), tags: [{ key: "a", value: "b" }] }],
  untagResource: [{ resource: user("spare"), tagKeys: ["a"] }],
  updateKey: [
    { key: APOLLO_KEY, state: "PENDING_DELETION" },
    { key: APOLLO_KEY, state: "PENDING_IMPORT" },
    { key: APOLLO_KEY, state: "ENABLED" },
    { key: APOLLO_KEY, spec: "RSA_2048" },
  ],
};
const inputsOf = (name: Name): readonly Input[] => {
  const [own, more] = [CASES[name]?.valid ?? {}, MORE[name] ?? []];
  return name === "importAccount" ? more : [own, ...more]; // its own makes another account
};

/** Where more than one ARN has to be allowed: all of them. */
const ON: { readonly [N in Name]?: readonly string[] } = {
  addUserToGroup: [user("spare"), group("spare")],
  attachPolicies: [user("spare"), policy("Spare")],
  attachPolicy: [user("spare"), policy("Spare")],
  createPolicyVersion: [policy("Spare")],
  createResourceGroup: [],
  detachPolicies: [user("carol"), policy("QueryAndUseKeys")],
  detachPolicy: [user("carol"), policy("QueryAndUseKeys")],
  importAccount: [`acs:ram::${ACCOUNT}:*`],
  moveToResourceGroup: [GEMINI_KEY, `acs:resourcemanager::${ACCOUNT}:resourcegroup/rg-apollo`],
  registerAlias: [alias("new"), APOLLO_KEY],
  removeUserFromGroup: [user("bob"), group("apollo-developers")],
  updateAccount: [`acs:ram::${ACCOUNT}:*`],
  updateAlias: [alias("apollo"), GEMINI_KEY],
  updateGroup: [group("kms-operators"), group("operators")],
  updateUser: [user("bob"), user("robert")],
};
const ONE: { readonly [N in Name]?: string } = {
  createGroup: group("new"),
  createPolicy: policy("New"),
  createRole: role("new"),
  createUser: user("new"),
  deleteGroup: group("spare"),
  deletePolicy: policy("Single"),
  deletePolicyVersion: policy("Spare"),
  deleteResourceGroup: `acs:resourcemanager::${ACCOUNT}:resourcegroup/rg-spare`,
  deleteRole: role("spare"),
  deleteUser: user("spare"),
  deregisterAlias: alias("apollo"),
  deregisterKey: key("spare"),
  deregisterSecret: secret("apollo/db"),
  registerKey: key("new"),
  registerSecret: secret("new"),
  revokeRoleSessions: role("spare"),
  setDefaultPolicyVersion: policy("Spare"),
  tagResource: APOLLO_KEY,
  untagResource: APOLLO_KEY,
  updateKey: APOLLO_KEY,
  updatePolicy: policy("Spare"),
  updateResourceGroup: `acs:resourcemanager::${ACCOUNT}:resourcegroup/rg-apollo`,
  updateRole: role("deploy-bot"),
  updateSecret: secret("apollo/db"),
};
const arnsOf = (name: Name): readonly string[] => ON[name] ?? [ONE[name] ?? ""];

const MONA: Caller = { kind: "PRINCIPAL", credentialId: "mona", signedInBy: "OIDC_TOKEN", principalArn: user("mona") };
const STRANGER_ARN = "acs:ram::9999:user/mona";
const STRANGER: Caller = { ...MONA, principalArn: STRANGER_ARN };

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("demo");
  const { db, administration } = fixture;
  await db.credential.create({ data: { id: "spare", kind: "OPERATOR", secretDigest: new Uint8Array(32) } });
  for (const [name, input] of SET_UP) expect((await change(name, input, OPERATOR)).data).toBeTruthy();
  const request = { caller: OPERATOR, requestId: "set up" };
  await createUser(administration, { account: ACCOUNT, name: "mona" }, request);
  await createPolicy(
    administration,
    { account: ACCOUNT, name: "Mona", document: { Version: "1", Statement: [] } },
    request,
  );
  for (const principal of [user("mona"), ...HOLDERS]) {
    const given = principal === user("mona") ? "Mona" : "Spare";
    await attachPolicy(administration, { policy: policy(given), principal }, request);
  }
});
afterAll(() => fixture?.close());

/** A dry run, so that cases do not meet. */
function change(name: string, input: Input, caller: Caller): Promise<Outcome> {
  const dry = caller !== OPERATOR ? { dryRun: true } : {};
  return fixture.run(mutationOf(name), { input: { ...input, ...dry } }, caller);
}

async function permit(...statements: object[]): Promise<void> {
  await fixture.db.policyVersion.updateMany({
    where: { policy: { arn: policy("Mona") } },
    data: { document: JSON.stringify({ Version: "1", Statement: statements }) },
  });
}
const allow = (actions: readonly string[]) => ({ Effect: "Allow", Action: [...actions], Resource: "*" });
const GRANT = "ramgate:GrantBeyondSelf";

async function otherAccount(): Promise<string> {
  const { id } = await fixture.db.account.create({ data: { id: "9999" } });
  return id;
}

const codeOf = ({ errors }: Outcome) => errors.map(({ extensions }) => extensions["code"]);
const bytesOf = ({ data, errors }: Outcome) => JSON.stringify([data, errors]);

describe("every change", () => {
  it("has its permissions in the table", () => {
    expect(Object.keys(PERMISSIONS).sort()).toEqual(Object.keys(CASES).sort());
  });

  it.each(DECIDED)("%s is made with what the table says", async (name) => {
    await permit(allow([...actionsOf(name), GRANT]));
    for (const input of inputsOf(name)) {
      const { data, errors } = await change(name, input, MONA);
      expect(errors).toEqual([]);
      expect(data[name].userErrors).toEqual([]);
    }
  });

  it.each(DECIDED.flatMap((name) => actionsOf(name).map((action) => [name, action] as const)))(
    "%s is forbidden without `%s`",
    async (name, action) => {
      const others = ["*"];
      await permit(allow(others), { Effect: "Deny", Action: action, Resource: "*" });
      const outcomes = await Promise.all(inputsOf(name).map((input) => change(name, input, MONA)));
      const forbidden = outcomes.filter((outcome) => codeOf(outcome)[0] === "FORBIDDEN");
      expect(forbidden.length).toBeGreaterThan(0);
      expect(forbidden[0]?.errors[0]?.message).toContain(`\`${action}\``);
    },
  );

  it.each(DECIDED.flatMap((name) => arnsOf(name).map((arn) => [name, arn] as const)))(
    "%s is forbidden without a right on `%s`",
    async (name, arn) => {
      const actions = actionsOf(name).filter((action) => action !== GRANT);
      await permit(allow(["*"]), { Effect: "Deny", Action: actions, Resource: arn });
      const outcome = await change(name, inputsOf(name)[0] ?? {}, MONA);
      expect(codeOf(outcome)).toEqual(["FORBIDDEN"]);
    },
  );

  it.each(DECIDED)("%s: to whom nothing is allowed, nothing tells what there is", async (name) => {
    await permit();
    const missing = (CASES[name]?.missing ?? []).map(([input]) => input);
    for (const input of [...inputsOf(name), ...missing]) {
      const outcome = await change(name, input, MONA);
      expect(codeOf(outcome)).toEqual(["FORBIDDEN"]);
    }
  });

  it.each([...DECIDED, "createAccount" as const])("%s: a stranger is told the same of everything", async (name) => {
    await permit(allow(["*"]));
    const inputs = [CASES[name]?.valid ?? {}, ...(CASES[name]?.missing ?? []).map(([input]) => input)];
    const outcomes = await Promise.all(inputs.map((input) => change(name, input, STRANGER)));
    expect(new Set(outcomes.map(bytesOf)).size).toBe(1);
    expect(codeOf(outcomes[0] as Outcome)).toEqual(["FORBIDDEN"]);
  });

  it("a stranger is told the same of every role and API key", async () => {
    await permit(allow(["*"]));
    const same = async (name: string, inputs: readonly Input[], names: RegExp) => {
      const outcomes = await Promise.all(inputs.map((input) => change(name, input, STRANGER)));
      const told = new Set(outcomes.map((outcome) => bytesOf(outcome).replaceAll(names, "NAME")));
      expect([...told]).toEqual([expect.stringMatching(/NO_PERMISSION|ENTITY_NOT_EXIST_API_KEY/)]);
    };
    await fixture.db.principal.create({
      data: { accountId: await otherAccount(), kind: "USER", name: "mona", arn: STRANGER_ARN, arnKey: STRANGER_ARN },
    });
    const roles = ["spare", "none", "deploy-bot"].map((name) => ({ role: role(name), sessionName: "ci" }));
    await same("assumeRole", roles, /spare|none|deploy-bot/g);
    await same("createApiKey", [{ principal: user("spare") }, { principal: user("none") }, {}], /-/g);
    for (const name of ["revokeApiKey", "rotateApiKey"]) {
      await same(name, [{ apiKey: "spare" }, { apiKey: "none" }], /spare|none/g);
    }
  });
});
