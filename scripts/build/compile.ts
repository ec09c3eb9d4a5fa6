import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dir, "../..");

export interface CompileOptions {
  /** As `glue version --json` will say it. */
  readonly target: string;
  /** Absolute path of the binary; its last part is embedded and so has to be the same for a build to be reproducible. */
  readonly outfile: string;
  /** Bun's name of a foreign target and the Bun executable for it; the running Bun where it is left out. */
  readonly runtime?: { readonly bunTarget: string; readonly executable: string };
  readonly commit: string;
}

/**
 * Compiles glue into one executable. The same sources give the same bytes in any folder. Throws with Bun's own output when anything
 * in it is an error, also where Bun ends with 0.
 */
export async function compile(options: CompileOptions): Promise<void> {
  mkdirSync(dirname(options.outfile), { recursive: true });
  // Built beside its place and renamed: whoever starts the old binary at this moment never meets half a file.
  const work = mkdtempSync(join(dirname(options.outfile), ".build-"));
  try {
    const built = join(work, basename(options.outfile));
    const build = Bun.spawn([process.execPath, ...flags(options), "cmd/main.ts", "--outfile", built], {
      cwd: ROOT,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, status] = await Promise.all([build.stdout.text(), build.stderr.text(), build.exited]);
    const log = stdout + stderr;
    // Bun 1.4.5 prints "error: Failed to generate bytecode", ends with 0 and leaves a binary that dies at its start.
    if (status !== 0 || /^\s*error:/m.test(log))
      throw new Error(`bun build for ${options.target} failed (${status}):\n${log}`);
    renameSync(built, options.outfile);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function flags(options: CompileOptions): string[] {
  const define = (name: string, value: string) => ["--define", `${name}=${JSON.stringify(value)}`];
  return [
    "build",
    "--compile",
    // Does not follow from --compile, whatever the help says.
    "--production",
    "--minify",
    "--sourcemap",
    // Without esm, bytecode of a module with import.meta is broken.
    "--bytecode",
    "--format=esm",
    "--splitting",
    // Code of a short command runs once: compiling it costs more than interpreting it. A tenth of the processor time of `glue run`.
    "--compile-jit-policy=8",
    "--reject-unresolved",
    // A bunfig.toml or .env in the folder where glue is started must neither run code in it nor set anything.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    ...define("GLUE_BUILD_COMMIT", options.commit),
    ...define("GLUE_BUILD_TARGET", options.target),
    // Bun writes the folder of this checkout in place of these into CommonJS packages; nothing of ours reads them.
    ...define("__dirname", "/"),
    ...define("__filename", "/"),
    ...(options.runtime === undefined
      ? []
      : [`--target=${options.runtime.bunTarget}`, `--compile-executable-path=${options.runtime.executable}`]),
  ];
}

/** The full id of HEAD, `-dirty` appended where a tracked file differs; `unknown` outside a repository. */
export function currentCommit(): string {
  const git = (...args: string[]) => {
    const { exitCode, stdout } = Bun.spawnSync(["git", "-C", ROOT, ...args], { stderr: "ignore" });
    return exitCode === 0 ? stdout.toString().trim() : undefined;
  };
  const head = git("rev-parse", "--verify", "HEAD");
  if (head === undefined) return "unknown";
  return git("status", "--porcelain", "--untracked-files=no") === "" ? head : `${head}-dirty`;
}
