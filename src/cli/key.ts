import { randomUUID } from "node:crypto";
import type { ChangeRequest, ChangeResult } from "../administration/administration.js";
import { createApiKey } from "../administration/create-api-key.js";
import { type ListedKey, listApiKeys } from "../administration/list-api-keys.js";
import { revokeApiKey } from "../administration/revoke-api-key.js";
import type { Config } from "../config.js";
import { InvalidInputError } from "../domain/errors.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { withApp } from "./with-app.js";

export interface CreateKeyOptions {
  /** ARN; absent: a key of an operator. */
  readonly principal?: string;
  readonly description?: string;
  /** RFC 3339. */
  readonly expires?: string;
}

export interface ListKeysOptions {
  readonly principal?: string;
  readonly json: boolean;
}

/** Makes an API key and prints it, this once and nothing else. */
export async function createKey(config: Config, options: CreateKeyOptions): Promise<ExitCode> {
  const { principal, description, expires } = options;
  const expiresAt = expires === undefined ? null : instantOf(expires);
  const input = { principal, description, expiresAt };
  const result = await withApp(config, ({ administration }) => createApiKey(administration, input, requestOf()));
  return report(result, ({ secret }) => `${secret}\n`);
}

/** Ends an API key for good. */
export async function revokeKey(config: Config, apiKey: string): Promise<ExitCode> {
  const result = await withApp(config, ({ administration }) => revokeApiKey(administration, { apiKey }, requestOf()));
  return report(result, () => (result.changed ? `revoked ${apiKey}\n` : `${apiKey} was revoked before\n`));
}

/** Prints a line for each key. */
export async function listKeys(config: Config, { principal, json }: ListKeysOptions): Promise<ExitCode> {
  const keys = await withApp(config, ({ db }) => listApiKeys(db, principal));
  const lines = json ? keys.map((key) => JSON.stringify(key)) : keys.map(describe);
  process.stdout.write(lines.map((line) => `${line}\n`).join(""));
  return EXIT.ok;
}

function requestOf(): ChangeRequest {
  return { caller: { kind: "OPERATOR", credentialId: "command-line" }, requestId: randomUUID() };
}

function instantOf(text: string): Date {
  const instant = new Date(text);
  if (/^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(instant.getTime())) return instant;
  throw new InvalidInputError(`--expires: \`${text}\` is not an RFC 3339 instant such as \`2030-01-01T00:00:00Z\``);
}

function report<Value>({ value, userErrors }: ChangeResult<Value>, show: (value: Value) => string): ExitCode {
  if (value !== null) process.stdout.write(show(value));
  for (const { code, message } of userErrors) process.stderr.write(`${code}: ${message}\n`);
  return userErrors.length === 0 ? EXIT.ok : EXIT.error;
}

function describe({ id, principal, description, expiresAt, revokedAt, lastUsedAt }: ListedKey): string {
  const state = revokedAt === null ? until(expiresAt) : `revoked ${revokedAt.toISOString()}`;
  const used = lastUsedAt === null ? "never used" : `last used ${lastUsedAt.toISOString()}`;
  return [
    id,
    principal ?? "operator",
    state,
    used,
    ...(description === null ? [] : [JSON.stringify(description)]),
  ].join("  ");
}

function until(expiresAt: Date | null): string {
  if (expiresAt === null) return "no end";
  return `${expiresAt <= new Date() ? "expired" : "until"} ${expiresAt.toISOString()}`;
}
