import { randomUUID } from "node:crypto";
import { type DocumentNode, execute, type GraphQLFormattedError, parse, validate } from "graphql";
import { type Administration, DEFAULT_LIMITS } from "../../src/administration/administration.js";
import { importAccount } from "../../src/administration/import-account.js";
import { createAccountQuestions } from "../../src/decisions/account-questions.js";
import {
  type Answer,
  createDecisions,
  type Decisions,
  type DecisionsOptions,
} from "../../src/decisions/decide-many.js";
import type { CacheStatus } from "../../src/decisions/question.js";
import type { ScopePrecedence } from "../../src/domain/evaluation/access-request.js";
import { createContext, type Services } from "../../src/graphql/context.js";
import { buildSchema } from "../../src/graphql/schema.js";
import { AuditFeed } from "../../src/store/audit-feed.js";
import { createPolicyCompiler } from "../../src/store/compiled-policies.js";
import { openLoadPool } from "../../src/store/evaluation-input.js";
import { loadGatewaySecrets } from "../../src/store/gateway-secrets.js";
import { openDatabase } from "../../src/store/prisma-client.js";
import { createTokens } from "../../src/store/revision-token.js";
import { openRevisionPool } from "../../src/store/revisions.js";
import { OPERATOR } from "../graphql/fixture.js";
import { createTestDatabase } from "../support/databases.js";
import { createMemoryDecisionCache } from "../support/memory-decision-cache.js";
import type { Snapshot } from "./account-snapshot.js";

export interface Response {
  // biome-ignore lint/suspicious/noExplicitAny: whoever asks knows what the document selects
  readonly data: any;
  readonly errors: readonly GraphQLFormattedError[];
}

/** The API over a decision point with a cache of its own. */
export interface Gateway {
  /** Executes a document as one request. */
  run(document: string, variables: Record<string, unknown>): Promise<Response>;
  /** How the cache took part in the answers since the last call. */
  cacheStatuses(): CacheStatus[];
}

/** One database, and gateways on it. */
export interface Installation {
  importSnapshot(account: string, snapshot: Snapshot): Promise<void>;
  gateway(precedence: ScopePrecedence): Gateway;
  close(): Promise<void>;
}

export async function openInstallation(): Promise<Installation> {
  const database = await createTestDatabase("conformance");
  const db = openDatabase(database.url, 4);
  const { environment, cacheKey, tokenKey, auditKey } = await loadGatewaySecrets(db);
  const tokens = createTokens({ environment, key: tokenKey });
  const administration = { db, tokens, limits: DEFAULT_LIMITS, auditKey };
  const [pool, loadPool] = [openRevisionPool(database.url), openLoadPool(database.url, 2)];
  const common = { pool, loadPool, tokens, environment, cacheKey, engineVersion: "test" };
  const close = async (): Promise<void> => {
    await Promise.all([db.$disconnect(), pool.end(), loadPool.end()]);
    await database.drop();
  };
  return {
    importSnapshot: (account, snapshot) => importSnapshot(administration, account, snapshot),
    gateway: (scopePrecedence) => openGateway(administration, { ...common, scopePrecedence }),
    close,
  };
}

function openGateway(administration: Administration, options: Omit<DecisionsOptions, "cache">): Gateway {
  const decisions = recording(createDecisions({ ...options, cache: createMemoryDecisionCache() }));
  const { db } = administration;
  const accountQuestions = createAccountQuestions({ ...options, compile: createPolicyCompiler() });
  const services = { db, decisions, accountQuestions, administration, auditFeed: new AuditFeed(db) };
  const run: Gateway["run"] = (document, variables) => executeOnce(services, document, variables);
  return { run, cacheStatuses: decisions.cacheStatuses };
}

async function importSnapshot(administration: Administration, account: string, snapshot: Snapshot): Promise<void> {
  const request = { caller: OPERATOR, requestId: randomUUID() };
  const { userErrors } = await importAccount(administration, { account, snapshot, mode: "REPLACE" }, request);
  if (userErrors.length > 0)
    throw new Error(`account \`${account}\` cannot be imported: ${JSON.stringify(userErrors)}`);
}

async function executeOnce(
  services: Services,
  text: string,
  variableValues: Record<string, unknown>,
): Promise<Response> {
  const contextValue = createContext(services, OPERATOR, "request-1");
  const { data, errors = [] } = await execute({
    schema: buildSchema(),
    document: prepared(text),
    variableValues,
    contextValue,
  });
  return { data: JSON.parse(JSON.stringify(data ?? null)), errors: errors.map((error) => error.toJSON()) };
}

const DOCUMENTS = new Map<string, DocumentNode>();

/** There are few documents, and many requests with each. */
function prepared(text: string): DocumentNode {
  const known = DOCUMENTS.get(text);
  if (known !== undefined) return known;
  const document = parse(text);
  const [problem] = validate(buildSchema(), document);
  if (problem !== undefined) throw problem;
  DOCUMENTS.set(text, document);
  return document;
}

function recording(decisions: Decisions): Decisions & Pick<Gateway, "cacheStatuses"> {
  let statuses: CacheStatus[] = [];
  const isAnswer = (answer: Answer | Error): answer is Answer => !(answer instanceof Error);
  return {
    ...decisions,
    async decideMany(questions) {
      const answers = await decisions.decideMany(questions);
      statuses.push(...answers.filter(isAnswer).map(({ cache }) => cache));
      return answers;
    },
    cacheStatuses() {
      const seen = statuses;
      statuses = [];
      return seen;
    },
  };
}
