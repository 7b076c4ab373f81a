import { excerpt } from "../domain/arn.js";
import { RAM_LIMITS } from "../domain/limits.js";
import { foldCase } from "../domain/wildcard.js";
import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { policyArn } from "./look-up.js";
import { needs } from "./permissions.js";
import { policyScopes } from "./policy-change.js";
import { policyText } from "./policy-text.js";
import { refuse, refuseIfAny } from "./user-error.js";
import { checkName, checkText } from "./validation.js";

export interface CreatePolicyInput {
  readonly account: string;
  /** 1 to 128 letters, digits and `-`; unique among the account's custom policies, whatever its case. */
  readonly name: string;
  /** Policy document as JSON value or text, at most 6,144 characters. */
  readonly document: unknown;
  readonly description?: string | null | undefined;
}

interface NewPolicy {
  readonly account: string;
  readonly name: string;
  readonly document: string;
  readonly description: string | null;
}

/** Makes a custom policy; the document becomes its version `v1` and its default. */
export function createPolicy(
  administration: Administration,
  input: CreatePolicyInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ policyId: string }>> {
  const { account, name, description } = input;
  const { customPolicyCharacters, customPoliciesPerAccount } = administration.limits;
  return changeAccount(administration, request, () => {
    refuseIfAny([
      ...checkName("POLICY", name, "name"),
      ...checkText(description, RAM_LIMITS.policyDescriptionLength, "description"),
    ]);
    const document = policyText(input.document, "identity", customPolicyCharacters, "document");
    return {
      action: "createPolicy",
      requires: needs("createPolicy", { "ram:CreatePolicy": [policyArn("CUSTOM", account, name)] }),
      account,
      lock: "counted",
      targets: [policyArn("CUSTOM", account, name)],
      scopes: policyScopes({ account, name }),
      input,
      async run(tx) {
        await checkRoom(tx, account, name, customPoliciesPerAccount);
        const policy = { account, name, document, description: description ?? null };
        const policyId = await insertPolicy(tx, policy);
        const after = { ...policy, document: JSON.parse(document) as unknown, defaultVersion: "v1" };
        return { value: { policyId }, changed: true, created: true, after };
      },
    };
  });
}

async function checkRoom(tx: Transaction, accountId: string, name: string, most: number): Promise<void> {
  const custom = { accountId, type: "CUSTOM" } as const;
  const namesake = await tx.policy.findFirst({ where: { ...custom, nameKey: foldCase(name) }, select: { id: true } });
  if (namesake !== null)
    refuse("ENTITY_ALREADY_EXISTS_POLICY", `the policy \`${excerpt(name)}\` already exists`, "name");
  if ((await tx.policy.count({ where: custom })) >= most) {
    refuse(
      "LIMIT_EXCEEDED_POLICY",
      `the account \`${accountId}\` already has ${most} custom policies, the most it may have`,
    );
  }
}

async function insertPolicy(tx: Transaction, { account, name, document, description }: NewPolicy): Promise<string> {
  const policy = await tx.policy.create({
    data: {
      accountId: account,
      type: "CUSTOM",
      name,
      nameKey: foldCase(name),
      arn: policyArn("CUSTOM", account, name),
      description,
      lastVersion: 1,
    },
    select: { id: true },
  });
  await tx.policyVersion.create({
    data: { policyId: policy.id, number: 1, document, isDefault: true },
    select: { id: true },
  });
  return policy.id;
}
