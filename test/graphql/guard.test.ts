import { GraphQLError } from "graphql";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RevisionUnavailableError } from "../../src/decisions/decide-many.js";
import { InvalidInputError, NotFoundError } from "../../src/domain/errors.js";
import { createContext } from "../../src/graphql/context.js";
import { ERROR_CODES, maskError, toGraphQLError } from "../../src/graphql/errors.js";
import { buildSchema } from "../../src/graphql/schema.js";
import { openDatabase } from "../../src/store/prisma-client.js";
import { UnavailableError } from "../../src/store/store-errors.js";
import { type Fixture, openFixture, requests } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture?.close());

describe("a request that nobody signed", () => {
  const roots = [buildSchema().getQueryType(), buildSchema().getMutationType()].flatMap((type) => (type ? [type] : []));
  const fields = roots.flatMap((type) =>
    Object.values(type.getFields()).map((field) => [`${type.name}.${field.name}`, field] as const),
  );

  it.each(fields)("is refused by %s before anything is read", async (_name, field) => {
    const services = new Proxy({} as Fixture["services"], {
      get: () => {
        throw new Error("touched");
      },
    });
    const context = { ...createContext(fixture.services, null, "request-1"), services };
    const call = () => field.resolve?.(undefined, {}, context, {} as never);
    expect(call).toThrow(expect.objectContaining({ extensions: { code: "UNAUTHENTICATED", requestId: "request-1" } }));
  });

  it("gets no data", async () => {
    const { data, errors, statements } = await fixture.run("{ accounts { totalCount } }", {}, null);
    expect(data).toBeNull();
    expect(errors[0]?.extensions["code"]).toBe("UNAUTHENTICATED");
    expect(statements).toEqual([]);
  });
});

describe("errors", () => {
  it.each([
    [new InvalidInputError("`x` is bad", "/x"), "BAD_USER_INPUT", "`x` is bad"],
    [new NotFoundError("`x` does not exist"), "NOT_FOUND", "`x` does not exist"],
    [new RevisionUnavailableError("the database is behind"), "REVISION_UNAVAILABLE", "the database is behind"],
    [new UnavailableError("db.internal:5432 refused"), "UNAVAILABLE", "the gateway cannot answer now, retry later"],
    [
      Object.assign(new Error("connect"), { code: "ECONNREFUSED" }),
      "UNAVAILABLE",
      "the gateway cannot answer now, retry later",
    ],
    [new Error("secret"), "INTERNAL_SERVER_ERROR", "internal error, report request id `r`"],
    ["a string", "INTERNAL_SERVER_ERROR", "internal error, report request id `r`"],
    [new GraphQLError("secret"), "INTERNAL_SERVER_ERROR", "internal error, report request id `r`"],
  ])("%s", (error, code, message) => {
    const shown = toGraphQLError(error, "r");
    expect(shown.message).toBe(message);
    expect(shown.extensions["code"]).toBe(code);
    expect(Object.keys(ERROR_CODES)).toContain(code);
    expect(JSON.stringify(shown)).not.toMatch(/secret|5432|ECONN/);
  });

  it("that leave hold no cause, which is logged", () => {
    const cause = new Error("secret");
    const log = { error: vi.fn() };
    const masked = maskError(toGraphQLError(cause, "r"), log) as GraphQLError;
    expect(masked).toMatchObject({
      message: "internal error, report request id `r`",
      extensions: { code: "INTERNAL_SERVER_ERROR" },
    });
    expect(masked.originalError).toBeUndefined();
    expect(log.error).toHaveBeenCalledWith({ err: cause, requestId: "r" }, expect.any(String));
  });

  it("of the caller are not logged", () => {
    const log = { error: vi.fn() };
    expect(maskError(toGraphQLError(new NotFoundError("`x` does not exist"), "r"), log).message).toBe(
      "`x` does not exist",
    );
    expect(log.error).not.toHaveBeenCalled();
  });

  it.each([
    new TypeError("secret"),
    new GraphQLError("secret"),
    "secret",
    new GraphQLError("secret", { originalError: new Error("secret") }),
  ])("of unknown origin are masked: %s", (error) => {
    const log = { error: vi.fn() };
    const masked = maskError(error, log) as GraphQLError;
    expect(masked).toMatchObject({ message: "internal error", extensions: { code: "INTERNAL_SERVER_ERROR" } });
    expect(log.error).toHaveBeenCalledOnce();
  });

  it("of an argument that has no value at run time are the caller's", async () => {
    const { errors } = await fixture.run('query ($arn: Arn = "x") { principal(arn: $arn) { arn } }', { arn: null });
    expect(errors).toHaveLength(1);
    const log = { error: vi.fn() };
    for (const error of errors) {
      expect((maskError(error, log) as GraphQLError).extensions["code"]).toBe("BAD_USER_INPUT");
    }
  });

  it("of a database that is away are UNAVAILABLE", async () => {
    const db = openDatabase("postgresql://postgres@127.0.0.1:1/nobody", 1);
    const { run } = requests({ ...fixture.services, db });
    for (const document of ["{ accounts { totalCount } }", '{ policy(arn: "acs:ram::1:policy/x") { arn } }']) {
      const { errors } = await run(document);
      expect(errors.map(({ extensions }) => extensions["code"])).toEqual(["UNAVAILABLE"]);
      expect(JSON.stringify(errors)).not.toMatch(/prisma|pool|127/i);
    }
  });
});

describe("scalars", () => {
  const AT =
    'query ($at: DateTime!) { checkAccess(input: { principal: "acs:ram::1:user/x", action: "kms:Decrypt", resource: "*", context: { currentTime: $at } }) { outcome } }';

  it.each([
    "2030-02-30T00:00:00Z",
    "2030-01-01",
    "2030-01-01T00:00:00",
    "2030-13-01T00:00:00Z",
    "2030-01-01T24:00:00Z",
    "1",
    "tomorrow",
    5,
    "2030-01-01T00:00:60Z",
  ])("DateTime refuses %s", async (at) => {
    const { errors } = await fixture.run(AT, { at });
    expect(errors).toHaveLength(1);
    expect(errors[0]?.extensions["code"]).toBe("BAD_USER_INPUT");
  });

  it.each(["2030-01-01T00:00:00Z", "2028-02-29T23:59:59.123456+08:00", "2030-01-01t00:00:00z"])(
    "DateTime takes %s",
    async (at) => {
      expect(await fixture.fail(AT, { at })).toMatchObject({ code: "NOT_FOUND" });
    },
  );
});
