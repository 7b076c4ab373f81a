import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { canPerform } from "../../src/decisions/can-perform.js";
import type { Answer, Decisions, Question } from "../../src/decisions/decide-many.js";
import { withReasons } from "../../src/domain/evaluation/decision.js";
import { createMemoryDecisionCache } from "../support/memory-decision-cache.js";
import { ACCOUNT, allow, deny, type Fixture, openFixture, role, secret, session } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("sessions");
});
afterAll(() => fixture.close());
afterEach(() => fixture.sql.query("DELETE FROM role_session; DELETE FROM ended_session"));

const S1 = session("bot");
/** What the role `bot` may do. */
const question: Question = { principal: S1, resource: secret("db"), actions: ["kms:GetSecretValue"] };

interface Issue {
  readonly name?: string;
  readonly policy?: string;
  readonly issuedAt?: Date;
  readonly expiresAt?: Date;
}

async function issue({ name = "s1", policy, issuedAt, expiresAt }: Issue = {}): Promise<string> {
  const id = randomUUID();
  await fixture.sql.query(
    `INSERT INTO role_session (id, account_id, role_id, arn, session_name, token_digest, session_policy, issued_to, issued_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, sha256(''), $6, 'x', coalesce($7, now() - interval '1 second'), coalesce($8, now() + interval '1 hour'))`,
    [
      ...[id, ACCOUNT, fixture.ids["bot"], `acs:ram::${ACCOUNT}:assumed-role/bot/${name}`, name],
      ...[policy ?? null, issuedAt ?? null, expiresAt ?? null],
    ],
  );
  return id;
}

async function ask(decisions: Decisions, asked: Question = question): Promise<Answer> {
  const [answer] = await decisions.decideMany([asked]);
  if (answer === undefined || answer instanceof Error) throw answer ?? new Error("no answer");
  return answer;
}

const outcome = async (decisions: Decisions, asked: Partial<Question> = {}) =>
  (await ask(decisions, { ...question, ...asked })).decisions[0]?.outcome;

const codes = async (decisions: Decisions, asked: Partial<Question> = {}) =>
  (await ask(decisions, { ...question, ...asked })).decisions.flatMap((decision) =>
    withReasons(decision).diagnostics.map(({ code }) => code),
  );

describe("issued sessions in decisions", () => {
  it("are those of this very ARN, whatever its spelling; the session's case counts", async () => {
    const decisions = fixture.decisions();
    await issue({ policy: allow("kms:Decrypt") });
    expect(await outcome(decisions)).toBe("IMPLICIT_DENY");
    expect(await outcome(decisions, { principal: `acs:sts::${ACCOUNT}:assumed-role/BOT/s1` })).toBe("IMPLICIT_DENY");
    expect(await outcome(decisions, { principal: `acs:ram::${ACCOUNT}:role/Bot/s1` })).toBe("IMPLICIT_DENY");
    expect(await outcome(decisions, { principal: `acs:ram::${ACCOUNT}:assumed-role/bot/S1` })).toBe("ALLOW");
    expect(await outcome(decisions, { principal: role("bot") })).toBe("ALLOW");
  });

  it("are read by the same two statements, however many there are", async () => {
    for (let count = 0; count < 5; count += 1) await issue({ name: `n${count}` });
    const asked = [0, 1, 2, 3, 4].map((n) => ({
      ...question,
      principal: `acs:ram::${ACCOUNT}:assumed-role/bot/n${n}`,
    }));
    const decisions = fixture.decisions();
    fixture.countStatements();
    const answers = await decisions.decideMany(asked);
    expect(answers.map((answer) => (answer as Answer).decisions[0]?.outcome)).toEqual(Array(5).fill("ALLOW"));
    expect(fixture.countStatements()).toBe(2);
  });

  it("gate together with the session policy of the question", async () => {
    const decisions = fixture.decisions();
    await issue({ policy: allow("kms:GetSecretValue") });
    expect(await outcome(decisions)).toBe("ALLOW");
    expect(await outcome(decisions, { sessionPolicy: allow("kms:GetSecretValue") })).toBe("ALLOW");
    expect(await outcome(decisions, { sessionPolicy: allow("kms:Decrypt") })).toBe("IMPLICIT_DENY");
    expect(await outcome(decisions, { sessionPolicy: deny("kms:*") })).toBe("EXPLICIT_DENY");
    await issue({ policy: allow("kms:Decrypt") });
    expect(await outcome(decisions)).toBe("IMPLICIT_DENY");
    expect(await outcome(decisions, { sessionPolicy: allow("kms:GetSecretValue") })).toBe("IMPLICIT_DENY");
  });

  it("with a policy that cannot be read never give an ALLOW", async () => {
    const decisions = fixture.decisions();
    await issue({ policy: "{}" });
    expect(await outcome(decisions)).toBe("CONDITIONAL");
    expect(await codes(decisions)).toEqual(["INCOMPLETE_POLICY_SET"]);
  });

  it("that have all ended deny what everybody may do, as an action and as an operation", async () => {
    const decisions = fixture.decisions();
    const free = { operation: "DescribeRegions", principal: S1, targets: {} };
    expect(await canPerform((asked) => ask(decisions, asked), free)).toMatchObject({ outcome: "ALLOW", legs: [] });
    const id = await issue();
    expect(await canPerform((asked) => ask(decisions, asked), free)).toMatchObject({ outcome: "ALLOW", legs: [] });
    await fixture.sql.query("UPDATE role_session SET revoked_at = now() WHERE id = $1", [id]);
    const ended = await canPerform((asked) => ask(decisions, asked), free);
    expect(ended).toMatchObject({
      outcome: "IMPLICIT_DENY",
      allowed: false,
      legs: [{ action: "kms:DescribeRegions" }],
    });
    expect(await outcome(decisions, { resource: "*", actions: ["kms:DescribeRegions"] })).toBe("IMPLICIT_DENY");
    expect(await codes(decisions)).toEqual(["SESSION_INACTIVE"]);
  });

  it.each([
    ["has expired", { issuedAt: new Date(0), expiresAt: new Date(1) }, "IMPLICIT_DENY"],
    ["is held back by its policy", { policy: deny("kms:*") }, "EXPLICIT_DENY"],
  ])(
    "one that %s stays ended under a new role of the same name, until another is issued",
    async (_, issued, before) => {
      const decisions = fixture.decisions();
      await issue(issued);
      expect(await outcome(decisions)).toBe(before);
      await fixture.sql.query(
        `BEGIN; CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM principal WHERE id = '${fixture.ids["bot"]}';
       CREATE TEMP TABLE held ON COMMIT DROP AS SELECT * FROM attachment WHERE principal_id = '${fixture.ids["bot"]}';
       DELETE FROM principal WHERE id = '${fixture.ids["bot"]}';
       INSERT INTO principal SELECT * FROM kept; INSERT INTO attachment SELECT * FROM held; COMMIT`,
      );
      expect(await outcome(decisions)).toBe("IMPLICIT_DENY");
      expect(await codes(decisions)).toEqual(["SESSION_INACTIVE"]);
      expect(await outcome(decisions, { principal: `${S1}2` })).toBe("ALLOW");
      await issue();
      expect(await outcome(decisions)).toBe("ALLOW");
    },
  );
});

describe("time and issued sessions", () => {
  it("an answer about a stated instant flips at the very millisecond of each bound", async () => {
    const issuedAt = new Date("2030-01-01T00:00:00.123Z");
    const expiresAt = new Date("2030-01-01T01:00:00.456Z");
    const id = await issue({ issuedAt, expiresAt });
    const decisions = fixture.decisions();
    const at = (base: Date, ms: number) =>
      outcome(decisions, { context: { currentTime: new Date(base.getTime() + ms) } });
    const around = async (base: Date) => [await at(base, -1), await at(base, 0), await at(base, 1)];
    expect(await around(issuedAt)).toEqual(["IMPLICIT_DENY", "ALLOW", "ALLOW"]);
    expect(await around(expiresAt)).toEqual(["ALLOW", "IMPLICIT_DENY", "IMPLICIT_DENY"]);
    const revokedAt = new Date("2030-01-01T00:30:00.789Z");
    await fixture.sql.query("UPDATE role_session SET revoked_at = $2 WHERE id = $1", [id, revokedAt]);
    expect(await around(revokedAt)).toEqual(["ALLOW", "IMPLICIT_DENY", "IMPLICIT_DENY"]);
    expect(await around(issuedAt)).toEqual(["IMPLICIT_DENY", "ALLOW", "ALLOW"]);
  });

  it("a warm answer is not used a millisecond longer than the session lives", async () => {
    const decisions = fixture.decisions();
    const { rows } = await fixture.sql.query<{ at: Date }>(
      "SELECT date_trunc('milliseconds', clock_timestamp() + interval '1200 milliseconds') AS at",
    );
    const end = rows[0]?.at.getTime() ?? 0;
    await issue({ expiresAt: new Date(end) });
    const first = await ask(decisions);
    expect(first.decisions[0]).toMatchObject({ outcome: "ALLOW", validUntil: end });
    let hits = 0;
    for (;;) {
      const { rows: before } = await fixture.sql.query<{ now: number }>(
        "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now",
      );
      const answer = await ask(decisions);
      if (answer.decisions[0]?.outcome !== "ALLOW") break;
      expect(before[0]?.now).toBeLessThan(end);
      if (answer.cache === "HIT") hits += 1;
      await sleep(1);
    }
    expect(hits).toBeGreaterThan(10);
    const after = await ask(decisions);
    expect(after.evaluatedAt).toBeGreaterThanOrEqual(end);
    expect(after.decisions[0]).toMatchObject({ outcome: "IMPLICIT_DENY", decidedBy: "SESSION_POLICY" });
  });

  it("a session that begins later is awaited", async () => {
    const decisions = fixture.decisions();
    const begin = Date.now() + 3_600_000;
    await issue({ issuedAt: new Date(begin), expiresAt: new Date(begin + 1_000) });
    expect((await ask(decisions)).decisions[0]).toMatchObject({ outcome: "IMPLICIT_DENY", validUntil: begin });
  });
});

describe("two gateways with warm caches", () => {
  it("a revocation and an issue bite at once on both", async () => {
    const cache = createMemoryDecisionCache();
    const gateways = [fixture.decisions({ cache }), fixture.decisions()];
    const outcomes = () => Promise.all(gateways.map((gateway) => outcome(gateway)));
    for (let round = 0; round < 20; round += 1) {
      const id = await issue();
      expect(await outcomes()).toEqual(["ALLOW", "ALLOW"]);
      expect(await Promise.all(gateways.map(async (gateway) => (await ask(gateway)).cache))).toEqual(["HIT", "HIT"]);
      await issue({ policy: allow("kms:Decrypt") });
      expect(await outcomes()).toEqual(["IMPLICIT_DENY", "IMPLICIT_DENY"]);
      await fixture.sql.query("DELETE FROM role_session WHERE id <> $1", [id]);
      expect(await outcomes()).toEqual(["ALLOW", "ALLOW"]);
      await fixture.sql.query("UPDATE role_session SET revoked_at = now() WHERE id = $1", [id]);
      expect(await outcomes()).toEqual(["IMPLICIT_DENY", "IMPLICIT_DENY"]);
      await fixture.sql.query("DELETE FROM role_session");
      expect(await outcomes()).toEqual(["ALLOW", "ALLOW"]);
    }
  });
});
