import { ACCOUNT, key, policy, user } from "./demo.js";
import type { Gateway, GraphQLAnswer } from "./gateway.js";

/**
 * Permissions that tests switch: user `n` holds a policy that lets it use a key, or does not. No other thing that the
 * test account contains has a part in it.
 */
const POLICY = policy("switched");
export const KEY = key("switched");
export const nameOf = (n: number) => user(`switched-${n}`);

const DOCUMENT = { Version: "1", Statement: [{ Effect: "Allow", Action: "kms:Decrypt", Resource: KEY }] };

const CHANGE = (name: string) => `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) {
  ${name}(input: $input) { changed revision userErrors { code message } } }`;
const ASK = `query ($principal: Arn!, $resource: Arn!, $context: RequestContextInput) {
  effectivePermissions(principal: $principal, resource: $resource, actions: ["kms:Decrypt"], context: $context) {
    cache permissions { allowed } } }`;
const ASK_BOUNDED = `query ($principal: Arn!, $resource: Arn!) {
  effectivePermissions(principal: $principal, resource: $resource, actions: ["kms:Decrypt"],
    consistency: { minimizeLatency: true }) { permissions { allowed } } }`;
const ASK_MANY = `query ($inputs: [AccessCheckInput!]!) {
  checkAccessBatch(inputs: $inputs) { ... on Decision { allowed } ... on AccessCheckError { code } } }`;

/** The gateway answered, but with an error. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly code: string;

  constructor({ errors }: GraphQLAnswer) {
    super(errors?.map(({ message }) => message).join("; "));
    this.code = errors?.[0]?.extensions.code ?? "no code";
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as GraphQLAnswer
function dataOf(answer: GraphQLAnswer): any {
  if (answer.errors !== undefined) throw new RefusedError(answer);
  return answer.data;
}

export interface Acknowledged {
  readonly changed: boolean;
  readonly revision: string;
}

/** Makes a change. Throws unless it is acknowledged. */
export async function change(gateway: Gateway, name: string, input: object): Promise<Acknowledged> {
  const payload = dataOf(await gateway.ask(CHANGE(name), { input }))[name];
  if (payload.userErrors.length > 0) throw new Error(`${name}: ${JSON.stringify(payload.userErrors)}`);
  return payload;
}

/** Makes the users, the key and the policy. Nobody is granted anything yet. */
export async function prepareGrants(gateway: Gateway, users: number): Promise<void> {
  await change(gateway, "createAccount", { account: ACCOUNT });
  await change(gateway, "registerKey", { arn: KEY });
  await change(gateway, "createPolicy", { account: ACCOUNT, name: "switched", document: DOCUMENT });
  for (let n = 0; n < users; n += 1) await change(gateway, "createUser", { account: ACCOUNT, name: `switched-${n}` });
}

/** Grants or revokes, and throws unless that is acknowledged. `options`: `idempotencyKey` and the like. */
export function setGrant(gateway: Gateway, n: number, granted: boolean, options: object = {}): Promise<Acknowledged> {
  const input = { policy: POLICY, principal: nameOf(n), ...options };
  return change(gateway, granted ? "attachPolicy" : "detachPolicy", input);
}

/**
 * Throws RefusedError when the gateway gives no answer.
 *
 * @param variant another number is another question with the same answer
 */
export async function readGrant(
  gateway: Gateway,
  n: number,
  variant?: number,
): Promise<{ granted: boolean; cache: string }> {
  const context = variant === undefined ? null : { sourceIp: addressOf(variant) };
  const answer = await gateway.ask(ASK, { principal: nameOf(n), resource: KEY, context });
  const { permissions, cache } = dataOf(answer).effectivePermissions;
  return { granted: permissions[0].allowed, cache };
}

/** With `minimizeLatency`. */
export async function readBoundedGrant(gateway: Gateway, n: number): Promise<boolean> {
  const answer = await gateway.ask(ASK_BOUNDED, { principal: nameOf(n), resource: KEY });
  return dataOf(answer).effectivePermissions.permissions[0].allowed;
}

const addressOf = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

/** Several in one request. */
export async function readGrants(gateway: Gateway, users: readonly number[]): Promise<boolean[]> {
  const inputs = users.map((n) => ({ principal: nameOf(n), resource: KEY, action: "kms:Decrypt" }));
  const { checkAccessBatch } = dataOf(await gateway.ask(ASK_MANY, { inputs }));
  return checkAccessBatch.map(({ allowed, code }: { allowed?: boolean; code?: string }) => {
    if (allowed === undefined) throw new Error(`no decision: ${code}`);
    return allowed;
  });
}
