import type { Transaction } from "../store/prisma-client.js";

// What the audit trail keeps of a thing before and after a change: everything that an update or a deletion can take
// away, in names rather than in ids of rows.

const TAGS = { select: { key: true, value: true }, orderBy: { key: "asc" } } as const;

/** A user, group or role; `credentials` are the ids of its API credentials. */
export async function principalFacts(tx: Transaction, id: string): Promise<object> {
  const { credentials, ...facts } = await tx.principal.findUniqueOrThrow({
    where: { id },
    select: {
      ...{ arn: true, name: true, displayName: true, comments: true, roleKind: true, service: true },
      ...{ trustPolicy: true, maxSessionDuration: true, tags: TAGS },
      credentials: { select: { id: true }, orderBy: { id: "asc" } },
    },
  });
  return { ...facts, credentials: credentials.map((credential) => credential.id) };
}

/** A session of a role, without its token's digest. */
export async function sessionFacts(tx: Transaction, id: string): Promise<object> {
  return tx.roleSession.findUniqueOrThrow({
    where: { id },
    select: {
      ...{ id: true, arn: true, sessionPolicy: true, issuedTo: true },
      ...{ issuedAt: true, expiresAt: true, revokedAt: true },
    },
  });
}

/** An API key, without any digest; `principal` is the ARN of whom it signs in, null for operators. */
export async function apiKeyFacts(tx: Transaction, id: string): Promise<object> {
  const { principal, ...facts } = await tx.credential.findUniqueOrThrow({
    where: { id },
    select: {
      ...{ id: true, kind: true, description: true, createdAt: true, expiresAt: true },
      ...{ rotatedAt: true, previousUntil: true, revokedAt: true },
      principal: { select: { arn: true } },
    },
  });
  return { ...facts, principal: principal?.arn ?? null };
}

/** A key, secret or alias; `key` is the ARN of the key behind it. */
export async function resourceFacts(tx: Transaction, id: string): Promise<object> {
  const { key, ...facts } = await tx.kmsResource.findUniqueOrThrow({
    where: { id },
    select: {
      ...{ arn: true, resourceGroupId: true, keyState: true, keySpec: true, keyUsage: true, origin: true },
      ...{ secretType: true, tags: TAGS },
      key: { select: { arn: true } },
    },
  });
  return { ...facts, key: key?.arn ?? null };
}

/** A policy with all its versions and their documents. */
export async function policyFacts(tx: Transaction, id: string): Promise<object> {
  const { versions, ...facts } = await tx.policy.findUniqueOrThrow({
    where: { id },
    select: {
      ...{ arn: true, name: true, description: true },
      versions: { select: { number: true, isDefault: true, document: true }, orderBy: { number: "asc" } },
    },
  });
  return {
    ...facts,
    versions: versions.map(({ number, isDefault, document }) => ({ version: `v${number}`, isDefault, document })),
  };
}
