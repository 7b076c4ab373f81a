import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { AttachedPolicy, KeyState, ResourceFacts } from "../../src/domain/evaluation/access-request.js";
import { buildContext, type RequestContextInput } from "../../src/domain/evaluation/context-keys.js";
import { decide, decideActions } from "../../src/domain/evaluation/decide.js";
import { permissionActions } from "../../src/domain/evaluation/effective-permissions.js";
import { combineLegs, type OperationDecision } from "../../src/domain/evaluation/operation-decision.js";
import { type OperationTargets, planOperation } from "../../src/domain/kms/operations.js";
import { compilePolicy } from "../../src/domain/policy/compile-policy.js";
import { parseDocument } from "../../src/domain/policy/parse-document.js";
import { NOW, principal, resource } from "./build.js";

interface Snapshot {
  readonly account: { readonly id: string };
  readonly users: readonly { readonly name: string; readonly groups: readonly string[] }[];
  readonly policies: readonly { readonly name: string; readonly versions: readonly { readonly document: unknown }[] }[];
  readonly attachments: readonly {
    readonly policy: { readonly name: string };
    readonly principal: string;
    readonly scope: string;
    readonly expiresAt?: string;
  }[];
  readonly keys: readonly {
    readonly region: string;
    readonly id: string;
    readonly resourceGroup: string | null;
    readonly tags: Readonly<Record<string, string>>;
    readonly state: KeyState;
  }[];
  readonly secrets: readonly {
    readonly region: string;
    readonly name: string;
    readonly encryptionKeyId: string | null;
    readonly resourceGroup: string | null;
    readonly tags: Readonly<Record<string, string>>;
  }[];
}

const snapshot = JSON.parse(
  readFileSync(new URL("../../examples/demo-account.json", import.meta.url), "utf8"),
) as Snapshot;
const account = snapshot.account.id;
const arnOf = (region: string, name: string): string => `acs:kms:${region}:${account}:${name}`;
const APOLLO = arnOf("cn-hangzhou", "key/key-apollo-01");
const GEMINI = arnOf("cn-hangzhou", "key/key-gemini-01");
const OLD = arnOf("cn-shanghai", "key/key-old-01");

const resources = new Map<string, ResourceFacts>(
  [
    ...snapshot.keys.map((key) =>
      resource(arnOf(key.region, `key/${key.id}`), {
        resourceGroup: key.resourceGroup,
        tags: new Map(Object.entries(key.tags)),
        keyState: key.state,
      }),
    ),
    ...snapshot.secrets.map((secret) =>
      resource(arnOf(secret.region, `secret/${secret.name}`), {
        resourceGroup: secret.resourceGroup,
        tags: new Map(Object.entries(secret.tags)),
        encryptionKeyArn:
          secret.encryptionKeyId === null ? null : arnOf(secret.region, `key/${secret.encryptionKeyId}`),
      }),
    ),
  ].map((facts) => [facts.arn, facts]),
);
const factsOf = (arn: string): ResourceFacts => resources.get(arn) ?? resource(arn, { registered: false });

function attachmentsOf(name: string): AttachedPolicy[] {
  const groups = snapshot.users.find((user) => `user/${user.name}` === name)?.groups ?? [];
  const owners = [name, ...groups.map((group) => `group/${group}`)];
  return snapshot.attachments.filter((attachment) => owners.includes(attachment.principal)).map(toAttachment);
}

function toAttachment({ policy, principal: owner, scope, expiresAt }: Snapshot["attachments"][number]): AttachedPolicy {
  const document = snapshot.policies.find(({ name }) => name === policy.name)?.versions[0]?.document;
  const parsed = parseDocument(document, "identity");
  if (!parsed.ok) throw new Error(`${policy.name} does not parse`);
  const arn = `acs:ram::${account}:policy/${policy.name}`;
  return {
    policy: {
      reference: { id: policy.name, arn, name: policy.name, type: "CUSTOM" },
      version: "v1",
      compiled: compilePolicy(parsed.document),
    },
    attachedTo: `acs:ram::${account}:${owner}`,
    scope: scope === "ACCOUNT" ? { kind: "ACCOUNT" } : { kind: "RESOURCE_GROUP", resourceGroup: scope },
    notBefore: null,
    expiresAt: expiresAt === undefined ? null : Date.parse(expiresAt),
  };
}

const question = (who: string, on: string, context: RequestContextInput = {}) => ({
  principal: principal(`acs:ram::${account}:${who}`, attachmentsOf(who)),
  resource: factsOf(on),
  context: buildContext(context),
  now: NOW,
  sessionPolicy: null,
});
const OPTIONS = { scopePrecedence: "staged" } as const;
const check = (who: string, action: string, on: string, context?: RequestContextInput) =>
  decide({ ...question(who, on, context), action }, OPTIONS);
const allowedActions = (who: string, on: string): string[] =>
  decideActions(question(who, on), permissionActions(on), OPTIONS)
    .filter(({ outcome }) => outcome === "ALLOW")
    .map(({ action }) => action);

function perform(who: string, operation: string, targets: OperationTargets): OperationDecision {
  const plan = planOperation(operation, targets, factsOf);
  const legs = plan.legs.map((leg) => check(who, leg.action, leg.resource));
  return combineLegs(plan, legs, (key) => factsOf(key).keyState);
}

test("bob uses the Apollo key, whose tag equals without case, and no other", () => {
  expect(allowedActions("user/bob", APOLLO)).toEqual(["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"]);
  expect(allowedActions("user/bob", GEMINI)).toEqual([]);
  expect(check("user/bob", "kms:Decrypt", APOLLO).reason).toBe(
    "Allowed by statement 0 of policy `UseApolloKeys` (v1), attached to group `apollo-developers`.",
  );
  expect(check("user/bob", "kms:Decrypt", GEMINI).reason).toBe(
    "No statement of the policies of user `bob` allows `kms:Decrypt` on this key.",
  );
});

describe("alice may delete keys from inside only", () => {
  test.each([
    [undefined, "CONDITIONAL"],
    ["8.8.8.8", "EXPLICIT_DENY"],
    ["10.1.2.3", "ALLOW"],
  ])("from %s: %s", (sourceIp, outcome) => {
    expect(check("user/alice", "kms:ScheduleKeyDeletion", APOLLO, { sourceIp }).outcome).toBe(outcome);
  });

  test("and is told which key is missing", () => {
    const decision = check("user/alice", "kms:ScheduleKeyDeletion", APOLLO);
    expect(decision).toMatchObject({
      missingContextKeys: ["acs:SourceIp"],
      decidedBy: "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY",
    });
    expect(decision.reason).toBe(
      "Depends on `acs:SourceIp`, which the request does not state: " +
        "it may be denied by statement 0 of policy `NoKeyDeletionFromOutside` (v1), attached to group `kms-operators`.",
    );
  });
});

test("carol's policy counts in rg-gemini only", () => {
  expect(check("user/carol", "kms:Decrypt", GEMINI)).toMatchObject({
    outcome: "ALLOW",
    decidedBy: "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY",
  });
  expect(check("user/carol", "kms:Decrypt", APOLLO).outcome).toBe("IMPLICIT_DENY");
  expect(check("user/carol", "kms:ListKeys", arnOf("cn-hangzhou", "key")).outcome).toBe("IMPLICIT_DENY");
});

test("deploy-bot reads a secret through its key, and one that has none", () => {
  const apollo = perform("role/deploy-bot", "GetSecretValue", { secret: arnOf("cn-hangzhou", "secret/apollo/db") });
  const gemini = perform("role/deploy-bot", "GetSecretValue", {
    secret: arnOf("cn-hangzhou", "secret/gemini/api-token"),
  });
  expect(apollo).toMatchObject({ allowed: true, usableNow: true });
  expect(apollo.legs.map(({ action, resource: on }) => [action, on])).toEqual([
    ["kms:GetSecretValue", arnOf("cn-hangzhou", "secret/apollo/db")],
    ["kms:Decrypt", APOLLO],
  ]);
  expect(gemini).toMatchObject({ allowed: true, usableNow: null });
  expect(gemini.legs).toHaveLength(1);
});

test("deploy-bot's rows hold until its attachment ends", () => {
  const on = arnOf("cn-hangzhou", "secret/apollo/db");
  const rows = decideActions(question("role/deploy-bot", on), permissionActions(on), OPTIONS);
  expect(new Set(rows.map(({ validUntil }) => validUntil))).toEqual(new Set([Date.parse("2030-01-01T00:00:00Z")]));
});

test("alice's signature with a key that waits for deletion is allowed, not usable", () => {
  expect(perform("user/alice", "AsymmetricSign", { key: OLD })).toMatchObject({
    allowed: true,
    usableNow: false,
    blockedByKeyState: "PENDING_DELETION",
  });
});
