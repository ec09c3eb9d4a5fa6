/** File systems of a test's own, for the length of a function. All of them need root. */
import { realpathSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "./temp-dir.ts";

/** A file system of so many bytes, in memory. */
export async function withSmallDisk(bytes: number, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = realpathSync(tempDir());
  run("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder);
  await use(folder).finally(() => run("umount", "--lazy", folder));
}

/** A file system that takes names for the same that differ by case, also beyond ASCII: NTFS in a file. */
export async function withFoldingDisk(use: (folder: string) => Promise<void>): Promise<void> {
  const image = join(tempDir(), "image");
  writeFileSync(image, "");
  truncateSync(image, 32_000_000);
  run("mkntfs", "-q", "-F", "-f", image);
  const folder = realpathSync(tempDir());
  run("lowntfs-3g", "-o", "ignore_case", image, folder);
  await use(folder).finally(() => run("umount", "--lazy", folder));
}

function run(...argv: string[]): void {
  const child = Bun.spawnSync(argv);
  if (!child.success) throw new Error(`${argv.join(" ")}: ${child.stdout}${child.stderr}`);
}
