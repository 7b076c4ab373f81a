import { expect, inject, test } from "vitest";
import { createTestDatabase, dropTestDatabases, prepareTestDatabases, withClient } from "../support/databases.js";

const server = inject("databaseUrl");
const names = () =>
  withClient(server, async (client) => (await client.query("select datname from pg_database")).rows).then((rows) =>
    rows.map(({ datname }) => String(datname)),
  );
const create = (name: string) => withClient(server, (client) => client.query(`create database ${name}`));

test("databases are migrated, separate, and dropped even while connected", async () => {
  const [one, two] = await Promise.all([createTestDatabase("one"), createTestDatabase("two")]);
  const count = (url: string) =>
    withClient(url, async (client) => (await client.query("select count(*)::int as n from account")).rows[0]?.n);
  expect([await count(one.url), await count(two.url)]).toEqual([0, 0]);
  await withClient(one.url, async (client) => {
    await client.query("create table mine ()");
    client.on("error", () => {});
    await one.drop();
  }).catch(() => {});
  expect(await names()).not.toContain(new URL(one.url).pathname.slice(1));
  await two.drop();
});

test("what a crashed run left is removed once it is old, and a run that goes on is left alone", async () => {
  const hoursAgo = (hours: number) => Math.floor(Date.now() / 1000) - hours * 3600;
  const mark = Math.random().toString(36).slice(2, 8);
  const [old, young, foreign] = [
    `ramgate_test_${hoursAgo(7)}_${mark}`,
    `ramgate_test_${hoursAgo(5)}_${mark}`,
    `ramgate_testing_${mark}`,
  ];
  for (const name of [old, young, foreign]) await create(name);
  const run = await prepareTestDatabases(server);
  const present = await names();
  expect(present).not.toContain(old);
  expect(present).toEqual(expect.arrayContaining([young, foreign, run.template]));
  await dropTestDatabases(run);
  expect(await names()).not.toContain(run.template);
  for (const name of [young, foreign]) await withClient(server, (client) => client.query(`drop database ${name}`));
});
