import { execute, type GraphQLSchema, parse, validate } from "graphql";
import pg from "pg";
import { type Administration, DEFAULT_LIMITS } from "../../src/administration/administration.js";
import { ensureSystemPolicies } from "../../src/administration/ensure-system-policies.js";
import { seedDemo } from "../../src/administration/seed-demo.js";
import { createAccountQuestions } from "../../src/decisions/account-questions.js";
import { createDecisions } from "../../src/decisions/decide-many.js";
import type { Caller } from "../../src/domain/caller.js";
import { createContext, type Services } from "../../src/graphql/context.js";
import { buildSchema } from "../../src/graphql/schema.js";
import { AuditFeed } from "../../src/store/audit-feed.js";
import { createPolicyCompiler } from "../../src/store/compiled-policies.js";
import { loadGatewaySecrets } from "../../src/store/gateway-secrets.js";
import { type Database, openDatabase } from "../../src/store/prisma-client.js";
import { createTokens } from "../../src/store/revision-token.js";
import { openRevisionPool } from "../../src/store/revisions.js";
import { createTestDatabase } from "../support/databases.js";
import { createMemoryDecisionCache } from "../support/memory-decision-cache.js";
import { recordStatements } from "../support/statements.js";

export const OPERATOR: Caller = { kind: "OPERATOR", credentialId: "test" };

export interface Failure {
  readonly message: string;
  readonly path?: readonly (string | number)[] | undefined;
  readonly extensions: Record<string, unknown>;
}

export interface Outcome {
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what its own document selected
  readonly data: any;
  readonly errors: readonly Failure[];
  /** SQL statements that it took. */
  readonly statements: readonly string[];
}

/** The schema over a database of the test's own, without HTTP. */
export interface Fixture {
  readonly url: string;
  readonly db: Database;
  readonly administration: Administration;
  readonly services: Services;
  /** Executes a document as one request. */
  run(document: string, variables?: Record<string, unknown>, caller?: Caller | null): Promise<Outcome>;
  /** The data; any error fails the test. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what its own document selected
  ask(document: string, variables?: Record<string, unknown>): Promise<any>;
  /** The only error's code and message. */
  fail(document: string, variables?: Record<string, unknown>): Promise<{ code: unknown; message: string }>;
  close(): Promise<void>;
}

/** `demo`: with the demo account of the examples. */
export async function openFixture(content: "empty" | "demo" = "empty"): Promise<Fixture> {
  const database = await createTestDatabase("graphql");
  const db = openDatabase(database.url, 4);
  const pools = [openRevisionPool(database.url), new pg.Pool({ connectionString: database.url, max: 2 })] as const;
  const { environment, cacheKey, tokenKey, auditKey } = await loadGatewaySecrets(db);
  const tokens = createTokens({ environment, key: tokenKey });
  const administration = { db, tokens, limits: DEFAULT_LIMITS, auditKey };
  await ensureSystemPolicies(db);
  if (content === "demo") await seedDemo(administration);
  const decisions = createDecisions({
    pool: pools[0],
    loadPool: pools[1],
    cache: createMemoryDecisionCache(),
    tokens,
    environment,
    cacheKey,
    engineVersion: "test",
    scopePrecedence: "staged",
  });
  const options = { loadPool: pools[1], compile: createPolicyCompiler(), tokens, scopePrecedence: "staged" } as const;
  const accountQuestions = createAccountQuestions(options);
  const services = { db, decisions, accountQuestions, administration, auditFeed: new AuditFeed(db) };
  const close = async () => {
    await db.$disconnect();
    await Promise.all(pools.map((pool) => pool.end()));
    await database.drop();
  };
  return { url: database.url, db, administration, services, close, ...requests(services) };
}

/** The ways to ask of a schema over some services. */
export function requests(services: Services, schema = buildSchema()): Pick<Fixture, "run" | "ask" | "fail"> {
  const run: Fixture["run"] = (document, variables, caller = OPERATOR) =>
    recordStatements(() => executeOnce(services, schema, document, variables, caller));
  return {
    run,
    async ask(document, variables) {
      const { data, errors } = await run(document, variables);
      if (errors.length > 0) throw new Error(JSON.stringify(errors), { cause: causeOf(errors[0]) });
      return data;
    },
    async fail(document, variables) {
      const { errors } = await run(document, variables);
      if (errors.length !== 1) throw new Error(`expected one error, got ${JSON.stringify(errors)}`);
      return { code: errors[0]?.extensions["code"], message: errors[0]?.message ?? "" };
    },
  };
}

function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof Error && "originalError" in cause && cause.originalError) cause = cause.originalError;
  return cause;
}

async function executeOnce(
  services: Services,
  schema: GraphQLSchema,
  text: string,
  variableValues: Record<string, unknown> = {},
  caller: Caller | null = OPERATOR,
): Promise<Omit<Outcome, "statements">> {
  const document = parse(text);
  const problems = validate(schema, document);
  if (problems.length > 0) return { data: null, errors: problems };
  const contextValue = createContext(services, caller, "request-1");
  const { data, errors = [] } = await execute({ schema, document, variableValues, contextValue });
  return { data: JSON.parse(JSON.stringify(data ?? null)), errors };
}
