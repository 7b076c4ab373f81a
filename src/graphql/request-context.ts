import type { Consistency } from "../decisions/consistency.js";
import type { Circumstances } from "../decisions/question.js";
import { InvalidInputError } from "../domain/errors.js";
import type { Detail } from "../domain/evaluation/decision.js";
import { builder } from "./builder.js";

const ContextEntryInput = builder.inputType("ContextEntryInput", {
  description: "A condition key of the request and its values.",
  fields: (t) => ({
    key: t.string({
      required: true,
      description:
        "Condition key, e.g. `kms:EncryptionAlgorithm`; without regard to case, except for what follows `/`.",
    }),
    values: t.stringList({ required: true, description: "Its values; none: the key is known to be absent." }),
  }),
});

export const RequestContextInput = builder.inputType("RequestContextInput", {
  description:
    "What is known of the request. A field left out is unknown: conditions on it stay residual and the outcome may be CONDITIONAL. The same key in a field and in `entries`, or twice in `entries`, is BAD_USER_INPUT; so are more than 16 KiB or 256 values.",
  fields: (t) => ({
    currentTime: t.field({
      type: "DateTime",
      description: "`acs:CurrentTime`: decide as if it were then. Default: the clock of the database.",
    }),
    sourceIp: t.string({ description: "`acs:SourceIp`: IPv4 or IPv6 address the request comes from." }),
    sourceVpc: t.string({ description: "`acs:SourceVpc`: id of the VPC the request comes from." }),
    vpcSourceIp: t.string({ description: "`acs:VpcSourceIp`: address within that VPC." }),
    secureTransport: t.boolean({ description: "`acs:SecureTransport`: whether the request is encrypted on its way." }),
    mfaPresent: t.boolean({ description: "`acs:MFAPresent`: whether the user signed in with a second factor." }),
    entries: t.field({ type: [ContextEntryInput], description: "Any other condition key, also further `acs:` ones." }),
  }),
});

export const ConsistencyInput = builder.inputType("ConsistencyInput", {
  description:
    "How fresh an answer must be; exactly one field, and flags only `true`. No mode answers for an exact revision in the past.",
  isOneOf: true,
  fields: (t) => ({
    full: t.boolean({
      description: "It sees every change that was acknowledged before the question came. The default.",
    }),
    atLeast: t.field({
      type: "RevisionToken",
      description: "It sees at least this revision. REVISION_UNAVAILABLE when the database has lost it.",
    }),
    minimizeLatency: t.boolean({
      description:
        "It may rest on a state that was current at some moment of the last second before the question (`MAX_STALENESS_MS` of the gateway), which saves asking the database.",
    }),
  }),
});

/** The argument of every question about how fresh its answer must be. */
export const CONSISTENCY_DESCRIPTION = "How fresh the answer must be. Default: full.";
export const CONTEXT_DESCRIPTION = "What is known of the request. Default: nothing but the time.";
export const SESSION_POLICY_DESCRIPTION =
  "Policy that the session was narrowed to: what it does not allow is denied. Roles and sessions only, else BAD_USER_INPUT.";

interface ConsistencyFields {
  readonly full?: boolean | null | undefined;
  readonly atLeast?: string | null | undefined;
  readonly minimizeLatency?: boolean | null | undefined;
}

/** The decisions' word for `consistency`; none means full. */
export function consistencyOf(input: ConsistencyFields | null | undefined): Consistency {
  if (!input) return { kind: "full" };
  if (typeof input.atLeast === "string") return { kind: "atLeast", token: input.atLeast };
  if (input.full === true) return { kind: "full" };
  if (input.minimizeLatency === true) return { kind: "minimizeLatency" };
  throw new InvalidInputError("a flag of `consistency` can only be `true`", "/consistency");
}

interface CircumstanceArgs {
  readonly context?: Circumstances["context"];
  readonly sessionPolicy?: unknown;
}

/** What questions share, from their arguments. */
export function circumstances(
  args: CircumstanceArgs,
  consistency: ConsistencyFields | null | undefined,
  detail: Detail,
): Circumstances {
  const { context, sessionPolicy } = args;
  return { context, sessionPolicy, consistency: consistencyOf(consistency), detail };
}
