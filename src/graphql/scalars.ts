import { GraphQLError, type ValueNode, valueFromASTUntyped } from "graphql";
import { builder } from "./builder.js";

function text(name: string) {
  return (value: unknown): string => {
    if (typeof value === "string") return value;
    throw new GraphQLError(`${name} must be a string`, { extensions: { code: "BAD_USER_INPUT" } });
  };
}

builder.scalarType("Arn", {
  description:
    "Name of a resource or principal, `acs:<service>:<region>:<account>:<relative-id>`, or `*` for actions without a resource. Region and account may be empty or `*`; `*` inside the ARN of a question is plain text. Sessions are accepted as `acs:ram::<account>:assumed-role/<role>/<session>`, `acs:ram::<account>:role/<role>/<session>` and `acs:sts::<account>:assumed-role/<role>/<session>`, and answered in the first form. At most 2,048 characters; a malformed one is BAD_USER_INPUT.",
  serialize: String,
  parseValue: text("Arn"),
});

builder.scalarType("RevisionToken", {
  description:
    "A revision of the data a decision or change rests on. Opaque; valid for 24 hours. Store it beside what it protects and send it back as `atLeast` or `expectedRevision`.",
  serialize: String,
  parseValue: text("RevisionToken"),
});

builder.scalarType("DateTime", {
  description:
    "An instant, RFC 3339 with an offset (`2030-01-01T00:00:00Z`), answered in UTC with milliseconds. Finer digits are cut off. A malformed one is BAD_USER_INPUT, in a batch of its item only.",
  serialize: (value) => new Date(value as Date | number).toISOString(),
  parseValue: (value) => parseInstant(text("DateTime")(value)),
});

/** GraphQL itself keeps null away from scalars. */
const anyJson = {
  parseValue: (value: unknown) => value as NonNullable<unknown>,
  parseLiteral: (node: ValueNode, variables?: Record<string, unknown> | null) =>
    valueFromASTUntyped(node, variables) as NonNullable<unknown>,
};

builder.scalarType("JSON", {
  description: "Any JSON value.",
  serialize: (value) => value,
  ...anyJson,
});

builder.scalarType("PolicyDocument", {
  description:
    "A RAM policy document. In: the document as a JSON value or as JSON text, up to 6,144 characters where it is to be stored; problems of text are reported with line and column. Out: the stored document as an object.",
  serialize: (value) => parseStored(String(value)),
  ...anyJson,
});

/** Only import and `psql` can store what is no JSON; then the text itself is the most useful answer. */
function parseStored(document: string): unknown {
  try {
    return JSON.parse(document);
  } catch {
    return document;
  }
}

const RFC_3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-](\d{2}):(\d{2}))$/;

/**
 * `Date` alone takes 30 February for 2 March and words for dates. What is malformed becomes an invalid date, which
 * whoever uses it refuses: an error here would fail all of a batch.
 */
function parseInstant(value: string): Date {
  const parts = RFC_3339.exec(value);
  return new Date(parts && isCalendarDate(parts) ? value.replace(" ", "T").toUpperCase() : Number.NaN);
}

function isCalendarDate([, year, month, day, hour, , , offsetHour = "0", offsetMinute = "0"]: string[]): boolean {
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  const inMonth = Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= lastDay;
  return inMonth && Number(hour) <= 23 && Number(offsetHour) <= 23 && Number(offsetMinute) <= 59;
}
