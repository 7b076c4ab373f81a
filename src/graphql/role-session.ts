import { builder } from "./builder.js";
import { node, only } from "./node.js";
import { Principal, sessionArn } from "./principal.js";
import { Role } from "./role.js";

/** Stored nowhere: any session ARN of an existing role is one. Its row is the role's, with the ARN beside it. */
export const RoleSession = builder.prismaObject("Principal", {
  variant: "RoleSession",
  description: "A session of a role. It acts with the policies attached to the role.",
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
  }),
});

node(
  RoleSession,
  (row) => sessionArn(row) ?? row.arn,
  (arns, { principalsByArn }) => only(principalsByArn.loadMany(arns), (row) => sessionArn(row) !== undefined),
);
