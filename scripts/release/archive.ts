import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync } from "node:fs";
import { basename, join } from "node:path";
import { ROOT } from "../build/compile.ts";
import type { Target } from "../build/targets.ts";

/** Text files that go into every archive beside the binary. */
const BESIDE = ["LICENSE", "README.md"];

/**
 * Packs `dist/<target>/glue[.exe]` into `dist/glue-<version>-<target>.tar.gz` (`.zip` for Windows) and returns the archive's path. Uses
 * GNU tar and zip of the machine; the same content gives the same bytes, every time in it being that of the commit.
 */
export async function pack(target: Target, binary: string, version: string, commitTime: Date): Promise<string> {
  const dist = join(ROOT, "dist");
  const name = `glue-${version}-${target.name}`;
  const work = mkdtempSync(join(dist, ".pack-"));
  try {
    const folder = join(work, name);
    mkdirSync(folder);
    for (const file of [binary, ...BESIDE.map((beside) => join(ROOT, beside))]) {
      copyFileSync(file, join(folder, basename(file)));
      utimesSync(join(folder, basename(file)), commitTime, commitTime);
    }
    utimesSync(folder, commitTime, commitTime);
    const archive = `${name}${target.format === "PE" ? ".zip" : ".tar.gz"}`;
    if (target.format === "PE") await run(["zip", "-q", "-X", "-r", archive, name], work);
    else {
      const tar = ["tar", "--format=ustar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"];
      await run([...tar, "--mode=u=rwX,go=rX", "-cf", `${name}.tar`, name], work);
      await run(["gzip", "-9", "-n", `${name}.tar`], work);
    }
    renameSync(join(work, archive), join(dist, archive));
    return join(dist, archive);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function run(argv: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn([...argv], {
    cwd,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, TZ: "UTC" },
  });
  const [stderr, status] = await Promise.all([child.stderr.text(), child.exited]);
  if (status !== 0) throw new Error(`${argv.join(" ")} ended with ${status}:\n${stderr}`);
}
