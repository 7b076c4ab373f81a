import type { Pool } from "pg";
import type { Caller } from "../domain/caller.js";
import type { RevisionRow } from "./revision-vector.js";
import { REVISION_DEADLINE_MS, withDeadline } from "./revisions.js";
import type { FoundSignIn } from "./sign-in.js";
import { asStoreError } from "./store-errors.js";

interface PrincipalRow {
  readonly now: number;
  readonly arn: string;
  readonly revisions: readonly RevisionRow[];
}

/** A group is no one who could sign in. */
const FIND_PRINCIPAL = {
  name: "ramgate-find-principal",
  text: `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now, p.arn,
      coalesce((SELECT json_agg(json_build_array(r.scope, r.rev, r.tag)) FROM scope_revision r
        WHERE r.scope = 'prin:' || p.arn_key), '[]') AS revisions
    FROM principal p WHERE p.arn_key = $1 AND p.kind <> 'GROUP'`,
};

/**
 * What the database knows of the principal that a token of the issuer names.
 *
 * @param arnKey of a user, role or account owner
 * @throws UnavailableError when the database does not answer
 */
export async function findPrincipalSignIn(pool: Pool, arnKey: string): Promise<FoundSignIn> {
  try {
    const found = pool.query<PrincipalRow>({ ...FIND_PRINCIPAL, values: [arnKey] });
    const [row] = (await withDeadline(found, REVISION_DEADLINE_MS)).rows;
    if (row === undefined) return { signIn: null, now: 0 };
    const { now, arn: principalArn, revisions } = row;
    const caller: Caller = { kind: "PRINCIPAL", credentialId: "", principalArn, signedInBy: "OIDC_TOKEN" };
    return { signIn: { digest: null, caller, from: null, until: null, scopes: [`prin:${arnKey}`], revisions }, now };
  } catch (error) {
    throw asStoreError(error);
  }
}
