import { ERRORS, type ErrorCode } from "../spec/generated/errors.ts";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import type { Io } from "./io.ts";

/** The fields of an error in JSON output. */
export interface ErrorFields {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly retryable: boolean;
  /** Messages of what caused it, the nearest first. */
  readonly causes: readonly string[];
}

/** Whatever was thrown, as a `GlueError`: what is none of ours is a bug of ours. */
export function asGlueError(error: unknown): GlueError {
  if (isGlueError(error)) return error;
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new GlueError("internal", `This is a bug in glue: ${message}`, {
    hint: "Report it with the text shown here.",
    cause: error,
  });
}

/**
 * The exit status of an error: its row of `spec/errors.yaml`. A command that passes on another program's status (`relays`) keeps
 * 1 for that program, so that its own failures are 125; elsewhere a failure is 1.
 */
export function exitStatus(error: GlueError, relays: boolean): number {
  const { exit } = ERRORS[error.code];
  if (relays) return exit === 1 ? 125 : exit;
  return exit === 125 ? 1 : exit;
}

export function errorFields(error: GlueError): ErrorFields {
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    retryable: error.retryable,
    causes: causesOf(error).map((cause) => (cause instanceof Error ? cause.message : String(cause))),
  };
}

/** What happened and what to do, on stderr. The stack only where it helps: a bug, or `--verbose`. */
export function printError(error: GlueError, io: Io): void {
  io.err(`${io.paint(2, "red", "error:")} ${error.message}`);
  for (const line of error.hint?.split("\n") ?? []) io.err(`  ${line}`);
  if (error.code !== "internal" && !io.verbose) return;
  for (const cause of [error, ...causesOf(error)]) {
    if (cause instanceof Error) io.err(io.paint(2, "dim", cause.stack ?? cause.message));
  }
}

function causesOf(error: Error): unknown[] {
  const causes: unknown[] = [];
  // A ring of causes would never end.
  for (let at = error.cause; at !== undefined && causes.length < 8; at = at instanceof Error ? at.cause : undefined) {
    causes.push(at);
  }
  return causes;
}
