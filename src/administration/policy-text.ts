import type { DocumentKind } from "../domain/policy/document.js";
import { parseDocument } from "../domain/policy/parse-document.js";
import { documentErrors, refuseIfAny, type UserError, userError } from "./user-error.js";
import { lengthOf } from "./validation.js";

/**
 * Checks a policy document and gives the JSON text to store: text as it was sent, other values in compact form.
 *
 * @param longest most characters of the text
 * @throws Refusal with every problem of the document
 */
export function policyText(input: unknown, kind: DocumentKind, longest: number, field: string): string {
  const parsed = parseDocument(input, kind);
  const problems = parsed.ok ? [] : documentErrors(parsed.problems, field);
  refuseIfAny([...checkLength(input, longest, field), ...problems]);
  return storedText(input);
}

function checkLength(input: unknown, longest: number, field: string): UserError[] {
  if (textLength(input) <= longest) return [];
  const message = `the policy document is longer than ${longest} characters`;
  return [userError("INVALID_PARAMETER_POLICY_DOCUMENT_LENGTH", message, field)];
}

/** A value too deep to be written as text has other problems. */
function textLength(input: unknown): number {
  try {
    return lengthOf(storedText(input));
  } catch {
    return 0;
  }
}

/** JSON text of a document that has been found well-formed. */
export function storedText(document: unknown): string {
  return typeof document === "string" ? document : JSON.stringify(document);
}
