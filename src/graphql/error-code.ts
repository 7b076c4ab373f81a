import { builder } from "./builder.js";
import { ERROR_CODES, type ErrorCode } from "./errors.js";

const values = Object.fromEntries(Object.entries(ERROR_CODES).map(([code, description]) => [code, { description }]));

/** The closed list of codes, as data where an error is part of an answer. */
export const ErrorCodeEnum = builder.enumType("ErrorCode", {
  description: "Why a request or a part of it failed: the closed list that `extensions.code` of an error is from.",
  values: values as Record<ErrorCode, { description: string }>,
});
