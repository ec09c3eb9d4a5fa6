/** Where glue keeps git data of its own, and under which names: on the host, in a sandbox, and in the bundles between them. */
import { join } from "node:path";

/** The refs of glue's own git directories and bundles. A bundle's refs are the only names that its reader goes by. */
export const REFS = {
  /** The snapshot as a commit: what a session started from. */
  base: "refs/glue/base",
  /** A commit whose tree holds the opted-in ignored files; travels beside the base, never a parent of anything. */
  include: "refs/glue/include",
  /** The state at the last capture. */
  captured: "refs/glue/captured",
} as const;

/** Names of the files that this layer writes into a session's folder. */
export const SESSION_FILES = { baseBundle: "base.bundle", farewell: "farewell" } as const;

/** Where the bundle is uploaded to, whatever the runtime. */
export const BOOTSTRAP_BUNDLE = "glue-bootstrap.bundle";

/**
 * Attributes that make git keep a file's bytes exactly as they are on disk, in both directions. Written to `info/attributes`,
 * which wins over every attribute of the tree.
 */
export const EXACT_BYTES = "* -text -filter -ident -eol -working-tree-encoding -export-ignore -export-subst\n";

/**
 * What `find -printf` says of each entry of a workspace that has not been touched: when anything of it changed last, its content, size, number,
 * mode and name. The change time is the kernel's own, which no program inside can set.
 */
export const STILL_FORMAT = "%C@ %T@ %s %i %m %P\\0";

/** Author and committer of commits that glue makes by itself. */
export const GLUE_IDENTITY = { name: "glue", email: "glue@localhost" } as const;

/** The message of the commit that holds uncommitted work. */
export const UNCOMMITTED_WORK = "uncommitted work";

/** glue's git directory for one working tree on the host; safe to delete. `glueHome` and `top` are absolute, `top` resolved. */
export function hostGitDir(glueHome: string, top: string): string {
  const hash = new Bun.CryptoHasher("sha256").update(top).digest("hex").slice(0, 32);
  return join(glueHome, "cache", "git", hash);
}

/** glue's git directory in a sandbox: outside the workspace, so that nothing done there can reach it. */
export function sandboxGitDir(privateDir: string): string {
  return `${privateDir}/git`;
}

/**
 * A path as text that JSON can hold: the path itself where it is valid UTF-8, else quoted as git does (`"a\377b"`). Only quoted
 * paths start with a double quote, so that the way back is never in doubt.
 */
export function pathText(path: Uint8Array): string {
  if (path[0] !== 0x22) {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(path);
    } catch {
      // Not UTF-8: quoted below.
    }
  }
  let text = '"';
  for (const byte of path) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte < 0x20 || byte >= 0x7f) text += `\\${byte.toString(8).padStart(3, "0")}`;
    else text += String.fromCharCode(byte);
  }
  return `${text}"`;
}

/** The bytes that `pathText` was given. */
export function pathBytes(text: string): Uint8Array {
  if (!text.startsWith('"')) return new TextEncoder().encode(text);
  const bytes: number[] = [];
  for (let at = 1; at < text.length - 1; at++) {
    if (text[at] !== "\\") {
      bytes.push(text.charCodeAt(at));
    } else if (/[0-7]/.test(text[at + 1] ?? "")) {
      bytes.push(Number.parseInt(text.slice(at + 1, at + 4), 8));
      at += 3;
    } else {
      bytes.push(text.charCodeAt(++at));
    }
  }
  return Uint8Array.from(bytes);
}
