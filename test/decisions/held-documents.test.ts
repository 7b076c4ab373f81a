import { describe, expect, it } from "vitest";
import { type Facts, KnownFacts } from "../../src/decisions/known-facts.js";
import { prepareQuestion } from "../../src/decisions/prepare-question.js";
import type { PrincipalFacts, ResourceFacts } from "../../src/domain/evaluation/access-request.js";
import { compilePolicy } from "../../src/domain/policy/compile-policy.js";
import { parseDocument } from "../../src/domain/policy/parse-document.js";
import { BYTES_PER_CHARACTER } from "../../src/store/compiled-policies.js";
import type { EvaluationInput } from "../../src/store/evaluation-input.js";
import type { ModelState } from "../../src/store/revisions.js";

const ACCOUNT = "1234567890123456";
const MIB = 1024 * 1024;
const KEY = `acs:kms:cn-hangzhou:${ACCOUNT}:key/k1`;

interface Policy {
  readonly id: string;
  /** Of memory that its document takes. */
  readonly mebibytes: number;
  readonly statements?: number;
}

function policyInForce({ id, statements = 1 }: Policy) {
  const statement = { Effect: "Allow", Action: "kms:Decrypt", Resource: "*" };
  const parsed = parseDocument({ Version: "1", Statement: Array(statements).fill(statement) }, "identity");
  if (!parsed.ok) throw new Error("the policy is malformed");
  const reference = { id, name: id, account: ACCOUNT };
  return { reference, version: "v1", compiled: compilePolicy(parsed.document) } as never;
}

/** As one gateway sees it: the same policy is the same object. */
class Model {
  readonly known = new KnownFacts();
  readonly #policies = new Map<string, ReturnType<typeof policyInForce>>();
  readonly #characters = new Map<string, number>();

  /** Loads a user with these policies, the first of them attached twice. */
  load(user: string, policies: readonly Policy[]): void {
    const question = this.#ask(user);
    const attachments = [...policies, ...policies.slice(0, 1)].map((policy) => ({ policy: this.#policy(policy) }));
    const principal = { attachments, issued: [] } as unknown as PrincipalFacts;
    const resource = { registered: true, tags: new Map(), trustPolicy: null } as unknown as ResourceFacts;
    const facts: Facts = { principal, resource };
    this.known.keep(question, facts, {
      ...this.#state(user),
      charactersOf: (id) => this.#characters.get(id) ?? 0,
    } as EvaluationInput);
  }

  isKnown(user: string): boolean {
    return this.known.recall(this.#ask(user), this.#state(user)) !== null;
  }

  forget(user: string): void {
    this.known.forget(this.#ask(user));
  }

  #policy(policy: Policy) {
    const known = this.#policies.get(policy.id) ?? policyInForce(policy);
    this.#policies.set(policy.id, known);
    this.#characters.set(policy.id, (policy.mebibytes * MIB) / BYTES_PER_CHARACTER);
    return known;
  }

  #ask(user: string) {
    return prepareQuestion({ principal: `acs:ram::${ACCOUNT}:user/${user}`, resource: KEY, actions: ["kms:Decrypt"] });
  }

  #state(user: string): ModelState {
    const vector = new Map(this.#ask(user).scopes.map((scope) => [scope, { rev: 1, tag: "t" }]));
    return { vector, followed: new Map(), now: 0, ofOneMoment: true };
  }
}

const users = (count: number) => Array.from({ length: count }, (_, number) => `user-${number}`);

describe("the room that known principals take", () => {
  it("counts what many of them hold once", () => {
    const model = new Model();
    const policies = [1, 2, 3].map((number) => ({ id: `shared-${number}`, mebibytes: 20 }));
    for (const user of users(500)) model.load(user, policies);
    expect(users(500).filter((user) => model.isKnown(user))).toHaveLength(500);
  });

  it("is bounded for what each has by itself, and the oldest go first", () => {
    const model = new Model();
    for (const user of users(20)) model.load(user, [{ id: `of-${user}`, mebibytes: 20 }]);
    expect(users(20).filter((user) => model.isKnown(user))).toEqual(["user-17", "user-18", "user-19"]);
  });

  it("is given back by whoever is forgotten, loaded again, or pushed out", () => {
    const model = new Model();
    for (let times = 0; times < 10; times += 1) {
      model.load("ann", [{ id: "large", mebibytes: 40 }]);
      model.load("bob", [{ id: "small", mebibytes: 20 }]);
      expect([model.isKnown("ann"), model.isKnown("bob")]).toEqual([true, true]);
      if (times % 2 === 0) model.forget("ann");
    }
  });

  it("is bounded for what evaluation derives for each, shared policies or not", () => {
    const model = new Model();
    for (const user of users(60)) model.load(user, [{ id: "shared", mebibytes: 1, statements: 1_000 }]);
    const known = users(60).filter((user) => model.isKnown(user));
    expect(known.length).toBeGreaterThan(5);
    expect(known.length).toBeLessThan(20); // 2,000 statements of 1 KiB each, of 32 MiB
  });

  it("counts a document as long as anybody holds it", () => {
    const model = new Model();
    for (const user of ["ann", "bob"]) model.load(user, [{ id: "shared", mebibytes: 40 }]);
    model.forget("ann");
    model.load("carl", [{ id: "of-carl", mebibytes: 40 }]);
    expect(["bob", "carl"].map((user) => model.isKnown(user))).toEqual([false, true]);
  });

  it("counts nothing for whoever is too large to be kept", () => {
    const model = new Model();
    const policies = Array.from({ length: 40 }, (_, number) => ({
      id: `p-${number}`,
      mebibytes: 1,
      statements: 1_000,
    }));
    model.load("giant", policies);
    model.load("ann", [{ id: "large", mebibytes: 40 }]);
    expect(["giant", "ann"].map((user) => model.isKnown(user))).toEqual([false, true]);
  });

  it("holds nobody with more than there is room for, and goes on", () => {
    const model = new Model();
    model.load("giant", [{ id: "giant", mebibytes: 65 }]);
    expect(model.isKnown("giant")).toBe(false);
    model.load("ann", [{ id: "large", mebibytes: 60 }]);
    expect(model.isKnown("ann")).toBe(true);
  });
});
