import type { Pool } from "pg";
import type { Answer, Question } from "../../src/decisions/decide-many.js";
import { ACCOUNT, allow, attach, deny, type Fixture, key, role, secret, session, user } from "../decisions/fixture.js";

type Row = Record<string, unknown>;

/** What the two statements of a question gave at one moment. */
export interface Moment {
  readonly revisions: Row;
  readonly input: Row;
}

/** A question that was answered with ALLOW at first; and what is so since. */
export interface Scene {
  readonly name: string;
  readonly question: Question;
  readonly before: Moment;
  readonly after: Moment;
  readonly outcome: string;
}

interface Plot {
  readonly name: string;
  readonly question: Question;
  /** SQL; `$name` stands for an id. */
  readonly grant?: string;
  readonly change: string;
  readonly outcome: string;
  /** The change is that so many milliseconds pass. */
  readonly later?: number;
}

const EXPIRY = "2040-01-01T00:00:00Z";
const decrypt = { resource: key("k1"), actions: ["kms:Decrypt"] };
const ATTACH_SPARE = `INSERT INTO attachment (id, account_id, policy_id, principal_id) VALUES (gen_random_uuid(), '${ACCOUNT}', $spare, $bob)`;
const DETACH = "DELETE FROM attachment WHERE principal_id = $bob";
const document = (policy: string, text: string) =>
  `UPDATE policy_version SET document = '${text}' WHERE policy_id = $${policy}`;

/** What was permitted, and by which change it is not any more; and one that still is. */
const PLOTS: readonly Plot[] = [
  {
    name: "detached",
    question: { principal: user("bob"), ...decrypt },
    grant: ATTACH_SPARE,
    change: DETACH,
    outcome: "IMPLICIT_DENY",
  },
  {
    name: "denied",
    question: { principal: user("bob"), ...decrypt, detail: "OUTCOME" },
    grant: ATTACH_SPARE,
    change: `${document("lost", deny("kms:Decrypt"))}; ${ATTACH_SPARE.replace("$spare", "$lost")}`,
    outcome: "EXPLICIT_DENY",
  },
  {
    name: "expired",
    question: { principal: user("bob"), ...decrypt },
    grant: `${DETACH}; ${ATTACH_SPARE}; UPDATE attachment SET expires_at = '${EXPIRY}' WHERE principal_id = $bob`,
    change: "SELECT 1",
    later: 1,
    outcome: "IMPLICIT_DENY",
  },
  {
    name: "session revoked",
    question: { principal: session("bot"), resource: secret("db"), actions: ["kms:GetSecretValue"] },
    grant: `INSERT INTO role_session (id, account_id, role_id, arn, session_name, token_digest, session_policy, issued_to, issued_at, expires_at)
      VALUES (gen_random_uuid(), '${ACCOUNT}', $bot, '${session("bot")}', 's1', sha256(''), '${allow("kms:*")}', 'x', '2020-01-01Z', '${EXPIRY}')`,
    change: "UPDATE role_session SET revoked_at = '2021-01-01Z'",
    outcome: "IMPLICIT_DENY",
  },
  {
    name: "trust withdrawn",
    question: { principal: user("Mixed"), resource: role("bot"), actions: ["sts:AssumeRole"] },
    grant: `UPDATE principal SET trust_policy = '${trusting(user("mixed"))}' WHERE id = $bot; ${document("built-in", allow("sts:*"))};
      INSERT INTO attachment (id, account_id, policy_id, principal_id) VALUES (gen_random_uuid(), '${ACCOUNT}', $built-in, $Mixed)`,
    change: `UPDATE principal SET trust_policy = '${trusting(user("bob"))}' WHERE id = $bot`,
    outcome: "IMPLICIT_DENY",
  },
  {
    name: "tag changed",
    question: { principal: user("ann"), ...decrypt, actions: ["kms:Decrypt", "kms:Encrypt"] },
    change: "UPDATE resource_tag SET value = 'Gemini' WHERE resource_id = $k1",
    outcome: "IMPLICIT_DENY",
  },
  {
    name: "still permitted",
    question: { principal: user("ann"), ...decrypt, actions: ["kms:Encrypt"] },
    grant: "UPDATE attachment SET resource_group_id = 'rg-1', not_before = '2020-01-01Z' WHERE policy_id = $own",
    change: "UPDATE principal SET comments = 'changed' WHERE id = $ann",
    outcome: "ALLOW",
  },
];

function trusting(principal: string): string {
  const statement = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [principal] } };
  return JSON.stringify({ Version: "1", Statement: [statement] });
}

/** Plays every scene on a database and takes down what its statements gave. */
export async function recordScenes(fixture: Fixture): Promise<Scene[]> {
  await fixture.sql.query(
    "INSERT INTO policy_version (id, policy_id, number, document, is_default) VALUES (gen_random_uuid(), $1, 1, '{}', true)",
    [fixture.ids["lost"]],
  );
  await attach(fixture.sql, fixture.ids, "bots", "root");
  const run = (sql: string) =>
    fixture.sql.query(sql.replace(/\$([A-Za-z][\w/-]*)/g, (_, name) => `'${fixture.ids[name]}'`));
  const scenes: Scene[] = [];
  for (const { name, question, grant, change, outcome, later } of PLOTS) {
    if (grant !== undefined) await run(grant);
    const before = await record(fixture, question);
    await run(change);
    const after = await record(fixture, question);
    const moments = later === undefined ? { before, after } : atExpiry(before, later);
    scenes.push({ name, question, outcome, ...moments });
  }
  return scenes;
}

function atExpiry(moment: Moment, later: number): Pick<Scene, "before" | "after"> {
  const at = (now: number): Moment => ({
    revisions: { ...moment.revisions, now },
    input: { ...moment.input, now },
  });
  return { before: at(Date.parse(EXPIRY) - 1), after: at(Date.parse(EXPIRY) - 1 + later) };
}

async function record(fixture: Fixture, question: Question): Promise<Moment> {
  const rows: Row[] = [];
  const tap = (pool: Pool): Pool => {
    const query = async (config: string) => {
      const result = await pool.query(config);
      rows.push(structuredClone(result.rows[0]));
      return result;
    };
    return { query } as unknown as Pool;
  };
  const pools = { pool: tap(fixture.pool), loadPool: tap(fixture.loadPool) };
  const [answer] = await fixture.decisions({ ...pools }).decideMany([question]);
  const [revisions, input] = rows;
  if (answer instanceof Error || revisions === undefined || input === undefined) throw answer;
  return { revisions, input };
}

/** What the caller is told, without time and tokens. */
export function told({ decisions, resource }: Answer): string {
  return JSON.stringify([decisions, resource]);
}
