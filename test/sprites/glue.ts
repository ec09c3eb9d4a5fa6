/** A glue of its own against a double, on a repository of its own. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Double, type DoubleOptions, startDouble } from "../doubles/sprite/server.ts";
import { tempDir } from "../support/needs.ts";

const MAIN = join(import.meta.dir, "../../cmd/main.ts");

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Setting {
  readonly double: Double;
  /** The user's repository. */
  readonly repo: string;
  readonly home: string;
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Bun.Subprocess<"ignore", "pipe", "pipe">;
  glue(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>;
  git(...args: string[]): string;
  stop(): Promise<void>;
}

/** With one commit of `a.txt`, and `b.txt` not in git yet. */
export async function setUp(options: DoubleOptions = {}): Promise<Setting> {
  const double = startDouble(options);
  const repo = tempDir();
  const home = join(tempDir(), "home");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const identity = {
    GIT_AUTHOR_NAME: "T",
    GIT_AUTHOR_EMAIL: "t@example.org",
    GIT_COMMITTER_NAME: "T",
    GIT_COMMITTER_EMAIL: "t@example.org",
  };
  const basic = { PATH: process.env.PATH ?? "", HOME: join(home, "nobody"), GIT_CONFIG_NOSYSTEM: "1", TZ: "UTC" };
  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    Bun.spawn([process.execPath, MAIN, ...args], {
      cwd: repo,
      env: { ...basic, GLUE_HOME: home, SPRITES_CLI: double.cli, ...double.env, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  const git = (...args: string[]) => {
    const { stdout, stderr, exitCode } = Bun.spawnSync(["git", ...args], { cwd: repo, env: { ...basic, ...identity } });
    if (exitCode !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
    return stdout.toString().trim();
  };
  git("init", "-q", "-b", "main");
  await Bun.write(join(repo, "a.txt"), "one\n");
  git("add", "a.txt");
  git("commit", "-q", "-m", "first");
  await Bun.write(join(repo, "b.txt"), "two\n");
  return {
    double,
    repo,
    home,
    start,
    git,
    async glue(args, env) {
      const child = start(args, env);
      const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
      return { code, stdout, stderr };
    },
    stop: () => double.stop(),
  };
}

/** The id of the newest session. */
export async function newestSession({ glue }: Setting): Promise<string> {
  const { sessions } = JSON.parse((await glue(["session", "list", "--json"])).stdout) as {
    sessions: { id: string; createdAt: string }[];
  };
  return sessions.sort((a, b) => a.createdAt.localeCompare(b.createdAt)).at(-1)?.id ?? "";
}
