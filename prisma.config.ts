import { fileURLToPath } from "node:url";
import { defineConfig } from "prisma/config";

// The CLI would download its engine; ours comes from npm. Spelled here so that plain `npx prisma …` works.
process.env["PRISMA_SCHEMA_ENGINE_BINARY"] ??= fileURLToPath(new URL("scripts/schema-engine.mjs", import.meta.url));

export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations" },
  datasource: { url: process.env["DATABASE_URL"] ?? "postgresql://postgres@127.0.0.1:5432/ramgate_dev" },
});
