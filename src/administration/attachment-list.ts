import { excerpt } from "../domain/arn.js";
import { InvalidInputError } from "../domain/errors.js";
import { type AttachmentTarget, attachmentTarget, type TargetInput } from "./attachment-target.js";
import { Refusal, refuseIfAny, type UserError, userError } from "./user-error.js";

/** Most attachments that one change takes. */
export const MOST_ATTACHMENTS = 1_000;

/** One attachment of a list, by name, with its place in the input. */
export interface ListedTarget extends AttachmentTarget {
  readonly index: number;
  /** Path of the item in the input: `["attachments", "3"]`. */
  readonly field: readonly string[];
}

/** A list of attachments of one account: what could be read of it, and what is wrong with the rest. */
export interface AttachmentList {
  readonly account: string;
  readonly targets: readonly ListedTarget[];
  readonly problems: readonly UserError[];
  /** ARNs that it is about, each once. */
  readonly arns: readonly string[];
  /** Scopes that it moves, each once. */
  readonly scopes: readonly string[];
}

/**
 * Reads the names in a list of attachments, all of them, so that every problem is reported at once.
 *
 * @throws Refusal when the list is empty or too long, or nothing in it says which account it is about;
 *   InvalidInputError with the place of the first malformed ARN
 */
export function readAttachmentList(inputs: readonly TargetInput[]): AttachmentList {
  refuseIfAny(checkSize(inputs.length));
  const read = inputs.map(readTarget);
  const targets = read.flatMap((item) => ("errors" in item ? [] : [item]));
  const problems = read.flatMap((item) => ("errors" in item ? item.errors : []));
  const [first] = targets;
  if (first === undefined) throw new Refusal(problems);
  const { account } = first.principal;
  const own = targets.filter((target) => checkAccounts(target, account).length === 0);
  return {
    account,
    targets: own,
    problems: [...problems, ...targets.flatMap((target) => checkAccounts(target, account))],
    arns: [...new Set(own.flatMap(({ policy, principal }) => [policy.arn, principal.arn]))],
    scopes: [...new Set(own.flatMap(({ scopes }) => scopes))],
  };
}

function checkSize(size: number): UserError[] {
  if (size >= 1 && size <= MOST_ATTACHMENTS) return [];
  const message = `a list holds 1 to ${MOST_ATTACHMENTS} attachments, and this one holds ${size}`;
  return [userError("INVALID_PARAMETER", message, "attachments")];
}

function readTarget(input: TargetInput, index: number): ListedTarget | { readonly errors: readonly UserError[] } {
  const field = ["attachments", String(index)];
  try {
    return { ...attachmentTarget(input), index, field };
  } catch (error) {
    if (error instanceof InvalidInputError) throw new InvalidInputError(error.message, `/input/${field.join("/")}`);
    if (!(error instanceof Refusal)) throw error;
    return { errors: error.errors.map((each) => ({ ...each, field: [...field, ...(each.field ?? [])] })) };
  }
}

/** One change is about one account: that of the first attachment in the list. */
function checkAccounts({ policy, principal, field }: ListedTarget, account: string): UserError[] {
  const check = (name: "policy" | "principal", arn: string, owner: string | null): UserError[] => {
    if (owner === null || owner === account) return [];
    const message = `\`${excerpt(arn)}\` lies outside the account \`${account}\`, and a list is about one account`;
    return [userError("INVALID_PARAMETER_ACCOUNT", message, ...field, name)];
  };
  return [...check("policy", policy.arn, policy.account), ...check("principal", principal.arn, principal.account)];
}

/** Problems in the order of the items that have them. */
export function inItemOrder(problems: readonly UserError[]): UserError[] {
  const indexOf = ({ field }: UserError): number => Number(field?.[1] ?? -1);
  return [...problems].sort((one, other) => indexOf(one) - indexOf(other));
}
