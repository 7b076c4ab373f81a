import {
  ACCOUNT,
  type Account,
  type Attachment,
  DOCUMENTS,
  GLOB,
  GROUP,
  HOLDERS,
  type Holder,
  KEYS,
  keyScope,
  POLICIES,
  policyScope,
  principalScope,
  START,
  USERS,
} from "./account.js";
import type { Dice } from "./dice.js";

/** A state and the scopes that the triggers move on the way to it. */
export interface Change {
  readonly name: string;
  readonly account: Account;
  readonly moves: readonly string[];
}

/** Where a simulation begins. */
export function firstAccount(newTag: () => string): Account {
  const own = [...USERS.map(principalScope), ...KEYS.map(keyScope), ...POLICIES.map(policyScope)];
  const scopes = [...new Set([GLOB, ACCOUNT, GROUP, ...own])];
  return {
    attachments: [
      { holder: "ann", policy: "one", notBefore: null, expiresAt: START + 100 },
      { holder: "ops", policy: "two", notBefore: START + 150, expiresAt: null },
    ],
    members: ["ann", "bob"],
    documents: { one: 2, two: 0, own: 1 },
    keys: { k1: { state: "ENABLED", project: "Apollo" }, k2: { state: "ENABLED", project: null } },
    revisions: new Map(scopes.map((scope) => [scope, { rev: 1, tag: newTag() }])),
  };
}

/** Anything that may be done to an account; one that alters nothing moves its scope all the same. */
export function anyChange(dice: Dice, account: Account, now: number): Change {
  const change = dice.pick([attach, attach, detach, detach, moveToGroup, rewrite, rewrite, join, tag, setState]);
  return change(dice, account, now);
}

export function applyChange({ account, moves }: Change, newTag: () => string): Account {
  const revisions = new Map(account.revisions);
  for (const scope of new Set(moves))
    revisions.set(scope, { rev: (revisions.get(scope)?.rev ?? 0) + 1, tag: newTag() });
  return { ...account, revisions };
}

const scopeOf = (holder: Holder): string => (holder === "ops" ? GROUP : principalScope(holder));

function attach(dice: Dice, account: Account, now: number): Change {
  const holder = dice.pick(HOLDERS);
  const soon = () => (dice.chance(0.5) ? now + dice.upTo(200) : null);
  const added: Attachment = { holder, policy: dice.pick(POLICIES), notBefore: soon(), expiresAt: soon() };
  const others = account.attachments.filter((other) => other.holder !== holder || other.policy !== added.policy);
  return {
    name: `attach ${added.policy} to ${holder}`,
    account: { ...account, attachments: [...others, added] },
    moves: [scopeOf(holder)],
  };
}

function detach(dice: Dice, account: Account): Change {
  const holder = dice.pick(HOLDERS);
  const attachments = account.attachments.filter((attachment) => attachment.holder !== holder);
  return { name: `detach all from ${holder}`, account: { ...account, attachments }, moves: [scopeOf(holder)] };
}

/** Two scopes in one transaction: there is no state in which both the user and the group have it. */
function moveToGroup(dice: Dice, account: Account): Change {
  const [from, to] = dice.chance(0.5) ? (["ann", "ops"] as const) : (["ops", "ann"] as const);
  const attachments = account.attachments.map((attachment) =>
    attachment.holder === from ? { ...attachment, holder: to } : attachment,
  );
  return {
    name: `move what ${from} has to ${to}`,
    account: { ...account, attachments },
    moves: [scopeOf(from), scopeOf(to)],
  };
}

function rewrite(dice: Dice, account: Account): Change {
  const policy = dice.pick(POLICIES);
  const documents = { ...account.documents, [policy]: dice.upTo(DOCUMENTS.length) };
  return {
    name: `rewrite ${policy} (${documents[policy]})`,
    account: { ...account, documents },
    moves: [policyScope(policy)],
  };
}

function join(dice: Dice, account: Account): Change {
  const user = dice.pick(USERS);
  const others = account.members.filter((member) => member !== user);
  const members = account.members.includes(user) ? others : [...others, user];
  return { name: `turn the membership of ${user}`, account: { ...account, members }, moves: [principalScope(user)] };
}

function tag(dice: Dice, account: Account): Change {
  const key = dice.pick(KEYS);
  const project = account.keys[key].project === null ? "Apollo" : null;
  const keys = { ...account.keys, [key]: { ...account.keys[key], project } };
  return { name: `tag ${key} with ${project}`, account: { ...account, keys }, moves: [keyScope(key)] };
}

function setState(dice: Dice, account: Account): Change {
  const key = dice.pick(KEYS);
  const state = account.keys[key].state === "ENABLED" ? "DISABLED" : "ENABLED";
  const keys = { ...account.keys, [key]: { ...account.keys[key], state } } as Account["keys"];
  return { name: `${key} is ${state}`, account: { ...account, keys }, moves: [keyScope(key)] };
}
