import type { DocumentKind } from "../domain/policy/document.js";
import { parseDocument } from "../domain/policy/parse-document.js";
import { documentErrors, refuse, refuseIfAny } from "./user-error.js";
import { lengthOf } from "./validation.js";

/**
 * Checks a policy document and gives the JSON text to store: text as it was sent, other values in compact form.
 *
 * @param longest most characters of the text
 * @throws Refusal with every problem of the document
 */
export function policyText(input: unknown, kind: DocumentKind, longest: number, field: string): string {
  const parsed = parseDocument(input, kind);
  if (!parsed.ok) refuseIfAny(documentErrors(parsed.problems, field));
  const text = storedText(input);
  if (lengthOf(text) > longest) {
    const message = `the policy document is longer than ${longest} characters`;
    refuse("INVALID_PARAMETER_POLICY_DOCUMENT_LENGTH", message, field);
  }
  return text;
}

/** JSON text of a document that has been found well-formed. */
export function storedText(document: unknown): string {
  return typeof document === "string" ? document : JSON.stringify(document);
}
