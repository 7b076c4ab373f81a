import { z } from "zod";
import { snapshotSchema } from "./snapshot.js";

const DESCRIPTION =
  "An Alibaba Cloud account as `ramgate import` takes it and `ramgate export` gives it. Members that may be left out may also be null. An import checks more than a schema can say: names are unique, references lead somewhere, documents are well-formed, and `notBefore` is before `expiresAt`.";

/** The format of account snapshots as JSON Schema, draft 2020-12. */
export function snapshotJsonSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(snapshotSchema, { io: "input", target: "draft-2020-12" });
  return {
    $schema,
    $id: "account-snapshot.schema.json",
    title: "Account snapshot, version 1",
    description: DESCRIPTION,
    ...schema,
  };
}
