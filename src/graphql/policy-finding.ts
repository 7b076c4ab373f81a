import type { DocumentKind as DocumentKindValue } from "../domain/policy/document.js";
import type {
  FindingSeverity as FindingSeverityValue,
  PolicyFinding as PolicyFindingShape,
} from "../domain/policy/lint/finding.js";
import { lintPolicy } from "../domain/policy/lint/lint-policy.js";
import { builder } from "./builder.js";

const FindingSeverity = builder.enumType("FindingSeverity", {
  description: "How much a finding matters.",
  values: {
    ERROR: { description: "The document is malformed, or a part of it cannot do what it says." },
    SECURITY_WARNING: { description: "It may give away more than was meant." },
    WARNING: { description: "It probably does not do what was meant." },
    SUGGESTION: { description: "It works, and could be clearer." },
  } satisfies Record<FindingSeverityValue, { description: string }>,
});

const PolicyDocumentKind = builder.enumType("PolicyDocumentKind", {
  description: "What a policy document is for.",
  values: {
    IDENTITY: { value: "identity", description: "It is attached to users, groups or roles, or narrows a session." },
    TRUST: { value: "trust", description: "It says who may assume a role." },
  } satisfies Record<Uppercase<DocumentKindValue>, { value: DocumentKindValue; description: string }>,
});

const PolicyFinding = builder.objectRef<PolicyFindingShape>("PolicyFinding").implement({
  description: "Something about a policy document that its author should know.",
  fields: (t) => ({
    severity: t.field({
      type: FindingSeverity,
      description: "How much it matters.",
      resolve: ({ severity }) => severity,
    }),
    code: t.exposeString("code", { description: "What it is about, for programs: a code of docs/lint.md." }),
    message: t.exposeString("message", { description: "What it is about, for people." }),
    pointer: t.exposeString("pointer", {
      description: "JSON pointer to the value it is about; empty for the whole document.",
    }),
    line: t.exposeInt("line", { nullable: true, description: "Line, from 1; null unless the document came as text." }),
    column: t.exposeInt("column", {
      nullable: true,
      description: "Column, from 1, in UTF-16 units; null unless it came as text.",
    }),
  }),
});

builder.queryField("lintPolicy", (t) =>
  t.field({
    type: [PolicyFinding],
    description:
      "What is wrong with a policy document, or does not do what it seems to: nothing is stored. At most 100 findings, in the order of the document. A document that cannot be read is an ERROR among them, not an error of the query.",
    args: {
      document: t.arg({
        type: "PolicyDocument",
        required: true,
        description: "The document, as a JSON value or as JSON text; only text has lines and columns.",
      }),
      kind: t.arg({ type: PolicyDocumentKind, description: "What the document is for. Default: IDENTITY." }),
    },
    resolve: (_root, { document, kind }) => lintPolicy(document, kind ?? "identity"),
  }),
);
