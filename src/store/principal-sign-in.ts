import type { Pool } from "pg";
import type { RevisionRow } from "./revision-vector.js";
import { type FoundSignIn, findSignIn, type SignInStatement } from "./sign-in.js";

interface PrincipalRow {
  readonly now: number;
  readonly arn: string;
  readonly arn_key: string;
  readonly revisions: readonly RevisionRow[];
}

/** A group is no one who could sign in. */
const FIND_PRINCIPAL: SignInStatement<PrincipalRow> = {
  name: "ramgate-find-principal",
  text: `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now, p.arn, p.arn_key,
      coalesce((SELECT json_agg(json_build_array(r.scope, r.rev, r.tag)) FROM scope_revision r
        WHERE r.scope = 'prin:' || p.arn_key), '[]') AS revisions
    FROM principal p WHERE p.arn_key = $1 AND p.kind <> 'GROUP'`,
  toSignIn({ arn: principalArn, arn_key: arnKey, revisions }) {
    const caller = { kind: "PRINCIPAL", credentialId: "", principalArn, signedInBy: "OIDC_TOKEN" } as const;
    return { digest: null, caller, from: null, until: null, scopes: [`prin:${arnKey}`], revisions };
  },
};

/**
 * What the database knows of the principal that a token of the issuer names.
 *
 * @param arnKey of a user, role or account owner
 * @throws UnavailableError when the database does not answer
 */
export function findPrincipalSignIn(pool: Pool, arnKey: string): Promise<FoundSignIn> {
  return findSignIn(pool, FIND_PRINCIPAL, arnKey);
}
