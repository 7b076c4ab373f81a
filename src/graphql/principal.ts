import { principalsOf, sessionNamesOf } from "../store/lists.js";
import type { Database } from "../store/prisma-client.js";
import { requireAccount } from "./account.js";
import { builder } from "./builder.js";
import { connectionOf, type PagedList, pageOf } from "./page.js";
import type { PrincipalRow } from "./records.js";
import { readSessionNames } from "./session-names.js";
import { Tag } from "./tag.js";

const KINDS = {
  USER: { description: "A RAM user." },
  GROUP: { description: "A RAM group; its policies count for its members." },
  ROLE: { description: "A RAM role." },
  ROLE_SESSION: {
    description: "A session of a role. Listed are those that `assumeRole` issued; any other is found by its ARN.",
  },
  ACCOUNT_OWNER: { description: "The account itself, `acs:ram::<account>:root`: may do everything in it." },
} as const;

export const PrincipalKind = builder.enumType("PrincipalKind", {
  description: "What a principal is.",
  values: KINDS,
});

const TYPE_NAMES = { USER: "User", GROUP: "Group", ROLE: "Role", ACCOUNT_OWNER: "AccountOwner" } as const;

/** Whoever can hold policies. One model, five types: the row's kind, or a session's ARN, says which. */
export const Principal = builder.prismaInterface("Principal", {
  name: "Principal",
  description: "Whoever policies can be attached to, or who acts with the policies of a role.",
  interfaces: [builder.nodeInterfaceRef()],
  resolveType: (row) => (isSession(row) ? "RoleSession" : TYPE_NAMES[row.kind]),
  fields: (t) => ({
    arn: t.field({
      type: "Arn",
      description: "ARN in canonical spelling. Names in it compare without regard to case.",
      resolve: (row) => sessionArn(row) ?? row.arn,
    }),
    name: t.exposeString("name", { description: "Name within the account; of a session, the name of its role." }),
    kind: t.field({
      type: PrincipalKind,
      description: "What the principal is, as data; `__typename` says the same.",
      resolve: (row) => (isSession(row) ? "ROLE_SESSION" : row.kind),
    }),
    account: t.relation("account", { description: "The account the principal belongs to." }),
    createdAt: t.expose("createdAt", {
      type: "DateTime",
      description: "When the gateway learned of the principal; of a session, of its role.",
    }),
    tags: t.field({
      type: [Tag],
      description:
        "Tags of a user or role (a session shows its role's), by key; at most 20 unless configured otherwise. Others have none.",
      select: { tags: { orderBy: { key: "asc" } } },
      resolve: (row) => row.tags,
    }),
  }),
});

export const Principals = connectionOf(Principal, "Principal", "principals");

builder.queryField("principal", (t) =>
  t.field({
    type: Principal,
    nullable: true,
    description:
      "The user, group, role, role session or account owner with this ARN; null when there is none. Any session of an existing role exists. Malformed: BAD_USER_INPUT.",
    args: {
      arn: t.arg({ type: "Arn", required: true, description: "ARN of the principal; names without regard to case." }),
    },
    resolve: (_root, { arn }, { records }) => records.principalsByArn.load(arn),
  }),
);

builder.queryField("principals", (t) =>
  t.connection(
    {
      type: Principal,
      description:
        "Users, groups and roles of an account, by ARN; the account owner only with `kind: ACCOUNT_OWNER`. Unknown account: NOT_FOUND.",
      args: {
        account: t.arg.string({ required: true, description: "Account number." }),
        kind: t.arg({
          type: PrincipalKind,
          description: "Only principals of this kind; `ROLE_SESSION`: the ARNs that sessions were issued under.",
        }),
        nameContains: t.arg.string({
          description: "Only principals whose name contains this text, without regard to case.",
        }),
      },
      resolve: async (_root, args, context, info) => {
        await requireAccount(args.account, context);
        return pageOf(listed(args), args, context, info);
      },
    },
    Principals,
  ),
);

interface Listed {
  readonly account: string;
  readonly kind?: keyof typeof KINDS | null | undefined;
  readonly nameContains?: string | null | undefined;
}

function listed({ kind, ...filter }: Listed): PagedList<PrincipalRow> {
  if (kind !== "ROLE_SESSION") {
    return {
      listing: principalsOf({ ...filter, kinds: kind ? [kind] : ["USER", "GROUP", "ROLE"] }),
      read: readPrincipals,
    };
  }
  const idOf = (row: PrincipalRow): string => row.sessionArn ?? "";
  return { listing: sessionNamesOf(filter), read: readSessionNames, idOf };
}

/** Principals of a page. */
export function readPrincipals(db: Database, ids: string[], query: object): Promise<PrincipalRow[]> {
  return db.principal.findMany({ ...query, where: { id: { in: ids } } });
}

/** ARN of the session that a row stands for; undefined when it stands for itself. */
export function sessionArn(row: PrincipalRow): string | undefined {
  return row.sessionArn;
}

function isSession(row: PrincipalRow): boolean {
  return sessionArn(row) !== undefined;
}
