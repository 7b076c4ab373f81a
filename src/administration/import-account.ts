import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { refuseForeign } from "./authorise-change.js";
import { changeAccount, type Effect } from "./change-account.js";
import { insertAccount } from "./create-account.js";
import { readAccountState } from "./import/account-state.js";
import { applyImport } from "./import/apply-import.js";
import { countRows, countsOf, type PlannedCount, planImport, type RowChanges } from "./import/plan-import.js";
import { type ListedChanges, listChanges } from "./import/planned-changes.js";
import { capped, checkSnapshot, readSnapshot, snapshotProblem } from "./import/read-snapshot.js";
import type { Snapshot } from "./import/snapshot.js";
import { snapshotDigest } from "./import/snapshot-digest.js";
import { type ImportMode, targetState } from "./import/target-state.js";
import { type ImportWarning, warningsOf } from "./import/warnings.js";
import { needs } from "./permissions.js";
import { Refusal, refuseIfAny, type UserError } from "./user-error.js";

export interface ImportAccountInput {
  /** Account number; the snapshot's must be the same. */
  readonly account: string;
  /** A snapshot of an account, format version 1, as a JSON value. */
  readonly snapshot: unknown;
  readonly mode: ImportMode;
}

/** What an import did, or on a dry run would do. */
export interface ImportPlan {
  /** Whether the account itself was made, changed (its alias), or is left alone. */
  readonly account: "CREATE" | "UPDATE" | "KEEP";
  /** Empty when nothing but the account itself changes. */
  readonly counts: readonly PlannedCount[];
  /** The same one by one, at most 1,000. */
  readonly listed: ListedChanges;
  /** What RAM would refuse, and policies without a document; at most 1,000. */
  readonly warnings: readonly ImportWarning[];
}

/** How far an import has come, for people who wait. */
export interface ImportProgress {
  readonly step: "checking" | "planning" | "writing";
  /** Of `total`; things to check, nothing in particular to plan, rows to write. */
  readonly done: number;
  readonly total: number;
}

export interface ImportSettings {
  /** Is told about every step at its start, and while it goes on. */
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Most problems to list; one more says how many others there are. Default 1,000. */
  readonly mostProblems?: number;
  /** Longest time the transaction may take, in ms. Default: five minutes. */
  readonly timeout?: number;
}

export interface ImportedAccount {
  readonly accountId: string;
  readonly plan: ImportPlan;
}

interface StoredAccount {
  readonly alias: string | null;
}

const TIMEOUT_MS = 300_000;
const MOST_WARNINGS = 1_000;
const MOST_PROBLEMS = 1_000;
const MOST_CHANGES = 1_000;

/**
 * Brings an account to the state of a snapshot, all or nothing. MERGE adds and updates by name: members that the
 * snapshot leaves out keep their value, lists of groups and tags that it gives are whole. REPLACE leaves exactly the
 * snapshot. An account that does not exist is made; importing the same snapshot again changes nothing.
 */
export function importAccount(
  administration: Administration,
  input: ImportAccountInput,
  request: ChangeRequest,
  { onProgress = () => {}, mostProblems = MOST_PROBLEMS, timeout = TIMEOUT_MS }: ImportSettings = {},
): Promise<ChangeResult<ImportedAccount>> {
  const { account, mode } = input;
  return changeAccount(administration, request, () => {
    const requires = importPermissions(account);
    refuseForeign(request.caller, { requires, account }); // before there is a snapshot to be read
    onProgress({ step: "checking", done: 0, total: 1 });
    const snapshot = requireSnapshot(input, mostProblems);
    const problems = checkSnapshot(snapshot);
    const warnings = problems.length > 0 ? [] : warningsOf(snapshot, administration.limits);
    return {
      action: "importAccount",
      requires,
      account,
      lock: "exclusive",
      createsAccount: true,
      targets: [`acs:ram::${account}:root`],
      scopes: [`acct:${account}`],
      guardedByAll: true,
      input: problems.length > 0 ? { account, mode } : input,
      timeout,
      run: (tx) => importSnapshot(tx, snapshot, mode, { problems, warnings, mostProblems, onProgress }),
    };
  });
}

/** Nobody looks what a whole account gives to whom. */
function importPermissions(account: string) {
  const whole = [`acs:ram::${account}:*`];
  return needs("importAccount", { "ramgate:ImportAccount": whole, "ramgate:GrantBeyondSelf": whole });
}

function requireSnapshot({ account, snapshot: input }: ImportAccountInput, mostProblems: number): Snapshot {
  const read = readSnapshot(input);
  if (!read.ok) throw new Refusal(capped(read.problems, mostProblems));
  if (read.snapshot.account.id === account) return read.snapshot;
  const message = `the snapshot is of the account \`${read.snapshot.account.id}\`, not \`${account.slice(0, 40)}\``;
  throw new Refusal([snapshotProblem("INVALID_SNAPSHOT", message, "/account/id")]);
}

interface Findings extends Omit<Required<ImportSettings>, "timeout"> {
  readonly problems: readonly UserError[];
  readonly warnings: readonly ImportWarning[];
}

async function importSnapshot(
  tx: Transaction,
  snapshot: Snapshot,
  mode: ImportMode,
  findings: Findings,
): Promise<Effect<ImportedAccount>> {
  const { id } = snapshot.account;
  findings.onProgress({ step: "planning", done: 0, total: 1 });
  const stored = await tx.account.findUnique({ where: { id }, select: { alias: true } });
  if (stored === null) await insertAccount(tx, id, snapshot.account.alias ?? null);
  const { changes, ...rest } = await planRows(tx, snapshot, mode, findings);
  const plan = { account: planAccount(snapshot, stored, mode), ...rest };
  const changed = plan.account !== "KEEP" || plan.counts.length > 0;
  if (changed) await write(tx, snapshot, mode, changes, findings.onProgress);
  const before = stored && { alias: stored.alias };
  const alias = aliasAfter(snapshot.account.alias, stored, mode);
  const after = { alias, plan: { account: plan.account, counts: plan.counts } };
  return { value: { accountId: id, plan }, changed, audit: auditOf(snapshot, mode, plan), before, after };
}

async function planRows(tx: Transaction, snapshot: Snapshot, mode: ImportMode, findings: Findings) {
  const { problems, warnings, mostProblems } = findings;
  const current = await readAccountState(tx, snapshot.account.id);
  const readable = problems.length > 0 ? withoutDocuments(snapshot) : snapshot;
  const builtIns = await builtInPolicies(tx);
  const target = targetState(current, new Map(builtIns.map(({ nameKey, id }) => [nameKey, id])), readable, mode);
  refuseIfAny(capped([...problems, ...target.problems], mostProblems));
  const rows = planImport(current, target);
  const arns = new Map(builtIns.map(({ id, arn }) => [id, arn]));
  return {
    changes: rows,
    counts: countsOf(rows),
    listed: listChanges(rows, [current, target.state], arns, MOST_CHANGES),
    warnings: [...warnings, ...target.warnings].slice(0, MOST_WARNINGS),
  };
}

/** For a snapshot that is refused anyway: its references can be checked, its documents must not be touched. */
function withoutDocuments(snapshot: Snapshot): Snapshot {
  return {
    ...snapshot,
    roles: snapshot.roles.map((role) => ({ ...role, trustPolicy: {} })),
    policies: snapshot.policies.map((policy) => ({
      ...policy,
      versions: policy.versions.map((version) => ({ ...version, document: {} })),
    })),
  };
}

function planAccount({ account }: Snapshot, stored: StoredAccount | null, mode: ImportMode): ImportPlan["account"] {
  if (stored === null) return "CREATE";
  return stored.alias === aliasAfter(account.alias, stored, mode) ? "KEEP" : "UPDATE";
}

function aliasAfter(alias: string | null | undefined, stored: StoredAccount | null, mode: ImportMode): string | null {
  return alias === undefined && mode === "MERGE" ? (stored?.alias ?? null) : (alias ?? null);
}

async function write(
  tx: Transaction,
  { account }: Snapshot,
  mode: ImportMode,
  changes: RowChanges,
  onProgress: Required<ImportSettings>["onProgress"],
): Promise<void> {
  const total = countRows(changes);
  let done = 0;
  onProgress({ step: "writing", done, total });
  await applyImport(tx, changes, (rows) => {
    done += rows;
    onProgress({ step: "writing", done, total });
  });
  const keepsAlias = account.alias === undefined && mode === "MERGE";
  await tx.account.update({
    where: { id: account.id },
    data: { importedAt: new Date(), ...(keepsAlias ? {} : { alias: account.alias ?? null }) },
    select: { id: true },
  });
}

function builtInPolicies(tx: Transaction): Promise<{ id: string; nameKey: string; arn: string }[]> {
  const where = { accountId: null, type: "SYSTEM" } as const;
  return tx.policy.findMany({ where, select: { id: true, nameKey: true, arn: true } });
}

/** The snapshot itself may be large; its digest says which one it was. */
function auditOf(snapshot: Snapshot, mode: ImportMode, { account, counts }: ImportPlan): object {
  const snapshotSha256 = snapshotDigest(snapshot);
  return { account: snapshot.account.id, mode, snapshotSha256, plan: { account, counts } };
}
