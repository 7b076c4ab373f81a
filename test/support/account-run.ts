import { isDeepStrictEqual } from "node:util";
import type { Administration, ChangeRequest, ChangeResult } from "../../src/administration/administration.js";
import { importAccount } from "../../src/administration/import-account.js";
import { verifyAuditTrail } from "../../src/administration/verify-audit-trail.js";
import { ForbiddenError } from "../../src/domain/errors.js";
import { BEGINNING, snapshotOf } from "./beginning.js";
import { type Command, canonical, type Expected, OTHER, OWN, type RamAccount, RamModel } from "./ram-model.js";
import type { UseCases } from "./use-cases.js";

/** Makes the revisions of one account quick to find. */
export const REVISIONS_BY_ACCOUNT = "CREATE INDEX ON scope_revision (substring(scope FROM '[0-9]{10}'))";

/** What sequences are run on. */
export interface Ground {
  readonly useCases: UseCases;
  readonly administration: Administration;
  /** An account number of ten digits that nobody has. */
  newAccount(): string;
}

/** Told of every change and what it came to. */
export type Witness = (command: Command, expected: Expected) => void;

/** Makes changes in the gateway and in the model; says where they part, or null. */
export async function runSequence(
  ground: Ground,
  commands: readonly Command[],
  witness: Witness = () => {},
): Promise<string | null> {
  const run = new Run(ground);
  await run.begin();
  for (const [number, command] of commands.entries()) {
    const difference = await run.step(command, number, witness);
    if (difference !== null) return `change ${number}, ${show(command)}: ${difference}`;
  }
  return run.end();
}

const show = (value: unknown): string => JSON.stringify(value);

type Result = ChangeResult<unknown>;

interface Observed {
  readonly events: number;
  readonly revisions: ReadonlyMap<string, number>;
}

class Run {
  readonly #ground: Ground;
  readonly #account: string;
  readonly #model: RamModel;
  /** By number of the change. */
  readonly #results: Result[] = [];
  readonly #tokens: string[] = [];
  #before: Observed = { events: 0, revisions: new Map() };

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#account = ground.newAccount();
    this.#model = new RamModel(BEGINNING, ground.administration.limits);
  }

  /** An import, because it can make what our changes cannot: a role of a service. */
  async begin(): Promise<void> {
    const [account, snapshot] = [this.#account, this.#real(snapshotOf(BEGINNING, OWN))];
    const request = { caller: OPERATOR, requestId: "begin" };
    const input = { account, mode: "REPLACE" as const, snapshot };
    const { userErrors } = await importAccount(this.#ground.administration, input, request);
    if (userErrors.length > 0) throw new Error(show(userErrors));
    this.#before = await this.#observe();
  }

  async step(command: Command, number: number, witness: Witness): Promise<string | null> {
    const token = this.#model.tokenOf(command);
    const expected = this.#model.apply(command, number);
    const result = await this.#make(command, token === null ? null : (this.#tokens[token] ?? null));
    const before = this.#before;
    this.#before = await this.#observe();
    this.#results[number] = result;
    if (result.revision !== null && expected.replays === null) this.#tokens.push(result.revision);
    witness(command, expected);
    return this.#compare(command, expected, result, before);
  }

  /** Everything that the account is, what was written down about it, and what is kept under keys. */
  async end(): Promise<string | null> {
    const { administration } = this.#ground;
    const stored = await readAccount(administration, this.#account);
    const found =
      unlike("account", JSON.parse(stored.split(this.#account).join(OWN)), this.#model.account) ??
      unlike("audit trail", await this.#actions(), this.#model.events) ??
      unlike("keys", await this.#keys(), [...this.#model.keys.keys()].sort());
    if (found !== null) return `at the end: ${found}`;
    for await (const { broken } of verifyAuditTrail(administration, { account: this.#account })) {
      if (broken !== null) return `the audit trail is broken: ${broken.problem}`;
    }
    return null;
  }

  async #make({ name, input, options }: Command, expectedRevision: string | null): Promise<Result> {
    const { useCases, administration } = this.#ground;
    const useCase = useCases[name] as (
      administration: Administration,
      input: unknown,
      request: ChangeRequest,
    ) => Promise<Result>;
    const { dryRun, key, reason, byUser } = options;
    const principalArn = `acs:ram::8${this.#account}:user/eve`; // of another account: what its own users may is tested elsewhere
    return useCase(administration, this.#real(input), {
      caller: byUser ? { kind: "PRINCIPAL", credentialId: "model", principalArn } : OPERATOR,
      requestId: "model",
      ...{ dryRun, reason, expectedRevision },
      idempotencyKey: key === undefined ? null : `${this.#account}-${key}`,
    }).catch((error: unknown): Result => {
      const message = (error instanceof ForbiddenError ? "FORBIDDEN" : `${String(error)}`) as never;
      return { value: null, userErrors: [{ code: message, message }], changed: false, revision: null };
    });
  }

  /** The input with the numbers of accounts that are. */
  #real(value: unknown): unknown {
    if (typeof value === "string") return value.replaceAll(OWN, this.#account).replaceAll(OTHER, `9${this.#account}`);
    if (Array.isArray(value)) return value.map((item) => this.#real(item));
    if (typeof value !== "object" || value === null || value instanceof Date) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.#real(member)]));
  }

  #compare(command: Command, expected: Expected, result: Result, before: Observed): string | null {
    const { codes, changed, value, moved, scopes, replays, changedCount } = expected;
    const after = this.#before;
    const made = changed && replays === null && !command.options.dryRun;
    const count = (result.value as { changedCount?: number } | null)?.changedCount;
    return (
      unlike("codes", codesOf(command, result), codes) ??
      unlike("changed", result.changed, changed) ??
      unlike("value", result.value !== null, value) ??
      unlike("count of changes", count, value ? changedCount : undefined) ??
      unlike("moved", movedScopes(before, after), moved) ??
      unlike("audit events", after.events - before.events, made ? 1 : 0) ??
      (replays === null
        ? this.#compareToken(result, scopes)
        : unlike("repetition", plain(result), plain(this.#results[replays])))
    );
  }

  /** The token of a change holds the revisions that its scopes have now. */
  #compareToken({ revision }: Result, scopes: readonly string[]): string | null {
    if (revision === null) return unlike("token", [], scopes);
    const { revisions } = this.#ground.administration.tokens.read(revision, Date.now());
    const held = Object.fromEntries([...revisions].map(([scope, rev]) => [this.#scope(scope), rev]));
    const current = Object.fromEntries(scopes.map((scope) => [scope, this.#before.revisions.get(scope) ?? 0]));
    return unlike("token", held, current);
  }

  /** `prin:user/ann` of `prin:acs:ram::1:user/ann`, as the model says it; groups and policies likewise. */
  #scope(scope: string): string {
    if (scope === `acct:${this.#account}`) return "acct";
    return scope.replace(/^(prin|grp|pol):acs:ram::\d+:/, "$1:").replaceAll(this.#account, OWN);
  }

  async #observe(): Promise<Observed> {
    const account = this.#account;
    const [row] = await this.#ground.administration.db.$queryRaw<{ events: number; revisions: [string, number][] }[]>`
      SELECT (SELECT count(*)::int FROM audit_event WHERE account_id = ${account}) AS events,
        (SELECT coalesce(json_agg(json_build_array(scope, rev)), '[]') FROM scope_revision
          WHERE substring(scope FROM '[0-9]{10}') = ${account}) AS revisions`;
    if (row === undefined) throw new Error("no row");
    return { events: row.events, revisions: new Map(row.revisions.map(([scope, rev]) => [this.#scope(scope), rev])) };
  }

  async #actions(): Promise<string[]> {
    const events = await this.#ground.administration.db.auditEvent.findMany({
      where: { accountId: this.#account, sequence: { gt: 1 } },
      select: { action: true },
      orderBy: { sequence: "asc" },
    });
    return events.map(({ action }) => action);
  }

  async #keys(): Promise<string[]> {
    const records = await this.#ground.administration.db.idempotencyRecord.findMany({
      where: { key: { startsWith: `${this.#account}-` } },
      select: { key: true },
    });
    return records.map(({ key }) => key.slice(this.#account.length + 1)).sort();
  }
}

const OPERATOR: ChangeRequest["caller"] = { kind: "OPERATOR", credentialId: "model" };

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Codes as the model gives them. */
function codesOf({ name }: Command, { userErrors }: Result): string[] {
  const isList = name === "attachPolicies" || name === "detachPolicies";
  const codes = userErrors.map(({ code, field }) =>
    isList && field?.[0] === "attachments" && field[1] !== undefined ? `${code}[${field[1]}]` : code,
  );
  return [...new Set(codes)].sort();
}

function movedScopes(before: Observed, after: Observed): string[] {
  return [...after.revisions]
    .filter(([scope, rev]) => before.revisions.get(scope) !== rev)
    .map(([scope]) => scope)
    .sort();
}

function unlike(what: string, found: unknown, wanted: unknown): string | null {
  if (isDeepStrictEqual(found, wanted) || canonical(found) === canonical(wanted)) return null;
  return `${what}: ${canonical(found)} instead of ${canonical(wanted)}`;
}

/** A whole account as JSON text in the form of the model, straight from the tables. */
async function readAccount({ db }: Administration, accountId: string): Promise<string> {
  const where = { accountId };
  const account = await db.account.findUniqueOrThrow({ where: { id: accountId } });
  const groups = await db.resourceGroup.findMany({ where });
  const principals = await db.principal.findMany({
    where,
    include: { tags: true, memberOf: { include: { group: true } } },
  });
  const policies = await db.policy.findMany({ where, include: { versions: true } });
  const attachments = await db.attachment.findMany({ where, include: { policy: true, principal: true } });
  const resources = await db.kmsResource.findMany({ where, include: { tags: true, key: true } });
  const keyOf = (arn: string): string => arn.split(":").slice(4).join(":").toLowerCase();
  const tagsOf = (tags: readonly { key: string; value: string }[]) =>
    Object.fromEntries(tags.map(({ key, value }) => [key, value]));
  const found: RamAccount = {
    alias: account.alias,
    resourceGroups: Object.fromEntries(groups.map(({ id, name }) => [id, { name }])),
    principals: Object.fromEntries(
      principals
        .filter(({ kind }) => kind !== "ACCOUNT_OWNER")
        .map(({ arn, name, displayName, comments, tags, ...rest }) => {
          const role =
            rest.kind === "ROLE"
              ? {
                  ...{ kind: rest.roleKind ?? "", service: rest.service },
                  ...{ trust: rest.trustPolicy ?? "", duration: rest.maxSessionDuration ?? 0 },
                }
              : null;
          const known = rest.kind === "ROLE" ? name.toLowerCase() : name;
          const named = arn.endsWith(`/${known}`) ? name : `${name} as ${arn}`;
          return [keyOf(arn), { name: named, displayName, comments, role, tags: tagsOf(tags) }];
        }),
    ),
    memberships: Object.fromEntries(
      principals.flatMap(({ arn, memberOf }) =>
        memberOf.map(({ group }) => [`${keyOf(arn)} ${keyOf(group.arn)}`, true as const]),
      ),
    ),
    policies: Object.fromEntries(
      policies.map(({ nameKey, name, description, lastVersion, versions }) => {
        const [chosen = 0] = versions.filter(({ isDefault }) => isDefault).map(({ number }) => number);
        const documents = Object.fromEntries(versions.map(({ number, document }) => [number, document]));
        return [nameKey, { name, description, last: lastVersion, default: chosen, versions: documents }];
      }),
    ),
    attachments: Object.fromEntries(
      attachments.map(({ principal, policy, resourceGroupId, notBefore, expiresAt }) => {
        const [holder, held] = [keyOf(principal.arn), `${policy.type.toLowerCase()}/${policy.nameKey}`];
        const window = { notBefore: notBefore?.toISOString() ?? null, expiresAt: expiresAt?.toISOString() ?? null };
        const attachment = { principal: holder, policy: held, resourceGroup: resourceGroupId, ...window };
        return [`${holder} ${held} ${resourceGroupId ?? "-"}`, attachment];
      }),
    ),
    resources: Object.fromEntries(
      resources.map(({ arn, type, region, name, key, tags, secretType, origin, ...rest }) => [
        arn,
        {
          ...{ type, region, name, resourceGroup: rest.resourceGroupId, key: key?.arn ?? null, state: rest.keyState },
          ...{ spec: rest.keySpec, usage: rest.keyUsage, origin, secretType, tags: tagsOf(tags) },
        },
      ]),
    ),
  };
  return canonical(found);
}
