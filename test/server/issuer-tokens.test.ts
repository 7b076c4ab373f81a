import { sign } from "node:crypto";
import { isObjectType } from "graphql";
import { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createAccount } from "../../src/administration/create-account.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createRole } from "../../src/administration/create-role.js";
import { createUser } from "../../src/administration/create-user.js";
import { deleteUser } from "../../src/administration/delete-user.js";
import { updateUser } from "../../src/administration/update-user.js";
import { buildSchema } from "../../src/graphql/schema.js";
import { AuditFeed } from "../../src/store/audit-feed.js";
import type { Authenticator } from "../../src/store/authenticator.js";
import type { OidcSettings } from "../../src/store/oidc-tokens.js";
import { ACCOUNT, arn, changesOf, TRUST, useAdministration } from "../administration/setup.js";
import { brokenSignIn, SIGN_IN, type SignIn } from "../support/authenticator.js";
import { hmac, type Issuer, issuerKey, publicJwk, startIssuer, tokenOf } from "../support/issuer.js";
import { type Listener, startListener } from "../support/listener.js";
import { type Mutation, reportKilled } from "../support/mutation.js";

const ISSUER = "https://id.example.com";
const ED = issuerKey("ed1", "EdDSA");
const ES = issuerKey("es1", "ES256");
const RS = issuerKey("rs1", "RS256");
/** Nobody's. */
const FORGER = issuerKey("ed1", "EdDSA");

const seconds = (ahead = 0) => Math.floor(Date.now() / 1_000) + ahead;
const header = (more: object = {}) => ({ alg: "EdDSA", kid: "ed1", typ: "at+jwt", ...more });
const claims = (more: object = {}) => ({
  ...{ iss: ISSUER, aud: "ramgate", sub: "ann", iat: seconds(), exp: seconds(300) },
  ...more,
});
/** Without one of the claims. */
const without = (name: string) => Object.fromEntries(Object.entries(claims()).filter(([key]) => key !== name));
const text = (value: object) => JSON.stringify(value);
const pem = (key = RS) => key.publicKey.export({ type: "spki", format: "pem" }) as string;
const good = () => tokenOf(header(), claims(), ED);
const parts = () => good().split(".") as [string, string, string];

const signed = (more: object) => tokenOf(header(), claims(more), ED);
const headed = (more: object, by = ED) => tokenOf(header(more), claims(), by);

/** Tokens that must sign nobody in, made when they are asked for, since they hold the time. */
const FORGED: Readonly<Record<string, () => string>> = {
  "alg none without a signature": () => `${tokenOf(header({ alg: "none" }), claims(), () => Buffer.alloc(0))}`,
  "alg none with a signature": () => headed({ alg: "none" }),
  "alg nOnE": () => headed({ alg: "nOnE" }),
  "no alg": () => headed({ alg: undefined }),
  "alg that is a list": () => headed({ alg: ["EdDSA"] }),
  "the public key as a shared secret, in PEM": () =>
    tokenOf(header({ alg: "HS256", kid: "rs1" }), claims(), hmac(pem())),
  "the public key as a shared secret, without its last line break": () =>
    tokenOf(header({ alg: "HS256", kid: "rs1" }), claims(), hmac(pem().trim())),
  "the public key as a shared secret, as a JWK": () =>
    tokenOf(header({ alg: "HS256", kid: "rs1" }), claims(), hmac(text(publicJwk(RS)))),
  "the public key as a shared secret, raw": () =>
    tokenOf(header({ alg: "HS256" }), claims(), hmac(Buffer.from((publicJwk(ED) as { x: string }).x, "base64url"))),
  "the public key as a shared secret, with HS512": () =>
    tokenOf(header({ alg: "HS512", kid: "rs1" }), claims(), hmac(pem(), "sha512")),
  "an empty shared secret": () => tokenOf(header({ alg: "HS256" }), claims(), hmac("")),
  "RS512, which is not among the algorithms": () =>
    tokenOf(header({ alg: "RS512", kid: "rs1" }), claims(), (it) => sign("sha512", Buffer.from(it), RS.privateKey)),
  "PS256, which is not among the algorithms": () =>
    tokenOf(header({ alg: "PS256", kid: "rs1" }), claims(), (it) =>
      sign("sha256", Buffer.from(it), { key: RS.privateKey, padding: 6, saltLength: 32 }),
    ),
  "Ed25519, which is not among the algorithms by this name": () => headed({ alg: "Ed25519" }),
  "RS256 for a key of another type": () => headed({ alg: "RS256" }, RS),
  "ES256 for a key of another type": () => headed({ alg: "ES256" }),
  "the id of another key": () => headed({ kid: "rs1" }),
  "an unknown key": () => headed({ kid: "ed9" }),
  "a key id that is a path": () => headed({ kid: "../../../../dev/null" }, FORGER),
  "a key id that is SQL": () => headed({ kid: "x' UNION SELECT 'secret" }, FORGER),
  "a key id that is an address": () => headed({ kid: "http://127.0.0.1:1/keys" }, FORGER),
  "a key id that is a number": () => headed({ kid: 1 }),
  "a key id that is null": () => headed({ kid: null }),
  "a key id that is a list": () => headed({ kid: ["ed1"] }),
  "jku of a forger": () => headed({ jku: "http://127.0.0.1:1/keys" }, FORGER),
  "jku, of the issuer itself": () => headed({ jku: issuer.url.href }),
  "jwk of a forger": () => headed({ jwk: publicJwk(FORGER), kid: undefined }, FORGER),
  "jwk, with the right key": () => headed({ jwk: publicJwk(ED) }),
  "x5u of a forger": () => headed({ x5u: "http://127.0.0.1:1/chain" }, FORGER),
  "x5c of a forger": () => headed({ x5c: ["MIIB"] }, FORGER),
  "a right key id, signed by a forger": () => headed({}, FORGER),
  "no key id, signed by a forger": () => headed({ kid: undefined }, FORGER),
  "another issuer": () => signed({ iss: "https://evil.example.com" }),
  "an issuer that only starts right": () => signed({ iss: `${ISSUER}/` }),
  "an issuer in another case": () => signed({ iss: ISSUER.toUpperCase() }),
  "an issuer that is a list": () => signed({ iss: [ISSUER] }),
  "no issuer": () => tokenOf(header(), without("iss"), ED),
  "another audience": () => signed({ aud: "billing" }),
  "an audience that only starts right": () => signed({ aud: "ramgate-staging" }),
  "an audience that is a number": () => signed({ aud: 1 }),
  "an empty audience": () => signed({ aud: [] }),
  "an audience in a list of lists": () => signed({ aud: [["ramgate"]] }),
  "no audience": () => tokenOf(header(), without("aud"), ED),
  "another type": () => headed({ typ: "JWT" }),
  "the type in another case": () => headed({ typ: "AT+JWT" }),
  "the type in full": () => headed({ typ: "application/at+jwt" }),
  "no type": () => headed({ typ: undefined }),
  expired: () => signed({ exp: seconds(-10) }),
  "an end that is a text": () => signed({ exp: String(seconds(300)) }),
  "an end that is never": () => tokenOf(header(), text(claims()).replace(/"exp":\d+/, '"exp":1e999'), ED),
  "no end": () => tokenOf(header(), without("exp"), ED),
  "not yet valid": () => signed({ nbf: seconds(60) }),
  "a beginning that is a text": () => signed({ nbf: "0" }),
  "too old, whatever its end": () => signed({ iat: seconds(-1_000), exp: seconds(86_400) }),
  "issued in the future": () => signed({ iat: seconds(60) }),
  "an issue that is a text": () => signed({ iat: String(seconds()) }),
  "no issue": () => tokenOf(header(), without("iat"), ED),
  "a critical header that nobody knows": () => headed({ crit: ["rules"], rules: 1 }),
  "a critical header that is known": () => headed({ crit: ["exp"], exp: seconds(300) }),
  "a payload that is not encoded": () => headed({ crit: ["b64"], b64: false }),
  "a compressed payload": () => headed({ zip: "DEF" }),
  "a claim twice": () => tokenOf(header(), text(claims()).replace("{", '{"sub":"bob",'), ED),
  "a claim twice, once in other letters": () =>
    tokenOf(header(), text(claims()).replace("{", '{"s\\u0075b":"bob",'), ED),
  "a header twice": () => tokenOf(text(header()).replace("{", '{"alg":"none",'), claims(), ED),
  "no signature": () => parts().slice(0, 2).join("."),
  "an empty signature": () => `${parts().slice(0, 2).join(".")}.`,
  "half a signature": () => good().slice(0, -43),
  "a signature with a byte too many": () => `${good()}AA`,
  "a signature of zeros": () => tokenOf(header({ alg: "ES256", kid: "es1" }), claims(), () => Buffer.alloc(64)),
  "an ES256 signature in DER": () =>
    tokenOf(header({ alg: "ES256", kid: "es1" }), claims(), (it) => sign("sha256", Buffer.from(it), ES.privateKey)),
  "another payload under the signature": () =>
    parts()
      .with(1, tokenOf({}, claims({ sub: "bob" }), ED).split(".")[1] ?? "")
      .join("."),
  "another header under the signature": () =>
    parts()
      .with(0, tokenOf(header({ x: 1 }), {}, ED).split(".")[0] ?? "")
      .join("."),
  "four parts": () => `${good()}.AAAA`,
  "five parts, as if encrypted": () => `${good()}.AAAA.AAAA`,
  padding: () => `${good()}=`,
  "a payload that is no JSON": () => tokenOf(header(), "sub=ann", ED),
  "a payload that is a list": () => tokenOf(header(), [claims()], ED),
  "a payload with text behind it": () => tokenOf(header(), `${text(claims())}{}`, ED),
  "a payload that is nested without end": () => tokenOf(header(), `{"a":${"[".repeat(3_000)}`, ED),
  "a header that is a text": () => tokenOf('"EdDSA"', claims(), ED),
  "a header behind a byte order mark": () => tokenOf(`\ufeff${text(header())}`, claims(), ED),
  "more than 8 KiB": () => signed({ pad: "x".repeat(6_200) }),
  "a subject that is a number": () => signed({ sub: 1 }),
  "a subject that is an object": () => signed({ sub: { toString: "ann" } }),
  "a subject that is a list": () => signed({ sub: ["ann"] }),
  "a subject that is null": () => signed({ sub: null }),
  "an empty subject": () => signed({ sub: "" }),
  "no subject": () => tokenOf(header(), without("sub"), ED),
  "a subject with a path": () => signed({ sub: "ann/../bob" }),
  "a subject with a pattern": () => signed({ sub: "*" }),
  "a subject that is an arn": () => signed({ sub: arn.user("ann") }),
  "a subject behind a space": () => signed({ sub: " ann" }),
  "a subject with a NUL": () => signed({ sub: "ann\0" }),
  "a subject that does not exist": () => signed({ sub: "nobody" }),
  "an inherited subject": () => signed({ sub: "__proto__" }),
};

const context = useAdministration("issuer_tokens");
const { done } = changesOf(context);
let issuer: Issuer;
let pool: Pool;
let now: number;
let listener: Listener;
let authenticate: Authenticator;
let resolved = 0;
/** Statements that look principals up. */
let lookups = 0;

function settings(more: Partial<OidcSettings> = {}): OidcSettings {
  return {
    ...{ jwksUrl: issuer.url, issuer: ISSUER, audience: "ramgate", tokenType: "at+jwt" },
    ...{ algorithms: ["EdDSA", "ES256", "RS256"], maxAge: 900, clockTolerance: 5 },
    principal: `acs:ram::${ACCOUNT}:user/{sub}`,
    ...more,
  };
}

function authenticator(more: Partial<OidcSettings> = {}, signIn: SignIn = SIGN_IN): Authenticator {
  const clocks = { monotonic: () => now, wall: () => now };
  const tokens = signIn.createTokenVerifier(settings(more), clocks);
  return signIn.createAuthenticator(pool, signIn.createRevisionReader(pool), { tokens });
}

beforeAll(async () => {
  await done(createAccount, { account: ACCOUNT });
  for (const name of ["ann", "bob"]) await done(createUser, { account: ACCOUNT, name });
  await done(createGroup, { account: ACCOUNT, name: "ops" });
  await done(createRole, { account: ACCOUNT, name: "ann", trustPolicy: TRUST });
  issuer = await startIssuer([ED, ES, RS]);
  pool = new Pool({ connectionString: context.url, max: 2 });
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  pool.query = ((...args: [{ name?: string }]) => {
    if (args[0].name === "ramgate-find-principal") lookups += 1;
    return query(...args);
  }) as typeof pool.query;
  countResolvers();
  const { administration } = context;
  const decisions = { decideMany: () => Promise.reject(new Error("nobody asks")) };
  const accountQuestions = { whoCan: decisions.decideMany, whatCan: decisions.decideMany };
  const { db } = administration;
  const services = { db, decisions, accountQuestions, administration, auditFeed: new AuditFeed(db) };
  const current = (token: string) => authenticate(token);
  listener = await startListener({}, { schema: buildSchema(), services, authenticate: current });
});
afterAll(async () => {
  await listener?.close();
  await issuer?.close();
  await pool?.end();
});
beforeEach(() => {
  now = 1_000_000;
  issuer.asked = 0;
  issuer.status = 200;
  issuer.keys = [ED, ES, RS];
  authenticate = authenticator();
  resolved = 0;
  lookups = 0;
});

function countResolvers(): void {
  for (const type of Object.values(buildSchema().getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith("__")) continue;
    for (const field of Object.values(type.getFields())) {
      const { resolve } = field;
      field.resolve = (...args) => {
        resolved += 1;
        return resolve?.(...args);
      };
    }
  }
}

async function ask(token: string) {
  const response = await fetch(listener.url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: '{"query":"{ viewer { kind principal { arn } credential { id type apiKey { id } } } }"}',
  });
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what its own document selected
  return { status: response.status, body: (await response.json()) as any };
}

describe("a token of the issuer", () => {
  test.each([
    ["EdDSA", () => good()],
    ["ES256", () => tokenOf(header({ alg: "ES256", kid: "es1" }), claims(), ES)],
    ["RS256", () => tokenOf(header({ alg: "RS256", kid: "rs1" }), claims(), RS)],
    ["no key id, since one key fits", () => tokenOf(header({ kid: undefined }), claims(), ED)],
    ["several audiences", () => signed({ aud: ["billing", "ramgate"] })],
    ["clocks that are apart a little", () => signed({ iat: seconds(3), nbf: seconds(3) })],
    ["an end that has just passed, by clocks that are apart a little", () => signed({ exp: seconds(-2) })],
    ["the name in another case", () => signed({ sub: "ANN" })],
    ["almost 8 KiB", () => signed({ pad: "x".repeat(5_700) })],
  ])("signs its principal in: %s", async (_name, make) => {
    const token = make();
    const { status, body } = await ask(token);
    expect(status).toBe(200);
    expect(body.data.viewer).toEqual({
      ...{ kind: "PRINCIPAL", principal: { arn: arn.user("ann") } },
      credential: { id: expect.stringMatching(/^[0-9a-f]{32}$/), type: "OIDC_TOKEN", apiKey: null },
    });
    expect(token.length).toBeLessThanOrEqual(8_192);
  });

  test("may name the whole ARN, of a user, a role or an account owner", async () => {
    const broad = authenticator({ principal: "{ramgate/principal}" });
    const holder = async (principal: unknown) => (await broad(signed({ "ramgate/principal": principal }))) as object;
    for (const name of [arn.user("ann"), arn.role("ann"), `acs:ram::${ACCOUNT}:root`]) {
      expect(await holder(name)).toMatchObject({ principalArn: name });
    }
    for (const name of [arn.group("ops"), `acs:ram::${ACCOUNT}:assumed-role/ann/s1`, "ann", arn.user("*"), 1]) {
      expect(await holder(name)).toBeNull();
    }
  });

  test("means nothing where no issuer is configured", async () => {
    const plain = SIGN_IN.createAuthenticator(pool, SIGN_IN.createRevisionReader(pool));
    expect(await plain(good())).toBeNull();
  });

  test("is good for its principal as long as that exists, and looked up once", async () => {
    const token = signed({ sub: "cid" });
    expect(await authenticate(token)).toBeNull();
    await done(createUser, { account: ACCOUNT, name: "cid" });
    lookups = 0;
    for (let round = 0; round < 5; round += 1)
      expect(await authenticate(token)).toMatchObject({ principalArn: arn.user("cid") });
    expect(lookups).toBe(1);
    await done(updateUser, { user: arn.user("cid"), newName: "Cyd" });
    expect(await authenticate(token)).toBeNull();
    expect(await authenticate(signed({ sub: "cyd" }))).toMatchObject({ principalArn: arn.user("Cyd") });
    await done(deleteUser, { user: arn.user("cyd") });
    expect(await authenticate(signed({ sub: "cyd" }))).toBeNull();
  });
});

describe("a forged token", () => {
  const names = Object.keys(FORGED);

  test("is one of at least 40 that are tried", () => expect(names.length).toBeGreaterThanOrEqual(40));

  test.each(names)("is refused before anything is resolved: %s", async (name) => {
    const { status, body } = await ask(FORGED[name]?.() ?? "");
    expect(status).toBe(401);
    expect(body.errors[0].extensions.code).toBe("UNAUTHENTICATED");
    expect(body.data ?? null).toBeNull();
    expect(resolved).toBe(0);
    expect(issuer.asked).toBeLessThanOrEqual(1);
  });

  test("costs the issuer one request in 30 seconds, with all others together", async () => {
    const all = () => Promise.all(names.map((name) => ask(FORGED[name]?.() ?? "")));
    for (const answer of await all()) expect(answer.status).toBe(401);
    now += 29_999;
    await all();
    expect({ asked: issuer.asked, resolved }).toEqual({ asked: 1, resolved: 0 });
    now += 1;
    await all();
    expect(issuer.asked).toBe(2);
  });

  test("of more than 8 KiB is not even looked at", async () => {
    const token = FORGED["more than 8 KiB"]?.() ?? "";
    expect(token.length).toBeGreaterThan(8_192);
    expect(await authenticate(token)).toBeNull();
    expect(issuer.asked).toBe(0);
  });
});

describe("the issuer", () => {
  const NEXT = issuerKey("ed2", "EdDSA");
  const next = () => headed({ kid: "ed2" }, NEXT);

  test("may take a new key, which is fetched when it is met, and withdraw one", async () => {
    expect(await authenticate(good())).not.toBeNull();
    issuer.keys = [ED, NEXT];
    now += 10_000;
    expect(await authenticate(next())).toBeNull();
    now += 20_000;
    expect(await authenticate(next())).not.toBeNull();
    expect(issuer.asked).toBe(2);
    issuer.keys = [NEXT];
    expect(await authenticate(good())).not.toBeNull();
    now += 300_000;
    expect(await authenticate(good())).toBeNull();
    expect(await authenticate(next())).not.toBeNull();
    expect(issuer.asked).toBe(3);
  });

  test("is asked once by all that wait for its keys", async () => {
    const told = await Promise.all(Array.from({ length: 100 }, () => authenticate(good())));
    expect(told.filter((caller) => caller === null)).toEqual([]);
    expect(issuer.asked).toBe(1);
  });

  test("that does not answer is asked no more often, and what is known stays good for a while", async () => {
    expect(await authenticate(good())).not.toBeNull();
    issuer.status = 500;
    for (let minute = 0; minute < 14; minute += 1) {
      now += 60_000;
      expect(await authenticate(good())).not.toBeNull();
    }
    expect(issuer.asked).toBe(1 + 10);
    now += 60_000;
    expect((await ask(good())).status).toBe(503);
    issuer.status = 200;
    now += 30_000;
    expect((await ask(good())).status).toBe(200);
  });

  test("that redirects, or answers with something else, is not believed", async () => {
    issuer.status = 302;
    expect((await ask(good())).body.errors[0].extensions.code).toBe("UNAVAILABLE");
    expect(issuer.asked).toBe(1);
    expect(resolved).toBe(0);
  });
});

describe("a check that is missing is found out", () => {
  const file = "store/oidc-tokens.ts";
  const MUTANTS: (Mutation & { readonly accepts: string })[] = [
    {
      ...{ name: "the type is not looked at", file, find: "tokenType !== null && typ !== tokenType", replace: "false" },
      accepts: "another type",
    },
    {
      ...{
        name: "the audience is not looked at",
        file,
        find: "{ issuer, audience, algorithms,",
        replace: "{ issuer, algorithms,",
      },
      accepts: "another audience",
    },
    {
      ...{ name: "tokens may be of any age", file, find: "maxTokenAge: maxAge, ", replace: "" },
      accepts: "too old, whatever its end",
    },
    {
      ...{ name: "tokens need no end", file, find: 'requiredClaims: ["exp", "iat"]', replace: "" },
      accepts: "no end",
    },
    {
      ...{ name: "claims may come twice", file, find: "members.size === node.members.length ? members : null" },
      ...{ replace: "members", accepts: "a claim twice" },
    },
    {
      ...{ name: "a token may say where its key is", file, find: "REFUSED_HEADERS.some((name) => header.has(name))" },
      ...{ replace: "false", accepts: "jku, of the issuer itself" },
    },
    {
      ...{ name: "nothing is signed", file, find: "await jwtVerify(token, keys, rules)" },
      replace: '{ payload: JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as JWTPayload }',
      accepts: "a right key id, signed by a forger",
    },
  ];

  test.each(MUTANTS)("$name", async ({ accepts, ...mutation }) => {
    expect(await authenticate(FORGED[accepts]?.() ?? "")).toBeNull();
    const broken = authenticator({}, await brokenSignIn(mutation));
    expect(await broken(FORGED[accepts]?.() ?? "")).not.toBeNull();
    reportKilled(mutation.name);
  });

  test("the issuer is asked for each unknown key", async () => {
    const name = "no cool-down";
    const cooldown = "now - triedAt < REFETCH_COOLDOWN_MS";
    const broken = authenticator(
      {},
      await brokenSignIn({ name, file: "store/issuer-keys.ts", find: cooldown, replace: "false" }),
    );
    for (let round = 0; round < 3; round += 1) await broken(FORGED["an unknown key"]?.() ?? "");
    expect(issuer.asked).toBeGreaterThan(1);
    reportKilled(name);
  });
});
