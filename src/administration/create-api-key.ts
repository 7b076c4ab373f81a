import { excerpt } from "../domain/arn.js";
import { HARD_LIMITS } from "../domain/limits.js";
import { type PrincipalName, parsePrincipalArn } from "../domain/principal.js";
import type { Transaction } from "../store/prisma-client.js";
import { readClock } from "../store/revisions.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import {
  changeOf,
  expiryOf,
  type Issue,
  type IssuedKey,
  type KeptIssue,
  mayManage,
  newIssue,
  withSecret,
} from "./api-key.js";
import { changeAccount, type Effect } from "./change-account.js";
import { apiKeyFacts } from "./facts.js";
import { refuseServiceLinkedRole } from "./look-up.js";
import { refuse, refuseIfAny } from "./user-error.js";
import { checkText } from "./validation.js";

export interface CreateApiKeyInput {
  /** ARN of the user, role or account owner that the key signs in; an operator unless given. */
  readonly principal?: string | null | undefined;
  readonly description?: string | null | undefined;
  /** First instant at which it is good no more; for principals at most, and by default, so many days ahead as configured. */
  readonly expiresAt?: Date | null | undefined;
}

/** Makes an API key. Operators make any, principals their own. Only the digest of the secret is kept. */
export async function createApiKey(
  administration: Administration,
  input: CreateApiKeyInput,
  request: ChangeRequest,
): Promise<ChangeResult<IssuedKey>> {
  const issue = newIssue();
  const plan = () => {
    const principal = principalOf(input, request);
    refuseIfAny(checkText(input.description, 1_024, "description"));
    return {
      ...changeOf({ id: issue.key.id, principal }),
      action: "createApiKey",
      lock: "counted" as const,
      input,
      run: (tx: Transaction) => insertKey(tx, input, principal, issue, administration.limits.apiKeyDays),
    };
  };
  return withSecret(await changeAccount(administration, request, plan), issue, request);
}

function principalOf({ principal: arn }: CreateApiKeyInput, { caller }: ChangeRequest): PrincipalName | null {
  const principal = arn === null || arn === undefined ? null : parsePrincipalArn(arn);
  if (!mayManage(caller, principal))
    refuse("NO_PERMISSION", "principals may make keys of themselves only", "principal");
  if (principal?.kind !== "GROUP" && principal?.kind !== "ROLE_SESSION") return principal;
  const message = `\`${excerpt(principal.arn)}\` is not the arn of a user, role or account owner`;
  refuse("INVALID_PARAMETER_PRINCIPAL_TYPE", message, "principal");
}

async function insertKey(
  tx: Transaction,
  { description, expiresAt }: CreateApiKeyInput,
  principal: PrincipalName | null,
  { issue, key }: Issue,
  days: number,
): Promise<Effect<KeptIssue>> {
  const principalId = principal && (await findHolder(tx, principal));
  const now = await readClock(tx);
  if (principalId !== null) await requireRoom(tx, principalId, now);
  await tx.credential.create({
    data: {
      ...{ id: key.id, kind: principal === null ? "OPERATOR" : "PRINCIPAL", principalId, secretDigest: key.digest },
      ...{ description: description ?? null, createdAt: now },
      expiresAt: expiryOf(expiresAt ?? null, principal, now, days),
    },
    select: { id: true },
  });
  const value = { keyId: key.id, issue };
  return { value, changed: true, created: true, after: await apiKeyFacts(tx, key.id) };
}

async function findHolder(tx: Transaction, { arnKey, arn, kind }: PrincipalName): Promise<string> {
  const select = { id: true, kind: true, name: true, arn: true, roleKind: true, service: true };
  const holder = await tx.principal.findUnique({ where: { arnKey }, select });
  if (holder !== null) {
    refuseServiceLinkedRole(holder, "principal");
    return holder.id;
  }
  if (kind === "USER" || kind === "ROLE") {
    refuse(`ENTITY_NOT_EXIST_${kind}`, `the ${kind.toLowerCase()} \`${excerpt(arn)}\` does not exist`, "principal");
  }
  refuse("ENTITY_NOT_EXIST_ACCOUNT", `the account of \`${excerpt(arn)}\` does not exist`, "principal");
}

async function requireRoom(tx: Transaction, principalId: string, now: Date): Promise<void> {
  const most = HARD_LIMITS.activeApiKeys;
  const active = await tx.credential.count({ where: { principalId, revokedAt: null, expiresAt: { gt: now } } });
  if (active < most) return;
  refuse("LIMIT_EXCEEDED_API_KEY", `the principal has ${most} active api keys, the most there may be: revoke one`);
}
