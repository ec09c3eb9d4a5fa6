import type { ErrorCode } from "../../spec/generated/errors.ts";
import { GlueError } from "../contract.ts";

/** The system's own words (strerror in the C locale), as the tools of every libc print them. */
const WORDS: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [/No such file/, "fileNotFound", "there is no such file"],
  [/Is a directory/, "isADirectory", "it is a directory"],
  [/Not a directory/, "notADirectory", "a part of it is not a directory"],
  [/File exists/, "notADirectory", "something else is there"],
  [/Permission denied|Operation not permitted/, "permissionDenied", "permission denied"],
  [/No space left/, "ioFailed", "no space is left"],
  [/Disk quota exceeded/, "ioFailed", "the quota is used up"],
  [/Read-only file system/, "ioFailed", "the file system is read-only"],
  [/Directory not empty/, "ioFailed", "the directory is not empty"],
  [/Too many levels of symbolic links/, "ioFailed", "too many symbolic links"],
  [/File name too long/, "ioFailed", "the name is too long"],
  [/not a regular file/, "ioFailed", "it is not a regular file"],
  [/not whole/, "transferFailed", "not all of it arrived"],
];

/** The `GlueError` for a file operation that failed in a sandbox. `what`: "read", "write" …; `words`: its stderr. */
export function fileError(what: string, path: Uint8Array, words: string): GlueError {
  const known = WORDS.find(([pattern]) => pattern.test(words));
  const why = known?.[2] ?? (words.trim().split("\n").at(-1) || "nobody said why");
  return new GlueError(known?.[1] ?? "ioFailed", `Cannot ${what} ${showPath(path)}: ${why}`, { cause: words.trim() });
}

/** A path for people: bytes that are no UTF-8 as U+FFFD. */
export function showPath(path: Uint8Array): string {
  return new TextDecoder().decode(path);
}
