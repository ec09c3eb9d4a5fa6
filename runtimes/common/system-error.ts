/** What this machine's system says about a file, in the words of the port. */

import type { ErrorCode } from "../../spec/generated/errors.ts";
import { GlueError } from "../contract.ts";
import { showPath } from "./file-errors.ts";

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "fileNotFound",
  EISDIR: "isADirectory",
  ENOTDIR: "notADirectory",
  EACCES: "permissionDenied",
  EPERM: "permissionDenied",
};

const MEANS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of it is not a directory",
  EACCES: "permission denied",
  EPERM: "not permitted",
  ENOSPC: "no space is left",
  EDQUOT: "the quota is used up",
  EROFS: "the file system is read-only",
  ENOTEMPTY: "the directory is not empty",
  EEXIST: "something is there already",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "the name is too long",
};

/** The `GlueError` for a failed file operation; one that is a `GlueError` already stays as it is. `what`: "read", "write" … */
export function systemError(what: string, path: Uint8Array, error: unknown): GlueError {
  if (error instanceof GlueError) return error;
  const system = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  const why =
    (system === undefined ? undefined : MEANS[system]) ?? (error instanceof Error ? error.message : String(error));
  const code = (system === undefined ? undefined : CODES[system]) ?? "ioFailed";
  return new GlueError(code, `Cannot ${what} ${showPath(path)}: ${why}`, { cause: error });
}
