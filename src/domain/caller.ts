/** How a caller signed in. */
export type SignInMethod = "API_KEY" | "SESSION_TOKEN" | "OIDC_TOKEN";

/** Who the gateway takes the sender of a request for. */
export type Caller = {
  /** The credential: `<id>` of an API key, id of a session, or what an issuer's token is told apart by. */
  readonly credentialId: string;
  /** An API key unless given. */
  readonly signedInBy?: SignInMethod;
} & ({ readonly kind: "OPERATOR" } | { readonly kind: "PRINCIPAL"; readonly principalArn: string });

/** How a caller is named in audit events and idempotency records. */
export function callerName(caller: Caller): string {
  return caller.kind === "OPERATOR" ? `operator:${caller.credentialId}` : caller.principalArn;
}
