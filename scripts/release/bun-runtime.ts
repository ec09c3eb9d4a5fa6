import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Target } from "../build/targets.ts";

/**
 * The Bun executable that a foreign target is made of, in this very version, from the npm registry that npm is configured for
 * (Bun's own download knows only the public one), checked by npm against the registry's digest. Kept in the cache.
 */
export async function bunRuntime(target: Target): Promise<string> {
  const name = target.bun.replace("-arm64", "-aarch64");
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "glue-build");
  const kept = join(cache, `${name}-${Bun.version}`);
  const executable = join(kept, "package", "bin", target.format === "PE" ? "bun.exe" : "bun");
  if (existsSync(executable)) return executable;

  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, ".fetch-"));
  try {
    const packed = await output(["npm", "pack", "--silent", `@oven/${name}@${Bun.version}`], work);
    await output(["tar", "-xzf", packed.trim()], work);
    rmSync(join(work, packed.trim()));
    if (!existsSync(join(work, "package", "bin"))) throw new Error(`@oven/${name} holds no bin folder`);
    rmSync(kept, { recursive: true, force: true });
    renameSync(work, kept);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return executable;
}

async function output(argv: readonly [string, ...string[]], cwd: string): Promise<string> {
  const run = Bun.spawn([...argv], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, status] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
  if (status !== 0) throw new Error(`${argv.join(" ")} ended with ${status}:\n${stderr}`);
  return stdout;
}
