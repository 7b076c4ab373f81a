import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Fixture, openFixture } from "./fixture.js";

const DIRECTORY = new URL("../../examples/operations/", import.meta.url);
const operations = readdirSync(DIRECTORY).filter((file) => file.endsWith(".graphql"));

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("demo");
});
afterAll(() => fixture?.close());

function variablesOf(file: string): Record<string, unknown> {
  const url = new URL(file.replace(/\.graphql$/, ".variables.json"), DIRECTORY);
  return existsSync(url) ? JSON.parse(readFileSync(url, "utf8")) : {};
}

it("there is one for each ready tab", () => {
  expect(operations).toEqual(Object.keys(shown));
});

/** What each must show, in part. */
const shown: Record<string, RegExp[]> = {
  "01-who-am-i.graphql": [/"kind":"OPERATOR"/],
  "02-what-may-bob-do-with-the-apollo-key.graphql": [/UseApolloKeys/, /"outcome":"ALLOW"/, /group\/apollo-developers/],
  "03-what-may-deploy-bot-do-with-a-secret.graphql": [
    /"operation":"GetSecretValue","outcome":"ALLOW"/,
    /"validUntil":"2030-01-01T00:00:00.000Z"/,
  ],
  "04-many-questions-at-once.graphql": [/IMPLICIT_DENY/, /CONDITIONAL/, /"outcome":"ALLOW"/, /"code":"NOT_FOUND"/],
  "05-attach-a-policy.graphql": [/"userErrors":\[\],"changed":true/],
  "06-list-policies.graphql": [/"totalCount":5/, /NoKeyDeletionFromOutside/, /group\/kms-operators/],
  "07-lint-a-policy.graphql": [/ACTION_NOT_APPLICABLE/, /UNKNOWN_ACTION/, /"line":6/],
};

it.each(operations)("%s runs on the demo account", async (file) => {
  const data = await fixture.ask(readFileSync(new URL(file, DIRECTORY), "utf8"), variablesOf(file));
  for (const pattern of shown[file] ?? []) expect(JSON.stringify(data)).toMatch(pattern);
});

it("trying them changes nothing", async () => {
  expect(await fixture.db.auditEvent.count({ where: { action: { not: "importAccount" } } })).toBe(0);
});
