import { describe, expect, test } from "vitest";
import { LONG } from "../support/long-form.js";
import { check, type Model, type Result } from "./model/checker.js";
import { DESIGN, type Protocol } from "./model/design.js";
import { ProtocolModel } from "./model/protocol.js";
import { createPurgingModel, type PurgingScheme } from "./model/purging.js";
import type { Scenario } from "./model/state.js";
import {
  ACCOUNT,
  CHANGES,
  GROUP,
  GROUP_AND_POLICY,
  OTHER_GROUP,
  POLICY,
  QUESTIONS,
  TWO_GROUPS,
} from "./model/world.js";

/**
 * Everything that can happen to the protocol of ADR 3, in all orders, in small worlds: each answer must be right for a
 * state of the model between question and answer. The design is held to more than it promises (a change binds from its
 * commit on), under a cache that may lose and bring back whatever it was ever told. Each broken variant is held to
 * less (a change binds once it is acknowledged), with a cache that does nothing wrong, and must fall all the same.
 */

const MOST_STATES = 4_000_000;
const { principal, otherPrincipal, account, group, policy, swap, touch } = CHANGES;

const reader = (instance: number, requests = 1, more: Partial<Scenario["readers"][number]> = {}) => ({
  instance,
  requests,
  questions: QUESTIONS,
  ...more,
});

const IN_FULL: Scenario = {
  links: [true, false, true],
  writers: [
    { commits: 1, changes: [principal, swap] },
    { commits: 1, changes: [account, otherPrincipal] },
  ],
  readers: [reader(0), reader(0), reader(1)],
  binding: "commit",
  cache: "hostile",
};

const about0 = (instance: number, requests = 1) => reader(instance, requests, { questions: [0] });

/** Which scopes a question has depends on the state, and gateways may take any for them. */
const FOLLOWED: Scenario = {
  ...IN_FULL,
  world: GROUP_AND_POLICY,
  links: [true, false, true, true],
  writers: [
    { commits: 1, changes: [principal] },
    { commits: 1, changes: [group, policy] },
  ],
  readers: [about0(0), about0(0), about0(0)],
};

/** What the design withstands; with the figures of the long form as far as they differ. */
const SCENARIOS: Record<string, { scenario: Scenario; long?: Partial<Scenario> }> = {
  "two writers, three readers on two instances, two principals": { scenario: IN_FULL, long: { failovers: 1 } },
  "readers that ask again": {
    scenario: {
      ...IN_FULL,
      writers: [{ commits: 2, changes: [principal, account, swap] }],
      readers: [reader(0, 2, { questions: [0] }), reader(0, 2, { questions: [0] })],
    },
    long: { readers: [reader(0, 2), reader(0, 2)] },
  },
  "failovers of PostgreSQL that lose the last commit": {
    scenario: {
      ...IN_FULL,
      writers: [{ commits: 2, changes: [principal, account, touch] }],
      readers: [reader(0, 1, { questions: [0] }), reader(0, 1, { questions: [0] }), reader(1, 1, { questions: [0] })],
      failovers: 1,
    },
    long: { failovers: 2 },
  },
  "readers that take an older state beside one that does not": {
    scenario: {
      ...IN_FULL,
      writers: [{ commits: 2, changes: [account] }],
      readers: [reader(0, 2, { staleness: 1, questions: [0] }), reader(0, 1, { questions: [0] })],
      ticks: 4,
    },
    long: { failovers: 1, ticks: 5 },
  },
  "a grant that ends by itself": {
    scenario: {
      ...IN_FULL,
      writers: [{ commits: 1, changes: [account] }],
      readers: [reader(0, 2, { questions: [0] }), reader(0, 1, { questions: [0], staleness: 1 })],
      ticks: 3,
      expiry: 2,
    },
    long: { failovers: 1 },
  },
  "scopes that a question has only in some states": {
    scenario: FOLLOWED,
    long: {
      writers: [
        { commits: 1, changes: [principal, swap] },
        { commits: 1, changes: [group, policy] },
      ],
      readers: [about0(0), about0(0), about0(1)],
    },
  },
  "such scopes, and readers that ask again": {
    scenario: {
      ...FOLLOWED,
      writers: [{ commits: 2, changes: [principal, group, policy] }],
      readers: [about0(0, 2), about0(0)],
    },
    long: { readers: [about0(0, 2), about0(0, 2)] },
  },
  "such scopes, and failovers that lose up to two commits": {
    scenario: {
      ...FOLLOWED,
      writers: [{ commits: 2, changes: [principal, group, policy] }],
      readers: [about0(0), about0(0)],
      failovers: 1,
      lost: 2,
    },
    long: { readers: [about0(0), about0(0), about0(0)] },
  },
  "such scopes, and revisions of several reads": {
    scenario: {
      ...FOLLOWED,
      links: [true, true, true, true],
      writers: [{ commits: 2, changes: [principal, group] }],
      readers: [reader(0, 3, { staleness: 1 })],
      ticks: 2,
    },
    long: { failovers: 1, ticks: 3 },
  },
  "a principal that goes from one group to another": { scenario: { ...FOLLOWED, world: TWO_GROUPS } },
};

/** Enough for every mistake. */
const TO_BREAK: Scenario = {
  links: [true, true, true],
  writers: [{ commits: 1, changes: [account] }],
  readers: [reader(0, 2, { questions: [0] }), reader(0, 1, { questions: [0] })],
  binding: "acknowledged",
  cache: "faithful",
};

/** The same with scopes that follow from the state. Gateways remember of them what they loaded last. */
const TO_BREAK_FOLLOWED: Scenario = {
  ...TO_BREAK,
  world: GROUP_AND_POLICY,
  links: [true, false, true, true],
  writers: [{ commits: 1, changes: [principal, group, policy] }],
  lists: "faithful",
};

/** Principal 0 has become a member since. */
const OUTDATED: Scenario = { ...TO_BREAK_FOLLOWED, remembered: [] };
const NO_MEMBER_YET: Scenario = { ...TO_BREAK_FOLLOWED, links: [false, false, true, true] };

/** What was known before a failover may stand beside what was read after it. */
const TWO_HISTORIES: Scenario = {
  ...TO_BREAK,
  links: [false, true, true],
  writers: [{ commits: 2, changes: [principal, account] }],
  readers: [reader(0, 4, { staleness: 0 })],
  ticks: 1,
  failovers: 1,
  lost: 2,
};

interface Broken {
  readonly does: Partial<Protocol>;
  readonly scenario?: Partial<Scenario>;
}

const BROKEN: Record<string, Broken> = {
  "P1: data first, the vector after it": { does: { loads: "data, then vector" } },
  "P2: kept under the vector that was read first, and a failover of PostgreSQL": {
    does: { loads: "data" },
    scenario: { links: [true, true, false], failovers: 1 },
  },
  "P3: data in two statements": {
    does: { loads: "data in two statements" },
    scenario: { links: [true, false, false], writers: [{ commits: 1, changes: [swap] }] },
  },
  "P4: one kind of change moves no revision": { does: { unmoved: ACCOUNT } },
  "P5: numbers in keys, and a failover of PostgreSQL": {
    does: { keys: "numbers" },
    scenario: { links: [true, true, false], failovers: 1, writers: [{ commits: 2, changes: [account, touch] }] },
  },
  "P6: joining a vector read that is sent": { does: { joins: "sent" } },
  "J1: joining a load that began before a failover": {
    does: { sharedLoads: "always" },
    scenario: { links: [true, true, false], failovers: 1 },
  },
  "J2: joining a load that began before a grant ended": {
    does: { sharedLoads: "same vector" },
    scenario: { ticks: 2, expiry: 1 },
  },
  "T1: the age of a vector begins when it arrives": {
    does: { ageFrom: "end" },
    scenario: { ticks: 4, readers: [reader(0, 3, { staleness: 1, questions: [0] })] },
  },
  "W1: the end of an answer is ignored": {
    does: { windows: "ignored" },
    scenario: { ticks: 2, expiry: 1 },
  },
  "L1: revisions known from before a failover that lost two commits, beside newer ones": {
    does: { mixes: "reads of any history" },
    scenario: TWO_HISTORIES,
  },
  "F1: kept under the list that it was looked for under": {
    does: { keepsUnder: "list of the reader" },
    scenario: OUTDATED,
  },
  "F2: keys without the scopes that are followed": { does: { follows: "nothing" }, scenario: TO_BREAK_FOLLOWED },
  "F3: keys without the policies of groups": { does: { follows: "groups" }, scenario: TO_BREAK_FOLLOWED },
  "F4: a changed group moves no revision": { does: { unmoved: GROUP }, scenario: TO_BREAK_FOLLOWED },
  "F5: a changed policy moves no revision": { does: { unmoved: POLICY }, scenario: TO_BREAK_FOLLOWED },
  "F6: a changed membership moves no revision": { does: { unmoved: 0 }, scenario: TO_BREAK_FOLLOWED },
  "F7: joining a load that agrees in the scopes that the guest took for followed": {
    does: { sharedLoads: "same revisions of the guest's scopes, still holds" },
    scenario: OUTDATED,
  },
  "F8: the list first, data and vector after it": {
    does: { loads: "list, then data and vector" },
    scenario: { ...NO_MEMBER_YET, writers: [{ commits: 2, changes: [principal, group] }] },
  },
  "F9: data and vector first, the list after them": {
    does: { loads: "data and vector, then list" },
    scenario: { ...OUTDATED, writers: [{ commits: 2, changes: [principal, group] }] },
  },
  "F10: fixed scopes as they were read first, and a failover": {
    does: { loads: "data and followed revisions" },
    scenario: { ...NO_MEMBER_YET, failovers: 1 },
  },
  "F11: kept under the vector that was read first, with a wrong list": { does: { loads: "data" }, scenario: OUTDATED },
  "F12: tags in keys without the names of their scopes": {
    does: { keys: "tags without the names of scopes" },
    scenario: { ...TO_BREAK_FOLLOWED, world: TWO_GROUPS, remembered: [OTHER_GROUP] },
  },
  "F13: looked for under a newer list than that of the read": {
    does: { looksUnder: "newest list" },
    scenario: OUTDATED,
  },
  "F14: a vector of two snapshots, and a failover that loses two commits": {
    does: { vectors: "fixed scopes, then followed ones" },
    scenario: { ...NO_MEMBER_YET, writers: [{ commits: 2, changes: [principal, group] }], failovers: 1, lost: 2 },
  },
  "F15: any read makes all that is known young": {
    does: { ageFrom: "start of the last read" },
    scenario: {
      ...TO_BREAK_FOLLOWED,
      writers: [{ commits: 1, changes: [group] }],
      readers: [reader(0, 3, { staleness: 1 })],
      ticks: 2,
    },
  },
};

const PURGING: Record<string, PurgingScheme> = {
  "D1: entries are deleted after the commit": { cache: "shared", purge: "delete", faults: 0 },
  "D2: entries are deleted before and after the commit": {
    cache: "shared",
    purge: "delete before and after",
    faults: 0,
  },
  "D3: revisions in Redis, and a failover of Redis": { cache: "shared", purge: "move number", faults: 1 },
  "D4: local caches and messages": { cache: "local", purge: "publish", faults: 1 },
};

const PURGING_SCENARIO = {
  links: TO_BREAK.links,
  writers: [{ commits: 2, changes: [account, principal] }],
  readers: [reader(0, 2), reader(1, 1)],
};

describe("the protocol of cached decisions, as a model", { timeout: 1_800_000 }, () => {
  test.each(Object.entries(SCENARIOS))("withstands everything: %s", (name, { scenario, long }) => {
    const { states, complete, counterexample } = explore(new ProtocolModel({ ...scenario, ...(LONG && long) }));
    console.log(`${name}: ${states} states`);
    expect(counterexample).toBeNull();
    expect(complete).toBe(true);
    if (scenario === IN_FULL) expect(states).toBeGreaterThanOrEqual(100_000);
  });

  test.each(Object.entries(BROKEN))("refutes %s", (name, { does, scenario }) => {
    refute(name, explore(new ProtocolModel({ ...TO_BREAK, ...scenario }, { ...DESIGN, ...does })));
    expect(explore(new ProtocolModel({ ...TO_BREAK, ...scenario })).counterexample).toBeNull();
  });

  test.each(Object.entries(PURGING))("refutes %s", (name, scheme) => {
    refute(name, explore(createPurgingModel(scheme, PURGING_SCENARIO)));
  });

  test("does not refute what is merely unusual", () => {
    // without failovers, newer data under an older vector do no harm
    const newerData = new ProtocolModel(TO_BREAK, { ...DESIGN, loads: "data" });
    expect(explore(newerData)).toMatchObject(WITHSTOOD);
    const faultless = createPurgingModel({ cache: "shared", purge: "move number", faults: 0 }, PURGING_SCENARIO);
    expect(explore(faultless)).toMatchObject(WITHSTOOD);
  });

  test.each<[string, Partial<Protocol>, Partial<Scenario>]>([
    // tags that an answer is kept under, and that were read one after the other, were there together in between
    ["a vector of two snapshots", { vectors: "fixed scopes, then followed ones" }, { failovers: 1 }],
    // whoever still looks for a revision that has moved since it was read has been waiting since before the load
    ["fixed scopes as they were read first", { loads: "data and followed revisions" }, {}],
  ])("does not refute what looks wrong: %s", (_, does, more) => {
    const scenario = { ...OUTDATED, writers: [{ commits: 2, changes: [principal, group] }], ...more };
    expect(explore(new ProtocolModel(scenario, { ...DESIGN, ...does }))).toMatchObject(WITHSTOOD);
  });
});

const WITHSTOOD = { complete: true, counterexample: null };

function explore<State>(model: Model<State>): Result {
  return check(model, MOST_STATES);
}

function refute(name: string, { counterexample, states }: Result): void {
  expect(counterexample).not.toBeNull();
  const steps = counterexample?.map((step, index) => `  ${index + 1}. ${step}`) ?? [];
  console.log(`mutant killed: ${name} (${states} states)\n${steps.join("\n")}`);
}
