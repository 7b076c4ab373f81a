/** Input that a caller can correct. `pointer` is a JSON pointer or an argument path into what the caller sent. */
export class InvalidInputError extends Error {
  override readonly name = "InvalidInputError";
  readonly pointer: string | undefined;

  constructor(message: string, pointer?: string) {
    super(message);
    this.pointer = pointer;
  }
}

/** A well-formed name of something that does not exist. */
export class NotFoundError extends Error {
  override readonly name = "NotFoundError";
}

/** A caller that may not have what it asks for. */
export class ForbiddenError extends Error {
  override readonly name = "ForbiddenError";
}

/** A question that takes more work than one may. */
export class TooMuchWorkError extends Error {
  override readonly name = "TooMuchWorkError";
}
