import { parseArn } from "../domain/arn.js";
import type { GatewayAction } from "../domain/gateway-actions.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { foldCase } from "../domain/wildcard.js";
import type { OwnRecords } from "../store/own-records.js";
import { arnsOf, type Permissions, refusal } from "./permissions.js";

/** The kinds of records that are seen one by one, with what has to be known of a row to tell who may see it. */
interface Rows {
  ACCOUNT: { readonly id: string };
  ATTACHMENT: { readonly accountId: string };
  AUDIT_EVENT: { readonly accountId: string };
  /** One that is only named has no id. */
  POLICY: { readonly id?: string; readonly accountId: string | null; readonly arn: string };
  PRINCIPAL: {
    readonly accountId: string;
    readonly arn: string;
    readonly arnKey: string;
    readonly sessionArn?: string;
  };
  RESOURCE: { readonly accountId: string; readonly arn: string };
  RESOURCE_GROUP: { readonly accountId: string; readonly id: string };
}

export type RecordKind = keyof Rows;
export type RowOf<Kind extends RecordKind> = Rows[Kind];

export interface RecordRule<Row> {
  readonly action: GatewayAction;
  /** Whom it belongs to; null: it is part of the product, and open to every known caller. */
  readonly account: (row: Row) => string | null;
  /** What the action is asked on; nothing: what is the caller's account's may be seen wherever something leads to it. */
  readonly arns?: (row: Row) => readonly string[];
  /** What it is asked on to see all of an account. */
  readonly all: (account: string) => string;
  /** Whether the caller holds it itself, and so needs no permission. */
  readonly own?: (row: Row, own: OwnRecords) => boolean;
}

const ofAccount = (account: string): string => `acs:ram::${account}:*`;

export const RECORDS: { readonly [Kind in RecordKind]: RecordRule<Rows[Kind]> } = {
  ACCOUNT: { action: "ramgate:ReadAccount", account: ({ id }) => id, all: ofAccount },
  ATTACHMENT: { action: "ramgate:ReadPrincipal", account: ({ accountId }) => accountId, all: ofAccount },
  AUDIT_EVENT: { action: "ramgate:ReadAuditTrail", account: ({ accountId }) => accountId, all: ofAccount },
  POLICY: {
    action: "ramgate:ReadPolicy",
    account: ({ accountId }) => accountId,
    arns: ({ arn }) => [arn],
    all: ofAccount,
    own: ({ id, arn }, { policies, policyArns }) =>
      id === undefined ? policyArns.has(foldCase(arn)) : policies.has(id),
  },
  PRINCIPAL: {
    action: "ramgate:ReadPrincipal",
    account: ({ accountId }) => accountId,
    arns: ({ arn, sessionArn }) => (sessionArn === undefined ? [arn] : [sessionArn, arn]),
    all: ofAccount,
    own: ({ arnKey, sessionArn }, { groups }) => sessionArn === undefined && groups.has(arnKey),
  },
  RESOURCE: {
    action: "ramgate:ReadResource",
    account: ({ accountId }) => accountId,
    arns: ({ arn }) => [arn],
    all: (account) => `acs:kms:*:${account}:*`,
  },
  RESOURCE_GROUP: {
    action: "ramgate:ReadResourceGroup",
    account: ({ accountId }) => accountId,
    arns: ({ accountId, id }) => [`acs:resourcemanager::${accountId}:resourcegroup/${id}`],
    all: (account) => `acs:resourcemanager::${account}:*`,
    own: ({ id }, { resourceGroups }) => resourceGroups.has(id),
  },
};

/**
 * Who may see an object of a type: a record by a permission of its own, a `PART` whoever sees what it hangs on. What a
 * `CHANGE` shows directly needs no further permission where the caller has really changed it.
 */
export type TypeRule = RecordKind | "PART" | "CHANGE";

/** Every object type, and the interfaces of records. Connections and payloads are told by what they are. */
export const TYPES: Readonly<Record<string, TypeRule>> = {
  ...kinds("ACCOUNT", "Account"),
  ...kinds("ATTACHMENT", "Attachment", "EffectivePolicy"),
  ...kinds("AUDIT_EVENT", "AuditEvent"),
  ...kinds("POLICY", "Policy"),
  ...kinds("PRINCIPAL", "Principal", "User", "Group", "Role", "RoleSession", "AccountOwner"),
  ...kinds("RESOURCE", "KmsResource", "Key", "Secret", "Alias"),
  ...kinds("RESOURCE_GROUP", "ResourceGroup"),
  ...kinds("PART", "AttachmentScope", "PolicyVersion", "Tag", "PageInfo"),
  ...kinds("PART", "Decision", "EffectivePermissions", "OperationDecision", "AccessCheckError"),
  ...kinds("PART", "Diagnostic", "MatchedStatement", "NearMiss", "ResidualCondition", "StatementFailure"),
  ...kinds("PART", "PolicyFinding", "Viewer", "Credential", "GrantChange", "DecisionLogEntry"),
  ...kinds("PART", "WhoCanEntry", "AssumedRole", "WhatCanEntry", "AccessMatrixRow", "AccessMatrixCell"),
  ...kinds("PART", "ApiKey"), // whoever gets to one owns it: see `apiKey`, `apiKeys` and `node`
  ...kinds("PART", "PlainUserError", "MalformedPolicyDocumentError", "ConflictError", "EscalationError"),
  ...kinds("PART", "ImportPlan", "ImportCount", "ImportChange", "ImportWarning"),
  ...kinds("CHANGE", "PolicyDetachment"),
};

function kinds(rule: TypeRule, ...names: readonly string[]): Record<string, TypeRule> {
  return Object.fromEntries(names.map((name) => [name, rule]));
}

/** One use of a field, by a principal. */
export interface Use {
  readonly parent: unknown;
  readonly args: Readonly<Record<string, unknown>>;
  readonly permissions: Permissions;
}

/** What a field asks for beside, or instead of, the rule of its type. */
export interface FieldRule {
  /** The permissions that it takes; none: every known caller may use it. */
  readonly actions: readonly string[];
  /** For the documents: what they are asked on. */
  readonly on: string;
  /** For the documents: what takes no permission. */
  readonly free: string;
  /** Refuses, before the resolver has looked anything up. */
  readonly before?: (use: Use) => Promise<void>;
  /**
   * `LISTED`: what is on the page needs no check of its own. `DIRECT`: each record is asked for by its name, so the
   * permission to list all does not stand in for one on itself. `NODE`: the same, and what is missing looks like it.
   */
  readonly result: "LISTED" | "DIRECT" | "NODE" | "AS_IS";
}

/** For the documents. */
export const NOTHING = "—";
const EVALUATION: FieldRule = {
  actions: ["ramgate:EvaluateAccess"],
  on: "the principal or all that is asked about, without a Deny on either",
  free: "questions about oneself",
  result: "AS_IS", // the resolver refuses, each item of a batch by itself
};

/** Every field of the query, and others that ask for more than their type does: `Type.field`. */
export const FIELDS: Readonly<Record<string, FieldRule>> = {
  "Query.accessMatrix": EVALUATION,
  "Query.accounts": {
    ...{
      actions: ["ramgate:ReadAccount"],
      on: "`acs:ram::<account>:*` of their own account, the only one they see",
      free: NOTHING,
      result: "LISTED",
    },
    before: ({ permissions }) => requireAll("ACCOUNT", permissions.account, permissions),
  },
  "Query.apiKey": { actions: [], on: NOTHING, free: "own keys; null for all others", result: "AS_IS" },
  "Query.apiKeys": { actions: [], on: NOTHING, free: "own keys, no others", result: "AS_IS" },
  "Query.auditEvents": listOf("AUDIT_EVENT", "`acs:ram::<account>:*`"),
  "Query.canPerform": EVALUATION,
  "Query.checkAccess": EVALUATION,
  "Query.checkAccessBatch": EVALUATION,
  "Query.decisionLog": listOf("AUDIT_EVENT", "`acs:ram::<account>:*`"),
  "Query.effectivePermissions": EVALUATION,
  "Query.exportAccount": {
    ...{ actions: ["ramgate:ExportAccount"], on: "`acs:ram::<account>:*`", free: NOTHING, result: "AS_IS" },
    before: ({ args, permissions }) => requireOn("ramgate:ExportAccount", args["account"], ofAccount, permissions),
  },
  "Query.lintPolicy": { actions: [], on: NOTHING, free: "everything", result: "AS_IS" },
  "Query.node": {
    actions: [],
    on: "as for the query of its type; what is refused or missing is null to whoever may list the type, else FORBIDDEN",
    free: "as for the query of its type",
    result: "NODE",
  },
  "Query.nodes": { actions: [], on: "as `node`, each by itself", free: "as `node`", result: "NODE" },
  "Query.policies": listOf("POLICY", "`acs:ram::<account>:*`"),
  "Query.policy": {
    ...{ actions: ["ramgate:ReadPolicy"], on: "the policy", result: "DIRECT" },
    free: "built-in system policies, and those attached to oneself or one's groups",
    before: ({ args, permissions }) => requireDirect("POLICY", policyNamed(args["arn"]), permissions),
  },
  "Query.principal": {
    ...{ actions: ["ramgate:ReadPrincipal"], on: "the principal, or the role of the session", result: "DIRECT" },
    free: "oneself, one's groups, and the role of one's session",
    before: ({ args, permissions }) => requireDirect("PRINCIPAL", principalNamed(args["arn"]), permissions),
  },
  "Query.principals": listOf("PRINCIPAL", "`acs:ram::<account>:*`"),
  "Query.resource": {
    ...{ actions: ["ramgate:ReadResource"], on: "the resource", free: NOTHING, result: "DIRECT" },
    before: ({ args, permissions }) => requireDirect("RESOURCE", resourceNamed(args["arn"]), permissions),
  },
  "Query.resources": listOf("RESOURCE", "`acs:kms:*:<account>:*`"),
  "Query.whatCan": {
    ...{ actions: ["ramgate:EvaluateAccess"], on: "the principal, or the role of the session", result: "AS_IS" },
    free: "questions about oneself",
    before: ({ args, permissions }) => permissions.requireEvaluation(String(args["principal"]), []),
  },
  "Query.whoCan": {
    ...{ actions: ["ramgate:EvaluateAccess"], on: "the resource", free: NOTHING, result: "AS_IS" },
    before: ({ args, permissions }) => permissions.requireEvaluationByAll(String(args["resource"]), args["account"]),
  },
  "Query.viewer": { actions: [], on: NOTHING, free: "everything", result: "AS_IS" },
  "Subscription.grantChanges": { ...listOf("AUDIT_EVENT", "`acs:ram::<account>:*`"), result: "AS_IS" }, // and asks again while it lasts
  "Account.resourceGroups": {
    ...{ actions: ["ramgate:ReadResourceGroup"], on: "`acs:resourcemanager::<account>:*`", free: NOTHING },
    result: "LISTED",
    before: ({ parent, permissions }) => requireAll("RESOURCE_GROUP", (parent as RowOf<"ACCOUNT">).id, permissions),
  },
};

/** A list of all of an account, named by the argument `account`. */
function listOf(kind: RecordKind, on: string): FieldRule {
  return {
    ...{ actions: [RECORDS[kind].action], on, free: NOTHING, result: "LISTED" },
    before: ({ args, permissions }) => requireAll(kind, args["account"], permissions),
  };
}

/** @throws ForbiddenError for whoever may not see all records of a kind in an account, whether there is one or not */
export function requireAll(kind: RecordKind, account: unknown, permissions: Permissions): Promise<void> {
  const { action, all } = RECORDS[kind];
  return requireOn(action, account, all, permissions);
}

async function requireOn(
  action: GatewayAction,
  account: unknown,
  arnOf: (account: string) => string,
  permissions: Permissions,
): Promise<void> {
  const { account: own } = permissions;
  if (account !== own || !(await permissions.allows(action, [arnOf(own)]))) throw refusal(action);
}

async function requireDirect<Kind extends RecordKind>(
  kind: Kind,
  named: Rows[Kind],
  permissions: Permissions,
): Promise<void> {
  if (!(await mayReadDirectly(kind, named, permissions))) throw refusal(RECORDS[kind].action);
}

function principalNamed(text: unknown): Rows["PRINCIPAL"] {
  const name = parsePrincipalArn(String(text));
  const [first = "", role] = arnsOf(name);
  const row = { accountId: name.account, arn: role ?? first, arnKey: name.arnKey };
  return role === undefined ? row : { ...row, sessionArn: first };
}

/** What tells who may see the principal with a canonical ARN; an import may bring names that no question could ask about. */
export function principalWith(arn: string): RowOf<"PRINCIPAL"> {
  const accountId = arn.split(":", 4)[3] ?? "";
  const [, role] = /:assumed-role\/([^/]+)\/[^/]+$/.exec(arn) ?? [];
  const row = { accountId, arn, arnKey: foldCase(arn) };
  return role === undefined ? row : { ...row, arn: `acs:ram::${accountId}:role/${role}`, sessionArn: arn };
}

function policyNamed(text: unknown): Rows["POLICY"] {
  const { account, relativeId } = parseArn(String(text));
  return { accountId: account === "system" ? null : account, arn: `acs:ram::${account}:${relativeId}` };
}

function resourceNamed(text: unknown): Rows["RESOURCE"] {
  const { account, text: arn } = parseArn(String(text));
  return { accountId: account, arn };
}

/** Whether the caller may see a record that it has named. Nothing is ever given in another account. */
export async function mayReadDirectly<Kind extends RecordKind>(
  kind: Kind,
  row: Rows[Kind],
  permissions: Permissions,
): Promise<boolean> {
  const rule = RECORDS[kind];
  const account = rule.account(row);
  if (account !== permissions.account) return account === null;
  if (isSelf(kind, row, permissions)) return true;
  const arns = rule.arns?.(row).filter(isAskable) ?? [];
  const allowed = await permissions.allows(rule.action, arns.length === 0 ? [rule.all(account)] : arns);
  return allowed || isOwn(rule, row, permissions);
}

/** Whether the caller may see a record that something else has led to: also who may list all of its kind. */
export async function mayRead<Kind extends RecordKind>(
  kind: Kind,
  row: Rows[Kind],
  permissions: Permissions,
): Promise<boolean> {
  const rule = RECORDS[kind];
  const account = rule.account(row);
  if (account !== permissions.account) return account === null;
  if (rule.arns === undefined || isSelf(kind, row, permissions)) return true;
  if (await permissions.allows(rule.action, [rule.all(account)])) return true;
  return mayReadDirectly(kind, row, permissions);
}

/** Whether the caller may be told of a principal in an answer about all: who may ask about all may be kept from asking about one. */
export async function mayKnow(arn: string, permissions: Permissions | null): Promise<boolean> {
  if (permissions === null) return true;
  const row = principalWith(arn);
  if (permissions.isSelf(row.sessionArn ?? row.arnKey)) return true;
  const named = row.sessionArn === undefined ? [arn] : [arn, row.arn];
  return (await mayRead("PRINCIPAL", row, permissions)) && !(await permissions.denies("ramgate:EvaluateAccess", named));
}

/** An import may bring names that no question could ask about: they are seen by who sees all. */
function isAskable(arn: string): boolean {
  try {
    parseArn(arn);
    return true;
  } catch {
    return false;
  }
}

function isSelf(kind: RecordKind, row: object, permissions: Permissions): boolean {
  if (kind !== "PRINCIPAL") return false;
  const { arnKey, sessionArn } = row as Rows["PRINCIPAL"];
  return permissions.isSelf(sessionArn ?? arnKey);
}

async function isOwn<Row>({ own }: RecordRule<Row>, row: Row, permissions: Permissions): Promise<boolean> {
  return own?.(row, await permissions.own()) ?? false;
}
