import DataLoader from "dataloader";
import type { Administration } from "../administration/administration.js";
import type { AccountQuestions } from "../decisions/account-questions.js";
import type { Answer, Ask, CacheStatus, Question } from "../decisions/decide-many.js";
import { questionKey } from "../decisions/question-key.js";
import type { Caller } from "../domain/caller.js";
import type { AuditFeed } from "../store/audit-feed.js";
import type { Database } from "../store/prisma-client.js";
import { type DecisionPoint, isElsewhere, Permissions } from "./permissions.js";
import { createRecords, type Records, recordsOf } from "./records.js";

/** What the process offers to every request. */
export interface Services {
  readonly db: Database;
  /** For records that are only shown. Default: `db`. */
  readonly records?: Database;
  readonly decisions: DecisionPoint;
  /** The same for what the gateway asks about its own callers, which nobody else need hear of. Default: `decisions`. */
  readonly permissions?: DecisionPoint;
  /** Questions about whole accounts. */
  readonly accountQuestions: AccountQuestions;
  readonly administration: Administration;
  readonly auditFeed: AuditFeed;
}

/** Of the sender of a request that is answered for long. */
export interface Presence {
  /** Aborts when nobody waits for the answer any more. */
  readonly gone: AbortSignal;
  /** Whether the credential of the request still stands for the caller. Throws UnavailableError when nobody can say. */
  isSignedIn(): Promise<boolean>;
}

const NOT_VOUCHED_FOR: Presence = { gone: new AbortController().signal, isSignedIn: async () => false };

/** What resolvers know of one request. */
export interface GraphQLContext {
  readonly services: Services;
  /** Null: nobody; every root field then refuses. */
  readonly caller: Caller | null;
  readonly requestId: string;
  /** What a principal may do here; null for operators, who may do everything. */
  readonly permissions: Permissions | null;
  readonly presence: Presence;
  /** Decides one question; questions asked in one tick are decided together, the same question once. */
  readonly ask: Ask;
  /** Where the answers came from, so far. */
  readonly cacheUse: ReadonlyMap<CacheStatus, number>;
  /** Records by key, gathered per tick like decisions. */
  readonly records: Records;
  /** Forgets every answer and record of this request. Runs after each change, so that what follows sees it. */
  clearDecisions(): void;
}

/**
 * Makes the context of one request. Nothing in it outlives the request.
 *
 * @param caller who sent the request; null when nobody is known
 */
export function createContext(
  services: Services,
  caller: Caller | null,
  requestId: string,
  presence: Presence = NOT_VOUCHED_FOR,
): GraphQLContext {
  const cacheUse = new Map<CacheStatus, number>();
  const decide = async (questions: readonly Question[]) => {
    const found = await services.decisions.decideMany(questions);
    for (const answer of found) if (!(answer instanceof Error)) count(cacheUse, answer.cache);
    return found;
  };
  const answers = new DataLoader<Question, Answer, string>(decide, { cacheKeyFn: questionKey });
  let records: Records | null = null;
  const permissions = permissionsOf(caller, services);
  return {
    services,
    caller,
    requestId,
    presence,
    cacheUse,
    permissions,
    get records() {
      records ??= createRecords(recordsOf(services)); // most questions need none
      return records;
    },
    ask: (question) => answers.load(asked(question, permissions)),
    clearDecisions() {
      answers.clearAll();
      records?.clear();
      permissions?.clear();
    },
  };
}

function permissionsOf(
  caller: Caller | null,
  { db, decisions, permissions = decisions }: Services,
): Permissions | null {
  return caller?.kind === "PRINCIPAL" ? new Permissions(caller.principalArn, { db, decisions: permissions }) : null;
}

/** Of what belongs to another account principals learn nothing. */
function asked(question: Question, permissions: Permissions | null): Question {
  if (permissions === null || !isElsewhere(question.resource, permissions.account)) return question;
  return { ...question, asStranger: true };
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
