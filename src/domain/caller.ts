/** Who the gateway takes the sender of a request for. */
export type Caller =
  | { readonly kind: "OPERATOR"; readonly credentialId: string }
  | { readonly kind: "PRINCIPAL"; readonly credentialId: string; readonly principalArn: string };

/** How a caller is named in audit events and idempotency records. */
export function callerName(caller: Caller): string {
  return caller.kind === "OPERATOR" ? `operator:${caller.credentialId}` : caller.principalArn;
}
