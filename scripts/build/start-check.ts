import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../../package.json";

/**
 * Starts a binary, `launcher` before it where it needs one, in a folder whose settings would end it at once if it obeyed them, and
 * with an empty environment; it must say its version and target. Returns what is wrong, or undefined.
 */
export async function startCheck(
  binary: string,
  target: string,
  launcher: readonly string[] = [],
): Promise<string | undefined> {
  const dir = mkdtempSync(join(tmpdir(), "glue-start-"));
  try {
    writeFileSync(join(dir, "bunfig.toml"), 'preload = ["./trap.ts"]\n');
    writeFileSync(join(dir, "trap.ts"), "process.exit(99);\n");
    const started = Bun.spawn([...launcher, binary, "version", "--json"], {
      cwd: dir,
      env: {},
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: 60_000,
    });
    const [stdout, stderr, status] = await Promise.all([started.stdout.text(), started.stderr.text(), started.exited]);
    if (status !== 0) return `${binary} version --json ended with ${status}:\n${stderr}`;
    const said = JSON.parse(stdout) as { version?: unknown; target?: unknown };
    const right = said.version === packageJson.version && said.target === target;
    return right ? undefined : `${binary} says it is ${stdout.trim()}, not ${packageJson.version} for ${target}`;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
