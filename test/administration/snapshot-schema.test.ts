import { readFile } from "node:fs/promises";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSnapshot } from "../../src/administration/import/read-snapshot.js";
import { snapshotJsonSchema } from "../../src/administration/import/snapshot-schema.js";

const read = async (file: string) => JSON.parse(await readFile(new URL(`../../${file}`, import.meta.url), "utf8"));
const schema = await read("docs/account-snapshot.schema.json");
const demo = await read("examples/demo-account.json");
// formats are annotations in draft 2020-12; the pattern beside the format says the same
const validate = new Ajv2020({ validateFormats: false, allowUnionTypes: true }).compile(schema);

// biome-ignore lint/suspicious/noExplicitAny: walks any JSON Schema
type Any = any;

/** Every value below a schema's members, with where it is. */
function membersOf(node: Any, path = ""): [string, Any][] {
  if (typeof node !== "object" || node === null) return [];
  const own = Object.entries(node.properties ?? {}).map(([name, member]): [string, Any] => [`${path}/${name}`, member]);
  const inner = [...(node.anyOf ?? []), ...(node.items ? [node.items] : [])].flatMap((each) => membersOf(each, path));
  return [...own, ...own.flatMap(([at, member]) => membersOf(member, at)), ...inner];
}

describe("the published schema of snapshots", () => {
  test("is what the importer reads: run `npm run schema` after a change", () => {
    expect(schema).toEqual(snapshotJsonSchema());
    expect(schema).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $id: "account-snapshot.schema.json",
    });
  });

  test("describes every member and takes no other", () => {
    const members = membersOf(schema);
    expect(members.length).toBeGreaterThan(50);
    expect(members.filter(([, member]) => !member.description).map(([at]) => at)).toEqual([]);
    const objects = JSON.stringify(schema).match(/"properties":/g)?.length;
    expect(JSON.stringify(schema).match(/"additionalProperties":false/g)?.length).toBe(objects);
  });

  test("accepts the demo account", () => {
    validate(demo);
    expect(validate.errors).toBeNull();
  });

  /** Replaces or removes one value anywhere in the demo account. */
  const values = fc.constantFrom<unknown>(
    ...[
      null,
      undefined,
      0,
      1,
      -1,
      3.5,
      2 ** 31,
      true,
      "",
      "x",
      "a/b",
      "a\0",
      "\ud800",
      "v1",
      "v0",
      "ACCOUNT",
      "user/x",
    ],
    ...[
      "USER/x",
      "user/",
      "robot/x",
      "alias/",
      "alias/x",
      "cn-hangzhou",
      "cn hangzhou",
      "REGULAR",
      "é",
      "x".repeat(513),
    ],
    ...[
      "é".repeat(512),
      "𝒳".repeat(512),
      "𝒳".repeat(513),
      "2030-01-01T00:00:00Z",
      "2030-02-30T00:00:00Z",
      "2030-01-01",
    ],
    ...["2030-01-01T00:00:00+08:00", "2030-01-01T24:00:00Z", "123", "12345678901234567890123456789012345"],
    ...[[], {}, [1], ["a"], { a: "b" }, { a: 1 }, { "": "x" }, JSON.parse('{"__proto__":"x"}'), { extra: 1 }],
  );

  test("says the same as the importer of snapshots with something wrong", () => {
    const places = placesIn(demo);
    fc.assert(
      fc.property(fc.constantFrom(...places), values, (place, value) => {
        const snapshot = JSON.parse(JSON.stringify(demo));
        const parent = place.slice(0, -1).reduce((node: Any, step) => node[step], snapshot);
        const last = place.at(-1) ?? "";
        if (value === undefined) delete parent[last];
        else Object.defineProperty(parent, last, { value, enumerable: true, configurable: true, writable: true });
        const accepted = readSnapshot(snapshot).ok && documentsAreRead(snapshot);
        expect([validate(snapshot), place.join("/"), value]).toEqual([accepted, place.join("/"), value]);
      }),
      { numRuns: 5_000, seed: 3 },
    );
  });
});

/** The importer leaves documents to the policy parser, which takes objects and text. */
function documentsAreRead({ roles, policies }: Any): boolean {
  const documents = [
    ...(roles ?? []).map(({ trustPolicy }: Any) => trustPolicy),
    ...(policies ?? []).flatMap(({ versions }: Any) => versions.map(({ document }: Any) => document)),
  ];
  return documents.every((each) => typeof each === "string" || (typeof each === "object" && !Array.isArray(each)));
}

function placesIn(value: Any, path: readonly string[] = []): string[][] {
  if (typeof value !== "object" || value === null || path.includes("document") || path.includes("trustPolicy"))
    return [];
  const steps = [...Object.keys(value), ...(Array.isArray(value) ? [] : ["surprise"])];
  return steps.flatMap((step) => [[...path, step], ...placesIn(value[step], [...path, step])]);
}
