import { assumeRole } from "../administration/assume-role.js";
import { revokeRoleSessions } from "../administration/revoke-role-sessions.js";
import { sessionsOfRole } from "../store/lists.js";
import type { Database } from "../store/prisma-client.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import { node } from "./node.js";
import { connectionOf, pageOf } from "./page.js";
import { Principal, sessionArn } from "./principal.js";
import { isActive, isUuid, type PrincipalRow, type Records, type RoleSessionRow } from "./records.js";
import { Role } from "./role.js";

/**
 * Any session ARN of an existing role is one: its row is the role's, with the ARN beside it. A session that is asked
 * for by itself, as one of several that may share an ARN, also has the record of its issue.
 */
export const RoleSession = builder.prismaObject("Principal", {
  variant: "RoleSession",
  description:
    "A session of a role. It acts with the policies attached to the role, as far as its session policy lets it. Found by its ARN it stands for all sessions issued under that ARN, and shows the one that ends last, active ones first; of a session that was never issued everything about its issue is null.",
  interfaces: [Principal],
  fields: (t) => ({
    sessionName: t.string({
      description: "Name of the session, the last part of its ARN; case counts.",
      resolve: (row) => (sessionArn(row) ?? "").split("/").at(-1) ?? "",
    }),
    role: t.field({
      type: Role,
      description: "The role that the session is of.",
      resolve: ({ id }, _args, { records }) => records.principals.load(id) as never,
    }),
    issuedTo: t.string({
      nullable: true,
      description: "ARN of the principal that assumed the role, or `operator:<credential id>`.",
      resolve: async (row, _args, { records }) => (await issueOf(row, records))?.issuedTo,
    }),
    issuedAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "First instant at which it acts.",
      resolve: async (row, _args, { records }) => (await issueOf(row, records))?.issuedAt,
    }),
    expiresAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "First instant at which it acts no more.",
      resolve: async (row, _args, { records }) => (await issueOf(row, records))?.expiresAt,
    }),
    revokedAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When it was revoked; null: it was not.",
      resolve: async (row, _args, { records }) => (await issueOf(row, records))?.revokedAt,
    }),
    active: t.boolean({
      description:
        "Whether it decides anything now: false once it has expired, was revoked, or its role was deleted, also under a new role of that name. True if never issued.",
      resolve: async (row, _args, { records }) => {
        const issue = await issueOf(row, records);
        if (issue !== null) return isActive(issue, new Date());
        return (await records.endedSessions.load(sessionArn(row) ?? "")) === null;
      },
    }),
    sessionPolicy: t.field({
      type: "PolicyDocument",
      nullable: true,
      description: "The policy it was issued with, which only withholds; null: none.",
      resolve: async (row, _args, { records }) => (await issueOf(row, records))?.sessionPolicy,
    }),
  }),
});

async function issueOf(row: PrincipalRow, { sessionsByArn }: Records): Promise<RoleSessionRow | null> {
  return row.issued ?? sessionsByArn.load(sessionArn(row) ?? "");
}

node(
  RoleSession,
  (row: PrincipalRow) => row.issued?.id ?? sessionArn(row) ?? row.arn,
  (keys, records) => Promise.all(keys.map((key) => (isUuid(key) ? issuedSession(key, records) : named(key, records)))),
);

async function named(arn: string, { principalsByArn }: Records): Promise<PrincipalRow | null> {
  const row = await principalsByArn.load(arn);
  return row !== null && sessionArn(row) !== undefined ? row : null;
}

async function issuedSession(id: string, records: Records): Promise<PrincipalRow | null> {
  const issued = await records.issuedSessions.load(id);
  return issued && withRole(issued, records);
}

async function withRole(issued: RoleSessionRow, { principals }: Records): Promise<PrincipalRow | null> {
  const role = await principals.load(issued.roleId);
  return role && { ...role, sessionArn: issued.arn, issued };
}

export const RoleSessions = connectionOf(RoleSession, "RoleSession", "sessions");

builder.prismaObjectFields(Role, (t) => ({
  sessions: t.connection(
    {
      type: RoleSession,
      description: "Sessions of the role that `assumeRole` issued, newest first. Ended ones are kept for a while.",
      args: { active: t.arg.boolean({ description: "Only those that are active now, or only those that are not." }) },
      resolve: ({ id }, args, context, info) =>
        pageOf(
          {
            listing: sessionsOfRole(args.active),
            parent: id,
            read: readSessions,
            idOf: ({ issued }: PrincipalRow) => issued?.id ?? "",
          },
          args,
          context,
          info,
        ),
    },
    RoleSessions,
  ),
}));

async function readSessions(db: Database, ids: string[], query: object): Promise<PrincipalRow[]> {
  const sessions = await db.roleSession.findMany({ where: { id: { in: ids } }, omit: { tokenDigest: true } });
  const roleIds = [...new Set(sessions.map(({ roleId }) => roleId))];
  const roles = await db.principal.findMany({ ...query, where: { id: { in: roleIds } } });
  const byId = new Map(roles.map((role) => [role.id, role]));
  return sessions.flatMap((issued) => {
    const role = byId.get(issued.roleId);
    return role === undefined ? [] : [{ ...role, sessionArn: issued.arn, issued }];
  });
}

change("assumeRole", {
  description:
    "Opens a session of a role. Whoever assumes the role needs an Allow for `sts:AssumeRole` on it from its own policies and from the role's trust policy; what depends on context other than the time counts as refused (NO_PERMISSION says which side). Operators name the principal with `onBehalfOf`; without it they need no permission. Service-linked roles are assumed by their service only.",
  input: (t) => ({
    role: t.field({ type: "Arn", required: true, description: "ARN of the role." }),
    sessionName: t.string({
      required: true,
      description:
        "Name of the session, 2 to 64 letters, digits and `.@_-`; case counts. Sessions of one name share an ARN.",
    }),
    durationSeconds: t.int({
      description:
        "How long it lasts: 900 seconds to the role's maximum, and at most 3,600 when a role or session assumes another role. Default 3,600.",
    }),
    sessionPolicy: t.field({
      type: "PolicyDocument",
      description: "The session may do only what this allows as well. At most 2,048 characters.",
    }),
    onBehalfOf: t.field({
      type: "Arn",
      description:
        "Operators only: ARN of the user, role, session or account owner that assumes the role, checked like any caller. Default: the operator, unchecked.",
    }),
  }),
}).by(assumeRole, (t) => ({
  session: t.field({
    type: RoleSession,
    nullable: true,
    description: "The new session; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && issuedSession(value.sessionId, records),
  }),
  token: t.string({
    nullable: true,
    description:
      "The credential of the session, for `authorization: Bearer <token>`. The gateway keeps only its digest, so it is shown this once: an answer that is repeated for the same `idempotencyKey` has null here.",
    resolve: ({ value }) => value?.token,
  }),
  expiration: t.field({
    type: "DateTime",
    nullable: true,
    description: "First instant at which the session acts no more.",
    resolve: async ({ value }, _args, { records }) =>
      value && (await records.issuedSessions.load(value.sessionId))?.expiresAt,
  }),
}));

change("revokeRoleSessions", {
  description:
    "Ends the sessions of a role: at once they decide nothing, on every gateway. Sessions issued afterwards are not affected. `changed` is false when none was active.",
  input: (t) => ({
    role: t.field({ type: "Arn", required: true, description: "ARN of the role." }),
    before: t.field({
      type: "DateTime",
      description: "Only sessions issued before this instant. Default: all that were issued so far.",
    }),
  }),
}).by(revokeRoleSessions, (t) => ({
  role: t.field({
    type: Role,
    nullable: true,
    description: "The role; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.principals.load(value.roleId),
  }),
  revoked: t.int({
    description: "How many sessions were ended.",
    resolve: ({ value }) => value?.revoked ?? 0,
  }),
}));
