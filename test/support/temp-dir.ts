import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let root: string | undefined;

/**
 * A new empty folder, as a real path (short enough for a unix socket in it). It may be asked for anywhere in a test file, and is
 * removed when the run ends.
 */
export function tempDir(): string {
  // /tmp rather than a long TMPDIR: the path of a unix socket has at most 107 bytes.
  root ??= realpathSync(mkdtempSync(join(tmpdir().length > 40 ? "/tmp" : tmpdir(), "glue-test-")));
  mkdirSync(root, { recursive: true });
  return mkdtempSync(join(root, "d-"));
}

/** As `tempDir`, for the length of one function: for tests that write much. */
export async function withTempDir<T>(use: (dir: string) => T | Promise<T>): Promise<T> {
  const dir = tempDir();
  try {
    return await use(dir);
  } finally {
    removeTree(dir);
  }
}

/** Called at the end of the run (see preload.ts). */
export function removeTempDirs(): void {
  if (root !== undefined) removeTree(root);
  root = undefined;
}

function removeTree(dir: string): void {
  // Folders that a test made unreadable can be emptied only after this, unless the user is root.
  if (process.getuid?.() !== 0) spawnSync("chmod", ["-R", "u+rwX", dir], { stdio: "ignore" });
  rmSync(dir, { recursive: true, force: true });
}
