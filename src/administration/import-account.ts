import { createHash } from "node:crypto";
import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount, type Effect } from "./change-account.js";
import { insertAccount } from "./create-account.js";
import { readAccountState } from "./import/account-state.js";
import { applyImport } from "./import/apply-import.js";
import { countsOf, type PlannedCount, planImport, type RowChanges } from "./import/plan-import.js";
import { capped, checkSnapshot, readSnapshot, snapshotProblem } from "./import/read-snapshot.js";
import type { Snapshot } from "./import/snapshot.js";
import { type ImportMode, targetState } from "./import/target-state.js";
import { type ImportWarning, warningsOf } from "./import/warnings.js";
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
  /** What RAM would refuse, and policies without a document; at most 1,000. */
  readonly warnings: readonly ImportWarning[];
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

/**
 * Brings an account to the state of a snapshot, all or nothing. MERGE adds and updates by name: members that the
 * snapshot leaves out keep their value, lists of groups and tags that it gives are whole. REPLACE leaves exactly the
 * snapshot. An account that does not exist is made; importing the same snapshot again changes nothing.
 */
export function importAccount(
  administration: Administration,
  input: ImportAccountInput,
  request: ChangeRequest,
): Promise<ChangeResult<ImportedAccount>> {
  const { account, mode } = input;
  return changeAccount(administration, request, () => {
    const snapshot = requireSnapshot(input);
    const problems = checkSnapshot(snapshot);
    const warnings = problems.length > 0 ? [] : warningsOf(snapshot, administration.limits);
    return {
      action: "importAccount",
      account,
      lock: "exclusive",
      createsAccount: true,
      targets: [`acs:ram::${account}:root`],
      scopes: [`acct:${account}`],
      input: problems.length > 0 ? { account, mode } : input,
      timeout: TIMEOUT_MS,
      run: (tx) => importSnapshot(tx, snapshot, mode, { problems, warnings }),
    };
  });
}

function requireSnapshot({ account, snapshot: input }: ImportAccountInput): Snapshot {
  const read = readSnapshot(input);
  if (!read.ok) throw new Refusal(read.problems);
  if (read.snapshot.account.id === account) return read.snapshot;
  const message = `the snapshot is of the account \`${read.snapshot.account.id}\`, not \`${account.slice(0, 40)}\``;
  throw new Refusal([snapshotProblem("INVALID_SNAPSHOT", message, "/account/id")]);
}

interface Findings {
  readonly problems: readonly UserError[];
  readonly warnings: readonly ImportWarning[];
}

async function importSnapshot(
  tx: Transaction,
  snapshot: Snapshot,
  mode: ImportMode,
  { problems, warnings }: Findings,
): Promise<Effect<ImportedAccount>> {
  const { id } = snapshot.account;
  const stored = await tx.account.findUnique({ where: { id }, select: { alias: true } });
  if (stored === null) await insertAccount(tx, id, snapshot.account.alias ?? null);
  const current = await readAccountState(tx, id);
  const readable = problems.length > 0 ? withoutDocuments(snapshot) : snapshot;
  const target = targetState(current, await builtInPolicies(tx), readable, mode);
  refuseIfAny(capped([...problems, ...target.problems]));
  const changes = planImport(current, target);
  const account = planAccount(snapshot, stored, mode);
  const plan = {
    account,
    counts: countsOf(changes),
    warnings: [...warnings, ...target.warnings].slice(0, MOST_WARNINGS),
  };
  const changed = account !== "KEEP" || plan.counts.length > 0;
  if (changed) await write(tx, snapshot, mode, changes);
  const before = stored && { alias: stored.alias };
  const after = { alias: aliasAfter(snapshot.account.alias, stored, mode), plan: { account, counts: plan.counts } };
  return { value: { accountId: id, plan }, changed, audit: auditOf(snapshot, mode, plan), before, after };
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

async function write(tx: Transaction, { account }: Snapshot, mode: ImportMode, changes: RowChanges): Promise<void> {
  await applyImport(tx, changes);
  const keepsAlias = account.alias === undefined && mode === "MERGE";
  await tx.account.update({
    where: { id: account.id },
    data: { importedAt: new Date(), ...(keepsAlias ? {} : { alias: account.alias ?? null }) },
    select: { id: true },
  });
}

async function builtInPolicies(tx: Transaction): Promise<Map<string, string>> {
  const policies = await tx.policy.findMany({
    where: { accountId: null, type: "SYSTEM" },
    select: { id: true, nameKey: true },
  });
  return new Map(policies.map(({ id, nameKey }) => [nameKey, id]));
}

/** The snapshot itself may be large; its digest says which one it was. */
function auditOf(snapshot: Snapshot, mode: ImportMode, { account, counts }: ImportPlan): object {
  const snapshotSha256 = createHash("sha256").update(JSON.stringify(snapshot)).digest("hex");
  return { account: snapshot.account.id, mode, snapshotSha256, plan: { account, counts } };
}
