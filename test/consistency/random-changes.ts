import { randomUUID } from "node:crypto";
import type { Administration, ChangeRequest } from "../../src/administration/administration.js";
import { assumeRole } from "../../src/administration/assume-role.js";
import { ensureSystemPolicies } from "../../src/administration/ensure-system-policies.js";
import { revokeRoleSessions } from "../../src/administration/revoke-role-sessions.js";
import {
  ACCOUNT,
  alias,
  allow,
  deny,
  group,
  key,
  OTHER_ACCOUNT,
  role,
  secret,
  session,
  user,
} from "../decisions/fixture.js";
import { USE_CASES } from "../support/use-cases.js";

/** Makes the choices of a change. */
export type Pick = (below: number) => number;

/** A kind of change through SQL, as psql or a migration could make it. */
export interface SqlChange {
  /** The table whose triggers must notice it. */
  readonly table: string;
  sql(pick: Pick, ids: Readonly<Record<string, string>>): string;
}

/** A kind of change through a use case. */
export interface UseCaseChange {
  readonly name: string;
  /** Whether anything has changed. */
  run(pick: Pick, administration: Administration): Promise<boolean>;
}

const DOCUMENTS = [
  allow("kms:*"),
  allow("*"),
  allow("kms:Decrypt", "acs:kms:*:*:key/k1"),
  allow("kms:*", "*", { StringEquals: { "kms:tag/Project": "Apollo" } }),
  allow("kms:*", "*", { IpAddress: { "acs:SourceIp": "10.0.0.0/8" } }),
  allow("sts:AssumeRole"),
  deny("kms:Decrypt"),
  deny("kms:*", "*", { StringNotEquals: { "kms:tag/Project": "Apollo" } }),
  deny("kms:*", "*", { DateGreaterThan: { "acs:CurrentTime": "2030-01-01T00:00:00Z" } }),
];
const STORED = [...DOCUMENTS, "{}"];
const TRUSTS = [user("ann"), user("bob"), `acs:ram::${ACCOUNT}:root`, `acs:ram::${OTHER_ACCOUNT}:root`].map((ram) =>
  JSON.stringify({
    Version: "1",
    Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [ram] } }],
  }),
);
const POLICIES = ["own", "group", "bots", "spare", "lost", "foreign", "built-in"];
const HOLDERS = ["ann", "bob", "Mixed", "ops", "devs", "bot", "root"];
const USERS = ["ann", "bob", "Mixed"];
const GROUPS = ["ops", "devs"];
const RESOURCES = ["k1", "k2", "db", "alias/one"];
const TAGGED = ["k1", "k2", "db"];
const WINDOWS = ["NULL", "'2000-01-01Z'", "'2050-01-01Z'"];
const VALUES = ["Apollo", "apollo", "Gemini"];
const STATES = ["ENABLED", "DISABLED", "PENDING_DELETION"] as const;
const RESOURCE_GROUPS = ["rg-1", "rg-2"];

const one = <T>(pick: Pick, list: readonly T[]): T => list[pick(list.length)] as T;
const text = (pick: Pick, list: readonly string[]): string => `'${one(pick, list).replaceAll("'", "''")}'`;
const swapped = (column: string, left: string, right: string): string =>
  `${column} = CASE ${column} WHEN ${left} THEN ${right} ELSE ${left} END`;
/** Puts an ARN out of the way, or back. */
const hidden = (column: string): string =>
  `${column} = CASE WHEN ${column} LIKE '%-gone' THEN left(${column}, -5) ELSE ${column} || '-gone' END`;
const account = `'${ACCOUNT}'`;
const someAttachment = "(SELECT id FROM attachment ORDER BY md5(id::text) LIMIT 1)";
const someSession = "(SELECT id FROM role_session ORDER BY md5(id::text) LIMIT 1)";

type Sql = (chosen: {
  readonly pick: Pick;
  id(names: readonly string[]): string;
  /** One of these texts, as an SQL literal. */
  text(list: readonly string[]): string;
  /** One of these, as it is. */
  of(list: readonly string[]): string;
}) => string;

function change(table: string, make: Sql): SqlChange {
  return {
    table,
    sql: (pick, ids) =>
      make({
        pick,
        id: (names) => `'${ids[one(pick, names)]}'`,
        text: (list) => text(pick, list),
        of: (list) => one(pick, list),
      }),
  };
}

export const SQL_CHANGES: readonly SqlChange[] = [
  change(
    "attachment",
    ({ id, of }) => `INSERT INTO attachment (id, account_id, policy_id, principal_id, resource_group_id)
    VALUES (gen_random_uuid(), ${account}, ${id(POLICIES)}, ${id(HOLDERS)}, ${of(["NULL", "'rg-1'", "'rg-2'"])}) ON CONFLICT DO NOTHING`,
  ),
  change("attachment", () => `DELETE FROM attachment WHERE id = ${someAttachment}`),
  change(
    "attachment",
    ({ id, of }) => `UPDATE attachment SET expires_at = ${of(WINDOWS)} WHERE policy_id = ${id(POLICIES)}`,
  ),
  change(
    "attachment",
    ({ id, of }) =>
      `UPDATE attachment SET not_before = ${of(["NULL", "'1999-01-01Z'"])} WHERE principal_id = ${id(HOLDERS)}`,
  ),
  change(
    "attachment",
    ({ id, of }) =>
      `UPDATE attachment SET resource_group_id = ${of(["NULL", "'rg-1'", "'rg-2'"])} WHERE policy_id = ${id(POLICIES)}`,
  ),
  change("attachment", ({ id }) => `UPDATE attachment SET principal_id = ${id(HOLDERS)} WHERE id = ${someAttachment}`),
  change("attachment", ({ id }) => `UPDATE attachment SET policy_id = ${id(POLICIES)} WHERE id = ${someAttachment}`),
  change(
    "group_membership",
    ({ id }) => `INSERT INTO group_membership VALUES (${id(GROUPS)}, ${id(USERS)}, ${account}) ON CONFLICT DO NOTHING`,
  ),
  change("group_membership", ({ id }) => `DELETE FROM group_membership WHERE group_id = ${id(GROUPS)}`),
  change(
    "group_membership",
    ({ id }) => `UPDATE group_membership SET user_id = ${id(USERS)} WHERE group_id = ${id(GROUPS)}
    AND (SELECT count(*) FROM group_membership m WHERE m.group_id = group_membership.group_id) = 1`,
  ),
  change(
    "policy_version",
    ({ id, text }) => `UPDATE policy_version SET document = ${text(STORED)} WHERE policy_id = ${id(POLICIES)}`,
  ),
  change(
    "policy_version",
    ({ id }) => `UPDATE policy_version SET is_default = NOT is_default WHERE policy_id = ${id(POLICIES)}`,
  ),
  change("policy_version", ({ id }) => `DELETE FROM policy_version WHERE policy_id = ${id(POLICIES)}`),
  change(
    "policy_version",
    ({ id, text, pick }) => `INSERT INTO policy_version (id, policy_id, number, document, is_default)
    SELECT gen_random_uuid(), id, ${100 + pick(9)}, ${text(STORED)}, true FROM policy p
    WHERE id = ${id(POLICIES)} AND NOT EXISTS (SELECT FROM policy_version WHERE policy_id = p.id)`,
  ),
  change(
    "policy",
    ({ id }) =>
      `UPDATE policy SET ${swapped("account_id", account, `'${OTHER_ACCOUNT}'`)} WHERE id = ${id(["spare", "foreign", "own"])}`,
  ),
  change(
    "policy",
    () => `INSERT INTO policy (id, account_id, type, name, name_key, arn)
    VALUES (gen_random_uuid(), ${account}, 'SYSTEM', 'built-in', 'built-in', 'acs:ram::system:policy/built-in') ON CONFLICT DO NOTHING`,
  ),
  change(
    "policy",
    () => `DELETE FROM policy p WHERE account_id = ${account} AND type = 'SYSTEM'
    AND NOT EXISTS (SELECT FROM attachment WHERE policy_id = p.id)`,
  ),
  change(
    "policy",
    ({ id }) => `UPDATE policy SET (type, name, name_key, arn) =
    ('SYSTEM', 'built-in', 'built-in', 'acs:ram::system:policy/built-in') WHERE id = ${id(["spare"])}`,
  ),
  change(
    "policy",
    ({ id }) => `UPDATE policy SET (type, name, name_key, arn) =
    ('CUSTOM', 'spare', 'spare', 'acs:ram::${ACCOUNT}:policy/spare') WHERE id = ${id(["spare"])}`,
  ),
  change("policy", ({ id }) => `UPDATE policy SET ${swapped("arn", "arn || ''", "arn")} WHERE id = ${id(POLICIES)}`),
  change(
    "principal",
    ({ text, id }) => `UPDATE principal SET trust_policy = ${text(TRUSTS)} WHERE id = ${id(["bot"])}`,
  ),
  change(
    "principal",
    ({ id }) => `UPDATE principal SET ${hidden("arn")}, ${hidden("arn_key")} WHERE id = ${id(["bob", "bot", "devs"])}`,
  ),
  change(
    "principal",
    () => `INSERT INTO principal (id, account_id, kind, name, arn, arn_key)
    VALUES (gen_random_uuid(), ${account}, 'USER', 'late', '${user("late")}', '${user("late")}') ON CONFLICT DO NOTHING`,
  ),
  change("principal", () => `DELETE FROM principal WHERE name = 'late'`),
  change(
    "resource_tag",
    ({ id, text }) => `INSERT INTO resource_tag VALUES (${id(TAGGED)}, 'Project', ${text(VALUES)})
    ON CONFLICT (resource_id, key) DO NOTHING`,
  ),
  change(
    "resource_tag",
    ({ id, text }) => `UPDATE resource_tag SET value = ${text(VALUES)} WHERE resource_id = ${id(TAGGED)}`,
  ),
  change(
    "resource_tag",
    ({ id }) => `UPDATE resource_tag SET resource_id = ${id(TAGGED)} WHERE resource_id = ${id(TAGGED)}`,
  ),
  change("resource_tag", ({ id }) => `DELETE FROM resource_tag WHERE resource_id = ${id(TAGGED)}`),
  change(
    "kms_resource",
    ({ id, of }) =>
      `UPDATE kms_resource SET resource_group_id = ${of(["NULL", "'rg-1'", "'rg-2'"])} WHERE id = ${id(TAGGED)}`,
  ),
  change(
    "kms_resource",
    ({ id, text }) => `UPDATE kms_resource SET key_state = ${text(STATES)} WHERE id = ${id(["k1", "k2"])}`,
  ),
  change(
    "kms_resource",
    ({ id }) => `UPDATE kms_resource SET key_id = ${id(["k1", "k2"])} WHERE id = ${id(["db", "alias/one"])}`,
  ),
  change("kms_resource", ({ id }) => `UPDATE kms_resource SET ${hidden("arn")} WHERE id = ${id(RESOURCES)}`),
  change("kms_resource", ({ id }) => `DELETE FROM kms_resource WHERE id = ${id(["alias/one"])}`),
  change(
    "kms_resource",
    ({ id }) => `INSERT INTO kms_resource (id, account_id, type, region, name, arn, key_id)
    VALUES (${id(["alias/one"])}, ${account}, 'ALIAS', 'cn-hangzhou', 'alias/one', '${alias("one")}', ${id(["k1", "k2"])}) ON CONFLICT DO NOTHING`,
  ),
  change(
    "role_session",
    ({ id, text, of }) => `INSERT INTO role_session
    (id, account_id, role_id, arn, session_name, token_digest, session_policy, issued_to, issued_at, expires_at)
    VALUES (gen_random_uuid(), ${account}, ${id(["bot"])}, '${session("bot")}', 's1', sha256(''), ${of(["NULL", text(STORED)])}, 'x',
    ${of(["'2000-01-01Z'", "'2001-01-01Z'"])}, ${of(["'2010-01-01Z'", "'2050-01-01Z'"])})`,
  ),
  change("role_session", ({ of }) => `UPDATE role_session SET revoked_at = ${of(WINDOWS)} WHERE id = ${someSession}`),
  change(
    "role_session",
    ({ of, text }) =>
      `UPDATE role_session SET session_policy = ${of(["NULL", text(STORED)])} WHERE id = ${someSession}`,
  ),
  change(
    "role_session",
    () => `UPDATE role_session SET ${swapped("session_name", "'s1'", "'s2'")},
    ${swapped("arn", `'${session("bot")}'`, `'${session("bot").replace(/s1$/, "s2")}'`)}`,
  ),
  change("role_session", ({ of }) => `DELETE FROM role_session WHERE id = ${someSession} OR ${of(["true", "false"])}`),
  change("ended_session", () => `INSERT INTO ended_session VALUES ('${session("bot")}') ON CONFLICT DO NOTHING`),
  change("ended_session", () => `UPDATE ended_session SET ${hidden("arn")}`),
  change("ended_session", () => "DELETE FROM ended_session"),
  change(
    "resource_group",
    ({ pick }) => `INSERT INTO resource_group VALUES (${account}, 'rg-${pick(9)}', 'x') ON CONFLICT DO NOTHING`,
  ),
  change("resource_group", ({ pick }) => `DELETE FROM resource_group WHERE id = 'rg-${3 + pick(6)}'`),
  change(
    "principal_tag",
    ({ id, text }) => `INSERT INTO principal_tag VALUES (${id(USERS)}, 'team', ${text(VALUES)}) ON CONFLICT DO NOTHING`,
  ),
  change("account", () => `UPDATE account SET imported_at = now() WHERE id = ${account}`),
  change(
    "gateway_secret",
    ({ pick }) =>
      `INSERT INTO gateway_secret VALUES ('s${pick(9)}', '\\x00') ON CONFLICT (name) DO UPDATE SET value = '\\x01'`,
  ),
];

/** By ARN, as use cases name things; names that are not the account's own are refused, or made. */
const policyArn = (name: string): string =>
  name === "built-in" ? "acs:ram::system:policy/built-in" : `acs:ram::${ACCOUNT}:policy/${name}`;
const resourceArn = (name: string): string =>
  name === "db" ? secret("db") : name === "alias/one" ? alias("one") : key(name);

class Chooser {
  private readonly pick: Pick;

  constructor(pick: Pick) {
    this.pick = pick;
  }

  of<T>(list: readonly T[]): T {
    return one(this.pick, list);
  }

  document(): object {
    return JSON.parse(this.of(DOCUMENTS));
  }

  target() {
    return {
      policy: policyArn(this.of(["own", "group", "bots", "spare", "lost", "made", "built-in"])),
      principal: this.of([
        user("ann"),
        user("bob"),
        user("mixed"),
        user("made"),
        group("ops"),
        group("devs"),
        role("bot"),
      ]),
      resourceGroup: this.of([null, null, ...RESOURCE_GROUPS]),
    };
  }

  attachment() {
    const year = (text: string) => new Date(`${text}-01-01T00:00:00Z`);
    const notBefore = this.of([null, null, year("2000"), year("2050")]);
    return { ...this.target(), notBefore, expiresAt: this.of([null, null, year("2060"), year("2061")]) };
  }

  tags() {
    return [{ key: "Project", value: this.of(VALUES) }];
  }
}

type Run<Input> = (
  administration: Administration,
  input: Input,
  request: ChangeRequest,
) => Promise<{ readonly changed: boolean }>;

function useCase<Input>(run: Run<Input>, input: (chooser: Chooser) => Input): UseCaseChange {
  return {
    name: run.name,
    run: async (pick, administration) => {
      const request: ChangeRequest = { caller: { kind: "OPERATOR", credentialId: "op" }, requestId: randomUUID() };
      return (await run(administration, input(new Chooser(pick)), request)).changed;
    },
  };
}

const common = { account: ACCOUNT };
const made = { key: key("made"), secret: secret("made"), alias: alias("made") };

export const USE_CASE_CHANGES: readonly UseCaseChange[] = [
  useCase(USE_CASES.attachPolicy, (some) => some.attachment()),
  useCase(USE_CASES.attachPolicies, (some) => ({ attachments: [some.attachment(), some.attachment()] })),
  useCase(USE_CASES.detachPolicy, (some) => some.target()),
  useCase(USE_CASES.detachPolicies, (some) => ({ attachments: Array.from({ length: 20 }, () => some.target()) })),
  useCase(USE_CASES.addUserToGroup, (some) => ({ user: user(some.of(USERS)), group: group(some.of(GROUPS)) })),
  useCase(USE_CASES.removeUserFromGroup, (some) => ({ user: user(some.of(USERS)), group: group(some.of(GROUPS)) })),
  useCase(USE_CASES.createPolicy, (some) => ({ ...common, name: "made", document: some.document() })),
  useCase(USE_CASES.updatePolicy, (some) => ({
    policy: policyArn(some.of(["own", "made"])),
    description: some.of(VALUES),
  })),
  useCase(USE_CASES.deletePolicy, () => ({ policy: policyArn("made") })),
  useCase(USE_CASES.createPolicyVersion, (some) => ({
    policy: policyArn(some.of(["own", "group", "bots", "spare"])),
    document: some.document(),
    setAsDefault: some.of([true, true, false]),
    rotateStrategy: "DELETE_OLDEST_NON_DEFAULT_VERSION_WHEN_LIMIT_EXCEEDED" as never,
  })),
  useCase(USE_CASES.setDefaultPolicyVersion, (some) => ({
    policy: policyArn(some.of(["own", "group", "bots", "spare"])),
    version: some.of(["v1", "v2", "v3", "v4"]),
  })),
  useCase(USE_CASES.deletePolicyVersion, (some) => ({
    policy: policyArn(some.of(["own", "group", "bots", "spare"])),
    version: some.of(["v1", "v2", "v3", "v4"]),
  })),
  useCase(USE_CASES.tagResource, (some) => ({
    resource: some.of([...TAGGED.map(resourceArn), user("ann"), role("bot")]),
    tags: some.tags(),
  })),
  useCase(USE_CASES.untagResource, (some) => ({
    resource: some.of([...TAGGED.map(resourceArn), user("ann"), role("bot")]),
    tagKeys: ["Project"],
  })),
  useCase(USE_CASES.moveToResourceGroup, (some) => ({
    resource: resourceArn(some.of(TAGGED)),
    resourceGroup: some.of([null, ...RESOURCE_GROUPS]),
  })),
  useCase(USE_CASES.createResourceGroup, () => ({ ...common, id: "rg-made", name: "made" })),
  useCase(USE_CASES.updateResourceGroup, (some) => ({
    ...common,
    resourceGroup: some.of(["rg-1", "rg-made"]),
    name: some.of(VALUES),
  })),
  useCase(USE_CASES.deleteResourceGroup, () => ({ ...common, resourceGroup: "rg-made" })),
  useCase(USE_CASES.registerKey, (some) => ({
    arn: made.key,
    state: some.of(STATES),
    tags: some.tags(),
    resourceGroup: some.of([null, "rg-1"]),
  })),
  useCase(USE_CASES.updateKey, (some) => ({ key: some.of([key("k1"), key("k2"), made.key]), state: some.of(STATES) })),
  useCase(USE_CASES.deregisterKey, () => ({ key: made.key })),
  useCase(USE_CASES.registerSecret, (some) => ({
    arn: made.secret,
    encryptionKey: some.of([key("k1"), key("k2"), null]),
  })),
  useCase(USE_CASES.updateSecret, (some) => ({
    secret: some.of([secret("db"), made.secret]),
    encryptionKey: some.of([key("k1"), key("k2"), null]),
  })),
  useCase(USE_CASES.deregisterSecret, () => ({ secret: made.secret })),
  useCase(USE_CASES.registerAlias, (some) => ({ arn: made.alias, key: some.of([key("k1"), key("k2")]) })),
  useCase(USE_CASES.updateAlias, (some) => ({
    alias: some.of([alias("one"), made.alias]),
    key: some.of([key("k1"), key("k2")]),
  })),
  useCase(USE_CASES.deregisterAlias, () => ({ alias: made.alias })),
  useCase(USE_CASES.updateRole, (some) => ({ role: role("bot"), trustPolicy: JSON.parse(some.of(TRUSTS)) })),
  useCase(assumeRole, (some) => ({
    role: role("bot"),
    sessionName: "s1",
    sessionPolicy: some.of([null, some.document()]),
  })),
  useCase(revokeRoleSessions, () => ({ role: role("bot") })),
  useCase(USE_CASES.createUser, () => ({ ...common, name: "made" })),
  useCase(USE_CASES.updateUser, (some) => ({ user: user(some.of(["made", "ann"])), displayName: some.of(VALUES) })),
  useCase(USE_CASES.deleteUser, () => ({ user: user("made") })),
  useCase(USE_CASES.createGroup, () => ({ ...common, name: "made" })),
  useCase(USE_CASES.updateGroup, (some) => ({ group: group(some.of(["made", "ops"])), comments: some.of(VALUES) })),
  useCase(USE_CASES.deleteGroup, () => ({ group: group("made") })),
  useCase(USE_CASES.updateAccount, (some) => ({ ...common, alias: some.of(["one", "two"]) })),
  useCase(
    async function ensureSystemPolicy(administration, document: object) {
      const version = { id: "v1", date: null, document: document as never };
      const policy = { name: "built-in", description: "", defaultVersion: "v1", versions: [version] };
      await ensureSystemPolicies(administration.db, [policy]);
      return { changed: true };
    },
    (some) => some.document(),
  ),
];
