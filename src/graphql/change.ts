import type { InputFieldMap, InputShapeFromFields } from "@pothos/core";
import type { Administration, ChangeRequest, ChangeResult } from "../administration/administration.js";
import { InvalidInputError } from "../domain/errors.js";
import { builder } from "./builder.js";
import type { GraphQLContext } from "./context.js";
import { UnauthenticatedError } from "./errors.js";
import { UserError } from "./user-error.js";

/** What payloads are made of. */
export interface Made<Value> extends ChangeResult<Value> {
  /** Whether the change was really made: only then what it shows is the caller's to see without further permission. */
  readonly made: boolean;
}

type Types = typeof builder.$inferSchemaTypes;
export type InputBuilder = PothosSchemaTypes.InputFieldBuilder<Types, "InputObject">;
export type PayloadBuilder<Value> = PothosSchemaTypes.ObjectFieldBuilder<Types, Made<Value>>;
type PayloadField = ReturnType<PayloadBuilder<unknown>["field"]>;

type UseCase<Input, Value> = (
  administration: Administration,
  input: Input,
  request: ChangeRequest,
) => Promise<ChangeResult<Value>>;

interface ChangeDefinition<Fields extends InputFieldMap> {
  readonly description: string;
  /** Fields of the input beside the options that every change takes. */
  readonly input: (t: InputBuilder) => Fields;
}

/**
 * A mutation: `name(input: NameInput!): NamePayload!`, made by one use case (`by`), whose input has the same fields.
 * Whatever it did, later fields of the same request decide and read anew.
 */
export function change<Fields extends InputFieldMap>(name: string, { description, input }: ChangeDefinition<Fields>) {
  return {
    /** @param payload what the answer shows beside errors and revision */
    by<Value>(
      useCase: UseCase<InputShapeFromFields<Fields>, Value>,
      payload: (t: PayloadBuilder<Value>) => Record<string, PayloadField>,
    ): void {
      builder.relayMutationField(
        name,
        { description: `What \`${name}\` takes.`, inputFields: (t) => ({ ...input(t), ...changeOptions(t) }) },
        { description, resolve: (_root, args, context) => run(useCase as UseCase<unknown, Value>, args, context) },
        {
          description: `What \`${name}\` did.`,
          outputFields: (t) => ({ ...payload(t as never), ...outcome(t as never) }) as never,
        },
      );
    },
  };
}

async function run<Value>(
  useCase: UseCase<unknown, Value>,
  args: object,
  context: GraphQLContext,
): Promise<Made<Value>> {
  const { options, fields } = split((args as { input: Record<string, unknown> }).input);
  requireInstants(fields);
  try {
    const result = await useCase(context.services.administration, fields, requestOf(context, options));
    return { ...result, made: result.changed && options.dryRun !== true };
  } finally {
    context.clearDecisions();
  }
}

function changeOptions(t: InputBuilder) {
  return {
    idempotencyKey: t.string({
      description:
        "Makes a repetition harmless: the same key with the same input has one effect and gives one answer, for 7 days at least unless the gateway is configured otherwise; with another input it is refused with IDEMPOTENCY_KEY_REUSED. Any text up to 255 characters, unique to the caller.",
    }),
    dryRun: t.boolean({
      description: "Check everything and answer as if it were done, but change nothing. Default false.",
    }),
    reason: t.string({ description: "Why, for the audit trail." }),
    expectedRevision: t.field({
      type: "RevisionToken",
      description:
        "A token of any payload or decision: refused with CONFLICT when a scope that the token and this change share has moved since.",
    }),
  };
}

function outcome(t: PayloadBuilder<unknown>) {
  return {
    userErrors: t.field({
      type: [UserError],
      description: "Why the change was refused; empty when it was made. All reasons that could be found at once.",
      resolve: ({ userErrors }) => [...userErrors],
    }),
    revision: t.field({
      type: "RevisionToken",
      nullable: true,
      description: "Decisions asked with `atLeast` this token see the change; null when it was refused.",
      resolve: ({ revision }) => revision,
    }),
    changed: t.boolean({
      description: "False when everything already was so, or when the change was refused.",
      resolve: ({ changed }) => changed,
    }),
  };
}

type Options = Omit<ChangeRequest, "caller" | "requestId">;

function split(input: Record<string, unknown>): { options: Options; fields: Record<string, unknown> } {
  const { idempotencyKey, dryRun, reason, expectedRevision, ...fields } = input;
  return { options: { idempotencyKey, dryRun, reason, expectedRevision } as Options, fields };
}

/** The scalar lets malformed instants through; see there. They stand in the input, or in the items of its lists. */
function requireInstants(fields: object, path = "/input"): void {
  for (const [name, value] of Object.entries(fields)) {
    if (Array.isArray(value)) requireInstantsOf(value, `${path}/${name}`);
    if (!(value instanceof Date) || !Number.isNaN(value.getTime())) continue;
    throw new InvalidInputError(
      `\`${name}\` is not an RFC 3339 instant such as \`2030-01-01T00:00:00Z\``,
      `${path}/${name}`,
    );
  }
}

/** No deeper: a list further down is part of a document, which holds no instants. */
function requireInstantsOf(items: readonly unknown[], path: string): void {
  for (const [index, item] of items.entries()) {
    if (typeof item !== "object" || item === null || Array.isArray(item)) continue;
    const instants = Object.entries(item).filter(([, value]) => value instanceof Date);
    requireInstants(Object.fromEntries(instants), `${path}/${index}`);
  }
}

function requestOf({ caller, requestId }: GraphQLContext, options: Options): ChangeRequest {
  if (!caller) throw new UnauthenticatedError("nobody sent this request");
  return { ...options, caller, requestId };
}
