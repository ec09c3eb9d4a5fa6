import type { ErrorCode } from "./generated/errors.ts";

/**
 * The one error type of glue. `code` is a row of `spec/errors.yaml`, which alone decides the exit status; `message` says what
 * happened and why, `hint` what to do about it. An error without a row is a bug of ours and is shown as such.
 */
export class GlueError extends Error {
  override readonly name = "GlueError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** True only where repeating the very same call is safe and may succeed. */
  readonly retryable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    extra: { hint?: string | undefined; cause?: unknown; retryable?: boolean } = {},
  ) {
    super(message, extra.cause === undefined ? undefined : { cause: extra.cause });
    this.code = code;
    this.hint = extra.hint;
    this.retryable = extra.retryable ?? false;
  }
}

/** Narrows an unknown thrown value to a `GlueError` with that code (any code where none is given). */
export function isGlueError(error: unknown, code?: ErrorCode): error is GlueError {
  return error instanceof GlueError && (code === undefined || error.code === code);
}
