import type { WhoCanRow } from "../decisions/who-can.js";
import type { Detail, Verdict } from "../domain/evaluation/decision.js";
import { once } from "../domain/once.js";
import { mayKnow } from "./access-rules.js";
import { builder } from "./builder.js";
import type { GraphQLContext } from "./context.js";
import { Decision } from "./decision.js";
import { viewOf } from "./explanation-view.js";
import type { PrincipalRow } from "./records.js";
import { Role } from "./role.js";

/** A role on somebody's way, as one request sees it. */
export interface AssumedRoleShape {
  readonly arn: string;
  /** Whether the caller may know which it is. */
  readonly shown: () => Promise<boolean>;
  readonly record: () => Promise<PrincipalRow | null>;
  /** Whether the one before may assume it, as the caller may see that; null: it may not ask. */
  readonly decision: () => Promise<Verdict | null>;
}

export const AssumedRole = builder.objectRef<AssumedRoleShape>("AssumedRole").implement({
  description: "A role that somebody assumes to do what it may not do itself.",
  fields: (t) => ({
    arn: t.field({
      type: "Arn",
      nullable: true,
      description: "ARN of the role. Null when `redacted`.",
      resolve: async ({ shown, arn }) => ((await shown()) ? arn : null),
    }),
    role: t.field({
      type: Role,
      nullable: true,
      description: "The role. Null when `redacted`, or when it was deleted after the instant of the answer.",
      resolve: async ({ shown, record }) => ((await shown()) ? record() : null),
    }),
    redacted: t.boolean({
      description: "True when you may not read the role, or a Deny keeps you from asking about it.",
      resolve: async ({ shown }) => !(await shown()),
    }),
    decision: t.field({
      type: Decision,
      nullable: true,
      description:
        "The decision on `sts:AssumeRole`: whether the one before, for the first role the principal itself, may assume this one. Null where you may not ask `checkAccess` about that.",
      resolve: ({ decision }) => decision(),
    }),
  }),
});

/** @param shown whether the caller may know whose way it is */
export function showRoles(
  { arn, assumes }: WhoCanRow,
  shown: () => Promise<boolean>,
  detail: Detail,
  context: GraphQLContext,
): readonly AssumedRoleShape[] {
  const { permissions, records } = context;
  const known = [shown, ...assumes.map((role) => once(() => mayKnow(role.arn, permissions)))];
  return assumes.map((role, step) => {
    const by = assumes[step - 1]?.arn ?? arn;
    const mayAsk = async () => {
      const both = await Promise.all([known[step]?.(), known[step + 1]?.()]);
      return both.every(Boolean) && (permissions === null || permissions.mayEvaluate(by, [role.arn]));
    };
    const decide = async () => {
      const verdict = role.verdict(detail);
      const [seen = verdict] = (await viewOf(by, context)?.([verdict])) ?? [];
      return seen;
    };
    return {
      arn: role.arn,
      shown: known[step + 1] ?? shown,
      record: () => records.principals.load(role.id),
      decision: once(async () => ((await mayAsk()) ? decide() : null)),
    };
  });
}
