import { parsePrincipalArn } from "../domain/principal.js";
import type { Database } from "../store/prisma-client.js";
import { asStoreError } from "../store/store-errors.js";

/** An API key as the command line lists it. */
export interface ListedKey {
  readonly id: string;
  /** ARN of whom it signs in; null: an operator. */
  readonly principal: string | null;
  readonly description: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** To the minute. */
  readonly lastUsedAt: Date | null;
}

/**
 * All keys, or those of one principal, newest first.
 *
 * @throws InvalidInputError for a malformed ARN, UnavailableError when the database does not answer
 */
export async function listApiKeys(db: Database, principal?: string): Promise<ListedKey[]> {
  const where = principal === undefined ? {} : { principal: { arnKey: parsePrincipalArn(principal).arnKey } };
  try {
    const rows = await db.credential.findMany({
      where,
      select: {
        ...{ id: true, description: true, createdAt: true, expiresAt: true, revokedAt: true },
        ...{ principal: { select: { arn: true } }, use: { select: { lastUsedAt: true } } },
      },
      orderBy: [{ createdAt: "desc" }, { id: "asc" }],
    });
    return rows.map(({ use, ...row }) => ({
      ...{ ...row, principal: row.principal?.arn ?? null, lastUsedAt: use?.lastUsedAt ?? null },
    }));
  } catch (error) {
    throw asStoreError(error);
  }
}
