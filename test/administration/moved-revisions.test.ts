import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addUserToGroup } from "../../src/administration/add-user-to-group.js";
import type { Administration, ChangeRequest, ChangeResult } from "../../src/administration/administration.js";
import { DEFAULT_LIMITS } from "../../src/administration/administration.js";
import { attachPolicies } from "../../src/administration/attach-policies.js";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createApiKey } from "../../src/administration/create-api-key.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createPolicyVersion } from "../../src/administration/create-policy-version.js";
import { createRole } from "../../src/administration/create-role.js";
import { deleteGroup } from "../../src/administration/delete-group.js";
import { deletePolicy } from "../../src/administration/delete-policy.js";
import { deletePolicyVersion } from "../../src/administration/delete-policy-version.js";
import { deleteResourceGroup } from "../../src/administration/delete-resource-group.js";
import { deleteRole } from "../../src/administration/delete-role.js";
import { deleteUser } from "../../src/administration/delete-user.js";
import { deregisterAlias } from "../../src/administration/deregister-alias.js";
import { deregisterKey } from "../../src/administration/deregister-key.js";
import { deregisterSecret } from "../../src/administration/deregister-secret.js";
import { detachPolicies } from "../../src/administration/detach-policies.js";
import { detachPolicy } from "../../src/administration/detach-policy.js";
import { moveToResourceGroup } from "../../src/administration/move-to-resource-group.js";
import { removeUserFromGroup } from "../../src/administration/remove-user-from-group.js";
import { revokeApiKey } from "../../src/administration/revoke-api-key.js";
import { rotateApiKey } from "../../src/administration/rotate-api-key.js";
import { setDefaultPolicyVersion } from "../../src/administration/set-default-policy-version.js";
import { updateAccount } from "../../src/administration/update-account.js";
import { updateAlias } from "../../src/administration/update-alias.js";
import { updateGroup } from "../../src/administration/update-group.js";
import { updateKey } from "../../src/administration/update-key.js";
import { updatePolicy } from "../../src/administration/update-policy.js";
import { updateResourceGroup } from "../../src/administration/update-resource-group.js";
import { updateRole } from "../../src/administration/update-role.js";
import { updateSecret } from "../../src/administration/update-secret.js";
import { updateUser } from "../../src/administration/update-user.js";
import type { Answer, Decisions, Question } from "../../src/decisions/decide-many.js";
import { openDatabase } from "../../src/store/prisma-client.js";
import {
  ACCOUNT,
  alias,
  type Fixture,
  group,
  key,
  openFixture,
  role,
  secret,
  session,
  user,
} from "../decisions/fixture.js";
import { AUDIT_KEY, request } from "./setup.js";

// What a change says it moves is what it moves, and no answer changes without: whoever cached one asks anew.

let fixture: Fixture;
let administration: Administration;
let plain: Decisions;
let cached: Decisions;
beforeAll(async () => {
  fixture = await openFixture("moved");
  await fixture.sql.query("UPDATE policy SET last_version = 1");
  await fixture.sql.query(`INSERT INTO credential (id, kind, secret_digest) VALUES ('c1', 'OPERATOR', sha256('c1'))`);
  administration = {
    db: openDatabase(fixture.url, 2),
    tokens: fixture.tokens,
    limits: DEFAULT_LIMITS,
    auditKey: AUDIT_KEY,
  };
  plain = fixture.decisions({ cache: null });
  cached = fixture.decisions();
});
afterAll(async () => {
  await administration?.db.$disconnect();
  await fixture?.close();
});

const policy = (name: string) => `acs:ram::${ACCOUNT}:policy/${name}`;
const acct = `acct:${ACCOUNT}`;
const prin = (arn: string) => `prin:${arn.toLowerCase()}`;
const grp = (name: string) => `grp:${group(name)}`;
const res = (arn: string) => `res:${arn}`;
const pol = (name: string) => `pol:${policy(name)}`;
const DOCUMENT = { Version: "1", Statement: [{ Effect: "Allow", Action: ["kms:*"], Resource: ["*"] }] };
const TRUST = {
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [user("bob")] } }],
};

type UseCase<Input> = (
  administration: Administration,
  input: Input,
  request: ChangeRequest,
) => Promise<ChangeResult<unknown>>;

function step<Input>(useCase: UseCase<Input>, input: Input, scopes: readonly string[], answers: "same" | "other") {
  return { name: useCase.name, run: () => useCase(administration, input, request()), scopes, answers };
}

/** A new key has a random id. */
const ANY_KEY = "cred:*";
const named = (scope: string) => scope.replace(/^cred:[0-9a-f]{16}$/, ANY_KEY);

/** In order: later ones build on earlier ones. `answers`: whether any question of this test gets another answer. */
const STEPS = [
  step(updateAccount, { account: ACCOUNT, alias: "a" }, [acct], "same"),
  step(updateResourceGroup, { account: ACCOUNT, resourceGroup: "rg-1", name: "one" }, [acct], "same"),
  step(updateUser, { user: user("bob"), comments: "x" }, [prin(user("bob"))], "same"),
  step(createApiKey, { principal: user("Mixed") }, [ANY_KEY], "same"),
  step(createApiKey, {}, [ANY_KEY], "same"),
  step(rotateApiKey, { apiKey: "c1", overlapSeconds: 60 }, ["cred:c1"], "same"),
  step(revokeApiKey, { apiKey: "c1" }, ["cred:c1"], "same"),
  step(updateGroup, { group: group("ops"), newName: "operators" }, [grp("ops"), grp("operators")], "other"),
  step(updateGroup, { group: group("operators"), comments: "c" }, [grp("operators")], "same"),
  step(createGroup, { account: ACCOUNT, name: "Fresh" }, [grp("fresh")], "same"),
  step(attachPolicy, { policy: policy("spare"), principal: group("operators") }, [grp("operators")], "other"),
  step(attachPolicy, { policy: policy("spare"), principal: group("Fresh") }, [grp("fresh")], "same"),
  step(addUserToGroup, { user: user("bob"), group: group("fresh") }, [prin(user("bob"))], "other"),
  step(removeUserFromGroup, { user: user("bob"), group: group("fresh") }, [prin(user("bob"))], "other"),
  step(detachPolicy, { policy: policy("spare"), principal: group("operators") }, [grp("operators")], "other"),
  step(detachPolicy, { policy: policy("spare"), principal: group("fresh") }, [grp("fresh")], "same"),
  step(deleteGroup, { group: group("fresh") }, [grp("fresh")], "same"),
  step(
    attachPolicies,
    {
      attachments: [
        { policy: policy("spare"), principal: user("bob") },
        { policy: policy("spare"), principal: role("bot"), resourceGroup: "rg-1" },
        { policy: policy("spare"), principal: group("devs") },
      ],
    },
    [grp("devs"), prin(user("bob")), prin(role("bot"))],
    "other",
  ),
  step(updateUser, { user: user("bob"), newName: "Robert" }, [prin(user("bob")), prin(user("robert"))], "other"),
  step(updateUser, { user: user("robert"), newName: "bob" }, [prin(user("bob")), prin(user("robert"))], "other"),
  step(addUserToGroup, { user: user("Mixed"), group: group("devs") }, [prin(user("Mixed"))], "other"),
  step(updateRole, { role: role("bot"), trustPolicy: TRUST }, [acct, prin(role("bot"))], "other"),
  step(updatePolicy, { policy: policy("own"), description: "d" }, [pol("own")], "same"),
  step(createPolicyVersion, { policy: policy("own"), document: DOCUMENT, setAsDefault: true }, [pol("own")], "other"),
  step(setDefaultPolicyVersion, { policy: policy("own"), version: "v1" }, [pol("own")], "other"),
  step(setDefaultPolicyVersion, { policy: policy("own"), version: "v2" }, [pol("own")], "other"),
  step(createPolicyVersion, { policy: policy("own"), document: DOCUMENT }, [pol("own")], "same"),
  step(deletePolicyVersion, { policy: policy("own"), version: "v3" }, [pol("own")], "same"),
  step(createPolicy, { account: ACCOUNT, name: "New", document: DOCUMENT }, [pol("new")], "same"),
  step(deletePolicy, { policy: policy("new") }, [pol("new")], "same"),
  step(deletePolicyVersion, { policy: policy("own"), version: "v1" }, [pol("own")], "same"),
  step(
    updateKey,
    { key: key("k1"), state: "DISABLED" as const },
    [res(key("k1")), res(secret("db")), res(alias("one"))],
    "other",
  ),
  step(updateSecret, { secret: secret("db"), encryptionKey: key("k2") }, [res(secret("db"))], "other"),
  step(updateAlias, { alias: alias("one"), key: key("k2") }, [res(alias("one"))], "other"),
  step(
    detachPolicies,
    {
      attachments: [
        { policy: policy("spare"), principal: user("bob") },
        { policy: policy("spare"), principal: role("bot"), resourceGroup: "rg-1" },
        { policy: policy("spare"), principal: group("devs") },
        { policy: policy("bots"), principal: role("bot") },
      ],
    },
    [grp("devs"), prin(user("bob")), prin(role("bot"))],
    "other",
  ),
  step(removeUserFromGroup, { user: user("Mixed"), group: group("devs") }, [prin(user("Mixed"))], "same"),
  step(deleteGroup, { group: group("devs") }, [grp("devs")], "same"),
  step(deletePolicy, { policy: policy("spare") }, [pol("spare")], "same"),
  step(deleteRole, { role: role("bot") }, [acct, prin(role("bot"))], "other"),
  step(createRole, { account: ACCOUNT, name: "bot", trustPolicy: TRUST }, [acct, prin(role("bot"))], "other"),
  step(deleteUser, { user: user("bob") }, [prin(user("bob"))], "other"),
  step(deregisterAlias, { alias: alias("one") }, [res(alias("one"))], "other"),
  step(deregisterSecret, { secret: secret("db") }, [res(secret("db"))], "other"),
  step(moveToResourceGroup, { resource: key("k1"), resourceGroup: null }, [res(key("k1"))], "same"),
  step(deregisterKey, { key: key("k1") }, [res(key("k1"))], "other"),
  step(deleteResourceGroup, { account: ACCOUNT, resourceGroup: "rg-1" }, [acct], "same"),
];

function questions(): Question[] {
  const principals = [
    ...["ann", "bob", "robert", "mixed"].map(user),
    ...["ops", "operators", "devs"].map(group),
    ...[role("bot"), session("bot"), `acs:ram::${ACCOUNT}:root`],
  ];
  const resources = [key("k1"), key("k2"), secret("db"), alias("one"), role("bot"), "*"];
  const actions = ["kms:Decrypt", "kms:GetSecretValue", "kms:UpdateAlias", "sts:AssumeRole"];
  return principals.flatMap((principal) => resources.map((resource) => ({ principal, resource, actions })));
}

type Told = Answer | Error | undefined;

/** What the caller sees of an answer, without time and tokens. */
function visible(answer: Told): string {
  if (answer === undefined || answer instanceof Error) return `${answer?.name}: ${answer?.message}`;
  return JSON.stringify([answer.decisions, answer.resource]);
}

const tagsOf = (answer: Told) =>
  answer instanceof Error || !answer ? null : [...answer.vector].map(([, r]) => r?.tag);

async function tags(): Promise<Map<string, string>> {
  const { rows } = await fixture.sql.query<{ scope: string; tag: string }>("SELECT scope, tag FROM scope_revision");
  return new Map(rows.map(({ scope, tag }) => [scope, tag]));
}

describe("a change moves the revision of every question that it can change", () => {
  it.each(STEPS)("$name moves $scopes", async ({ run, scopes, answers }) => {
    const asked = questions();
    const before = { answers: await plain.decideMany(asked), tags: await tags() };
    const { userErrors, changed, revision } = await run();
    expect({ userErrors, changed }).toEqual({ userErrors: [], changed: true });
    const after = { answers: await plain.decideMany(asked), tags: await tags() };
    const moved = [...after.tags]
      .filter(([scope, tag]) => before.tags.get(scope) !== tag)
      .map(([scope]) => named(scope));
    expect(moved.sort()).toEqual([...scopes].sort());
    const told = [...administration.tokens.read(revision ?? "", Date.now()).revisions.keys()].map(named);
    expect(told.filter((scope) => scopes.includes(scope))).not.toEqual([]); // or `expectedRevision` could not guard it
    expect(told.filter((scope) => !scopes.includes(scope))).toEqual([]);
    const fromCache = await cached.decideMany(asked);
    let others = 0;
    for (const [index, { principal, resource }] of asked.entries()) {
      const [old, now] = [before.answers[index], after.answers[index]];
      expect(visible(fromCache[index]), `${principal} on ${resource}`).toBe(visible(now));
      if (visible(old) === visible(now)) continue;
      others += 1;
      const known = tagsOf(old) !== null && tagsOf(now) !== null;
      if (known) expect(tagsOf(now), `${principal} on ${resource}`).not.toEqual(tagsOf(old));
    }
    expect(others > 0 ? "other" : "same").toBe(answers);
  });
});
