import type { GraphQLSchema } from "graphql";
import type { AccessRules } from "./access.js";
import { builder } from "./builder.js";
import { guard } from "./guard.js";
import "./scalars.js";
import "./error-code.js";
import "./account.js";
import "./resource-group.js";
import "./principal.js";
import "./user.js";
import "./group.js";
import "./membership.js";
import "./role.js";
import "./role-session.js";
import "./account-owner.js";
import "./policy.js";
import "./attachment.js";
import "./kms-resource.js";
import "./key.js";
import "./secret.js";
import "./alias.js";
import "./tag.js";
import "./decision.js";
import "./effective-permissions.js";
import "./access-check.js";
import "./access-matrix.js";
import "./operation-decision.js";
import "./who-can.js";
import "./what-can.js";
import "./policy-finding.js";
import "./api-key.js";
import "./viewer.js";
import "./import-account.js";
import "./audit-event.js";
import "./export-account.js";
import "./grant-change.js";
import "./decision-log.js";

let schema: GraphQLSchema | undefined;

/** The whole schema, sorted, with its guards. Opens nothing; what it needs comes in the context of a request. */
export function buildSchema(): GraphQLSchema {
  schema ??= createSchema();
  return schema;
}

/** A schema of its own. @param rules default: those that hold */
export function createSchema(rules?: AccessRules): GraphQLSchema {
  return guard(builder.toSchema({ sortSchema: true }), rules);
}
