import { afterEach, describe, expect, test } from "vitest";
import type { Caller } from "../../src/domain/caller.js";
import type { createGraphQLListener } from "../../src/server/graphql-listener.js";
import { unavailable } from "../../src/server/refusal.js";
import { type Listener, startListener } from "../support/listener.js";
import { type Mutation, reportKilled } from "../support/mutation.js";

const CALLER: Caller = { kind: "OPERATOR", credentialId: "test" };

let listener: Listener | null = null;
afterEach(async () => {
  await listener?.close();
  listener = null;
});

interface SignIn {
  /** What the listener believes; default: that the key still is the caller's. */
  readonly believed?: Caller | null;
  /** Whose the key is, as soon as `confirm` is called. */
  readonly holder: Caller | null | Error;
  readonly counted?: string[];
  readonly create?: typeof createGraphQLListener;
}

/** A listener that learns whose the key is when it is told. */
async function start({ believed = CALLER, holder, counted = [], create }: SignIn) {
  let confirm: () => void = () => {};
  const confirmed = new Promise<void>((resolve) => {
    confirm = resolve;
  });
  const authenticate = async () => {
    await confirmed;
    if (holder instanceof Error) throw holder;
    return holder;
  };
  const countKnown = async (credential: string) => void counted.push(credential);
  listener = await startListener({}, { authenticate, believe: () => believed, countKnown }, create);
  return { ...listener, confirm: () => confirm() };
}

/** What is there of an answer by now. */
async function peek(answer: Promise<Response>): Promise<Response | null> {
  return Promise.race([answer, new Promise<null>((resolve) => setTimeout(() => resolve(null), 100))]);
}

const LEAF = { query: "{ leaf }" };

describe("a sender who is believed", () => {
  test("has the answer begun at once and gets it when it is known who sent it", async () => {
    const { post, confirm, calls } = await start({ holder: CALLER });
    const answer = post(LEAF);
    expect(await peek(answer)).toBeNull();
    expect(calls()).toBe(1);
    confirm();
    expect(await (await answer).json()).toEqual({ data: { leaf: 1 } });
    expect(calls()).toBe(1);
  });

  test("and holds the key no more gets nothing of the answer", async () => {
    const { post, confirm, calls } = await start({ holder: null });
    const answer = post(LEAF);
    expect(await peek(answer)).toBeNull();
    confirm();
    const response = await answer;
    expect([response.status, calls()]).toEqual([401, 1]);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: "UNAUTHENTICATED" } }] });
  });

  test("changes nothing before it is known who sent it, and nothing at all where it is somebody else", async () => {
    const { post, confirm, changes } = await start({ holder: null });
    const answer = post({ query: "mutation { change }" });
    expect(await peek(answer)).toBeNull();
    expect(changes()).toBe(0);
    confirm();
    expect((await answer).status).toBe(401);
    expect(changes()).toBe(0);
  });

  test("changes once where it is he", async () => {
    const { post, confirm, changes } = await start({ holder: CALLER });
    const answer = post({ query: "mutation { change }" });
    confirm();
    expect(await (await answer).json()).toEqual({ data: { change: 1 } });
    expect(changes()).toBe(1);
  });

  test("is asked again for the one whose the key has become, with the same body", async () => {
    const counted: string[] = [];
    const { post, confirm, calls } = await start({ holder: { ...CALLER, credentialId: "new" }, counted });
    const answer = post(LEAF);
    expect(await peek(answer)).toBeNull();
    confirm();
    expect(await (await answer).json()).toEqual({ data: { leaf: 1 } });
    expect([calls(), counted]).toEqual([2, ["test", "new"]]);
  });

  test("is told when nobody can say whose the key is", async () => {
    const { post, confirm } = await start({ holder: unavailable("not now") });
    const answer = post(LEAF);
    confirm();
    const response = await answer;
    expect(response.status).toBe(503);
    expect(await response.json()).not.toHaveProperty("data");
  });
});

describe("a listener that is broken is found out", () => {
  const MUTANTS: (Mutation & { readonly sees: (create: typeof createGraphQLListener) => Promise<unknown> })[] = [
    {
      name: "who is believed gets the answer, whoever it is",
      file: "server/graphql-listener.ts",
      find: "if (early !== null && caller === believed) return early",
      replace: "if (early !== null) return early",
      async sees(create) {
        const { post, confirm } = await start({ holder: null, create });
        const answer = post(LEAF);
        await peek(answer);
        confirm();
        return (await answer).status;
      },
    },
    {
      name: "changes are made before it is known who sent them",
      file: "server/operations.ts",
      find: 'if (operation.operation !== "query") await sender.signedIn;',
      replace: "",
      async sees(create) {
        const { post, changes } = await start({ holder: null, create });
        const answer = post({ query: "mutation { change }" });
        await peek(answer);
        answer.catch(() => {});
        return changes();
      },
    },
  ];

  test.each(MUTANTS)("$name", async ({ sees, ...mutation }) => {
    const query = Buffer.from(JSON.stringify(mutation)).toString("base64url");
    const { createGraphQLListener: right } = await import("../../src/server/graphql-listener.js");
    const broken = await import(/* @vite-ignore */ `../../src/server/graphql-listener.js?mutant=${query}`);
    const seen = await sees(right);
    await listener?.close();
    expect(await sees(broken.createGraphQLListener)).not.toBe(seen);
    reportKilled(mutation.name);
  });
});
