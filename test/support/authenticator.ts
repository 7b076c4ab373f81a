import { createAuthenticator } from "../../src/store/authenticator.js";
import { createCredentialUse } from "../../src/store/credential-use.js";
import { createTokenVerifier } from "../../src/store/oidc-tokens.js";
import { createRevisionReader } from "../../src/store/revisions.js";
import type { Mutation } from "./mutation.js";

/** How gateways know who signs in, as tests use it, so that a broken one can take its place. */
export const SIGN_IN = { createAuthenticator, createCredentialUse, createRevisionReader, createTokenVerifier } as const;

export type SignIn = typeof SIGN_IN;

/** The same with a slip in a file of `src/store`, loaded beside the right one. */
export async function brokenSignIn(mutation: Mutation): Promise<SignIn> {
  const query = Buffer.from(JSON.stringify(mutation)).toString("base64url");
  const module = (await import(/* @vite-ignore */ `./authenticator.js?mutant=${query}`)) as { SIGN_IN: SignIn };
  return module.SIGN_IN;
}
