import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect } from "vitest";
import {
  type Administration,
  type ChangeRequest,
  type ChangeResult,
  DEFAULT_LIMITS,
} from "../../src/administration/administration.js";
import { type Database, openDatabase } from "../../src/store/prisma-client.js";
import { createTokens } from "../../src/store/revision-token.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";

export const ACCOUNT = "1000000000000001";
export const READ_ALL = { Version: "1", Statement: [{ Effect: "Allow", Action: ["kms:List*"], Resource: ["*"] }] };
export const TRUST = {
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [`acs:ram::${ACCOUNT}:root`] } }],
};
export const arn = {
  user: (name: string) => `acs:ram::${ACCOUNT}:user/${name}`,
  group: (name: string) => `acs:ram::${ACCOUNT}:group/${name}`,
  role: (name: string) => `acs:ram::${ACCOUNT}:role/${name}`,
  policy: (name: string) => `acs:ram::${ACCOUNT}:policy/${name}`,
  system: (name: string) => `acs:ram::system:policy/${name}`,
  key: (id: string, region = "cn-hangzhou") => `acs:kms:${region}:${ACCOUNT}:key/${id}`,
  secret: (name: string) => `acs:kms:cn-hangzhou:${ACCOUNT}:secret/${name}`,
  alias: (name: string) => `acs:kms:cn-hangzhou:${ACCOUNT}:alias/${name}`,
};

export const AUDIT_KEY = Buffer.alloc(32, 9);

/** A change asked for by an operator. */
export function request(options: Partial<ChangeRequest> = {}): ChangeRequest {
  return { caller: { kind: "OPERATOR", credentialId: "test" }, requestId: randomUUID(), ...options };
}

/** A database and what changes it, for the tests of one file. */
export function useAdministration(
  label: string,
  poolSize = 8,
): { readonly administration: Administration; readonly url: string } {
  let database: TestDatabase | undefined;
  const holder = { administration: undefined as unknown as Administration, url: "" };
  beforeAll(async () => {
    database = await createTestDatabase(label);
    holder.url = database.url;
    const tokens = createTokens({ environment: "test", key: Buffer.alloc(32, 7) });
    holder.administration = {
      db: openDatabase(database.url, poolSize),
      tokens,
      limits: DEFAULT_LIMITS,
      auditKey: AUDIT_KEY,
    };
  });
  afterAll(async () => {
    await holder.administration?.db.$disconnect();
    await database?.drop();
  });
  return holder;
}

/** A change as tests ask for it. */
export type UseCase<Input, Value> = (
  administration: Administration,
  input: Input,
  request: ChangeRequest,
) => Promise<ChangeResult<Value>>;

/** Ways to ask for changes: `run` gives what came of one, `done` the value of one that must be made. */
export function changesOf(context: { readonly administration: Administration }) {
  const run = <Input, Value>(useCase: UseCase<Input, Value>, input: Input, options: Partial<ChangeRequest> = {}) =>
    useCase(context.administration, input, request(options));
  async function done<Input, Value>(useCase: UseCase<Input, Value>, input: Input): Promise<Value> {
    const { value, userErrors, changed, revision } = await run(useCase, input);
    expect({ userErrors, changed }).toEqual({ userErrors: [], changed: true });
    expect(revision).toMatch(/^v1\./);
    if (value === null) throw new Error("the change gave no value");
    return value;
  }
  return { run, done };
}

const TABLES = [
  ...["account", "resource_group", "principal", "group_membership", "principal_tag", "policy", "policy_version"],
  ...[
    "attachment",
    "kms_resource",
    "resource_tag",
    "scope_revision",
    "audit_event",
    "audit_head",
    "idempotency_record",
    "credential",
    "credential_use",
    "decision_log",
    "role_session",
    "ended_session",
  ],
];

/** Digest of everything in the database: equal before and after means that nothing has changed. */
export async function fingerprint(db: Database, tables: readonly string[] = TABLES): Promise<string> {
  const hash = createHash("sha256");
  for (const table of tables) {
    const rows = await db.$queryRawUnsafe<{ row: string }[]>(
      `SELECT to_jsonb(t)::text AS row FROM "${table}" t ORDER BY 1`,
    );
    hash.update(`${table}\n${rows.map(({ row }) => row).join("\n")}\n`);
  }
  return hash.digest("hex");
}

/** The codes of a refused change. */
export function codesOf(result: { readonly userErrors: readonly { code: string }[] }): string[] {
  return result.userErrors.map(({ code }) => code);
}
