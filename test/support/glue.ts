import { join } from "node:path";
import type { Home } from "../../session/home.ts";

/** How a glue that was run from its source ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GlueOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Another user's id: permissions do not stop root. Needs root. */
  readonly uid?: number;
}

const NO_ENGINE = { DOCKER_HOST: "unix:///nonexistent/engine.sock" };

/** Bun keeps what it has compiled in HOME, which here is a folder of the test. */
const NO_CACHE = { BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" };

const MAIN = join(import.meta.dir, "../../cmd/main.ts");

/** The engine of this machine, for tests that are about containers; without it a glue under test finds none listening. */
export const REAL_ENGINE = { DOCKER_HOST: process.env.DOCKER_HOST ?? "unix:///var/run/docker.sock" };

/** Starts a glue of its own, with nothing of this machine's configuration, no engine, and no variables but those given. */
export function startGlue(home: Home, args: readonly string[], { cwd, env = {}, uid }: GlueOptions) {
  const as = uid === undefined ? [] : ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
  return Bun.spawn([...as, process.execPath, MAIN, ...args], {
    cwd,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: join(home.root, "nobody"),
      GLUE_HOME: home.root,
      ...NO_ENGINE,
      ...NO_CACHE,
      ...env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Runs a glue to its end. */
export async function glue(home: Home, args: readonly string[], options: GlueOptions): Promise<Ran> {
  const child = startGlue(home, args, options);
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, stdout, stderr };
}

/** Waits until something holds; fails when it does not within `ms`. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; await Bun.sleep(20)) if (await holds()) return;
  throw new Error(`not within ${ms} ms: ${what}`);
}

/** Whether a process of this pid runs (a zombie does not). */
export function runs(pid: number): boolean {
  try {
    const stat = Bun.spawnSync(["ps", "-o", "stat=", "-p", String(pid)])
      .stdout.toString()
      .trim();
    return stat !== "" && !stat.startsWith("Z");
  } catch {
    return false;
  }
}
