/**
 * Where the round trip of a tree is tested: in a folder of this machine, or, with `GLUE_TEST_ROUNDTRIP_ON=sprites` or `=daytona`, in sandboxes of
 * that service's double. The tests are the same; what they look at from outside is the sandbox's own file system.
 */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CommandExecutor, RuntimeSession, SandboxHandle } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/sprites/index.ts";
import { defaultOptions } from "../../spec/defaults.ts";
import { type LocalSandbox, localSandbox } from "../workspace/local-sandbox.ts";
import { lateWorkspace } from "./late-workspace.ts";
import { DAYTONA_HOME, daytonaEnv, daytonaFolders, daytonaSandbox } from "./roundtrip-daytona.ts";
import { tempDir } from "./temp-dir.ts";

/** A sandbox, and how a test reaches into it without the ports. */
export interface TestSandbox extends LocalSandbox {
  /** The workspace as a folder of this machine. */
  readonly folder: string;
  /** A folder that both sides can read, as each of them names it. */
  readonly shared: { readonly here: string; readonly there: string };
  /** The same for commands whose user file modes bind; on this machine that needs root, and gives all that is there to that user. */
  unprivileged(): LocalSandbox;
  /** Runs a script in the workspace, as an agent would. */
  spawn(script: string, env: Readonly<Record<string, string>>): { exitCode: number; stdout: Buffer; stderr: Buffer };
  /** Starts one in the workspace that goes on beside the test; its output goes nowhere. */
  start(script: string): { readonly exited: Promise<number> };
}

const onSprites = process.env.GLUE_TEST_ROUNDTRIP_ON === "sprites";
const onDaytona = process.env.GLUE_TEST_ROUNDTRIP_ON === "daytona";
const away = onSprites || onDaytona;

/** For a glue that is run: the words that choose the runtime, and what it needs in its environment. */
export function whereFlags(): readonly string[] {
  return ["-r", onSprites ? "sprites" : onDaytona ? "daytona" : "host"];
}

/** Lets commands in a sandbox of the tests use a file, or a folder with all that is in it, whosever it is. */
export function openTree(path: string): void {
  if (away) Bun.spawnSync(["chmod", "-R", "a+rwX", path]);
}

/** A new folder as `tempDir` makes it, that commands in a sandbox of the tests can write to under the same path. */
export function openTempDir(): string {
  const folder = tempDir();
  if (away) chmodSync(folder, 0o777);
  return folder;
}

export function whereEnv(): Readonly<Record<string, string>> {
  if (onDaytona) return daytonaEnv();
  if (!onSprites) return {};
  const { cli, env } = service();
  return { ...env, SPRITES_CLI: cli };
}

/** The workspace and glue's own folder of a session that works on a copy, as folders of this machine. `sessions` is where its record lies. */
export function sessionFolders(sessions: string, id: string): { readonly workspace: string; readonly private: string } {
  if (onDaytona) return daytonaFolders(sessions, id);
  if (!onSprites) return { workspace: join(sessions, id, "workspace"), private: join(sessions, id, "private") };
  const top = `${service().env.FAKE_SPRITE_STATE}/glue-${id}/root`;
  return { workspace: `${top}/workspace`, private: `${top}/home/sprite/.glue-sandbox` };
}

/** Why a test that is about a folder of this machine, or makes its sandbox by hand, is not run. */
export const onlyOnHost: string | undefined = away ? "not about a sandbox elsewhere" : undefined;

/** How many of the random runs of a full run are made: away from here each costs seconds. */
export function fullRuns(here: number): number {
  return away ? Math.ceil(here / 10) : here;
}

/** HOME of commands in the sandbox of this root. */
export function homeInside(root: string): string {
  return onSprites ? "/home/sprite" : onDaytona ? DAYTONA_HOME : root;
}

/** The sandbox of this root; the same one where it was made before, in another process too. */
export function testSandbox(root: string, env: Readonly<Record<string, string>>): TestSandbox {
  if (onSprites) return spriteSandbox(root, env);
  if (onDaytona) return daytonaSandbox(root, env);
  const local = localSandbox(root, env);
  const { workspace } = local.paths;
  return {
    ...local,
    folder: workspace,
    unprivileged: () => asNobody(root, local),
    shared: { here: root, there: root },
    spawn: (script, more) =>
      Bun.spawnSync(["sh", "-ec", script], { cwd: workspace, env: { ...more }, stdin: "ignore" }),
    start: (script) =>
      Bun.spawn(["sh", "-c", script], { cwd: workspace, env: { ...env }, stdio: ["ignore", "ignore", "ignore"] }),
  };
}

function asNobody(root: string, local: LocalSandbox): LocalSandbox {
  const given = Bun.spawnSync(["sh", "-ec", "chmod 755 ../.. .. .; chown -R nobody .; chmod -R a+rX ."], { cwd: root });
  if (given.exitCode !== 0) throw new Error(given.stderr.toString());
  const { executor } = local;
  return {
    ...local,
    executor: {
      run: (command, options) =>
        executor.run(
          "script" in command
            ? { argv: ["setpriv", "--reuid=nobody", "--clear-groups", "sh", "-c", command.script] }
            : command,
          options,
        ),
    },
  };
}

interface Service {
  readonly cli: string;
  readonly env: Readonly<Record<string, string>>;
}

let started: Service | undefined;

/** Started once a process; handed on to processes that tests start. */
function service(): Service {
  const given = process.env.GLUE_TEST_SPRITES;
  if (given !== undefined) started ??= JSON.parse(given) as Service;
  if (started !== undefined) return started;
  const file = join(tempDir(), "double.json");
  // What tests hand to what runs inside, and get from it, lies in folders of theirs.
  const shared = dirname(dirname(file));
  chmodSync(shared, 0o755);
  // Its stdin ends with this process.
  Bun.spawn([process.execPath, join(import.meta.dir, "../doubles/sprite/service/main.ts"), file, shared], {
    stdio: ["pipe", "ignore", "inherit"],
  }).unref();
  while (!existsSync(file)) Bun.sleepSync(10);
  started = JSON.parse(readFileSync(file, "utf8")) as Service;
  // A runtime of this process finds it there, too.
  Object.assign(process.env, started.env, { GLUE_TEST_SPRITES: JSON.stringify(started) });
  return started;
}

function spriteSandbox(root: string, env: Readonly<Record<string, string>>): TestSandbox {
  const { cli, env: found } = service();
  const options = { ...defaultOptions(), runtime: "sprites" as const, "sprites.sprite_cli": cli };
  const runtime = createRuntime({ PATH: process.env.PATH, ...found });
  const record = `${root}.sprite.json`;
  if (!existsSync(record)) openInAnother(record);
  const handle = JSON.parse(readFileSync(record, "utf8")) as SandboxHandle;
  let session: Promise<RuntimeSession> | undefined;
  const attached = () => {
    session ??= runtime.attach(handle, options);
    return session;
  };
  const executor: CommandExecutor = {
    run: async (command, more = {}) =>
      await (await attached()).executor.run(command, { ...more, env: { ...env, ...more.env } }),
  };
  const top = `${found.FAKE_SPRITE_STATE}/${handle.name}/root`;
  const paths = { workspace: "/workspace", private: handle.data.private ?? "", tmp: "/tmp" };
  return {
    executor,
    workspace: lateWorkspace(attached),
    paths,
    folder: `${top}/workspace`,
    // It is none other than that anyway.
    unprivileged: () => ({ executor, workspace: lateWorkspace(attached), paths }),
    shared: { here: `${top}/home/sprite`, there: "/home/sprite" },
    spawn(script, more) {
      const words = Object.entries(more).map(([name, value]) => `${name}=${value}`);
      const inside = ["env", "-i", "-C", "/workspace", ...words, "sh", "-ec", script];
      return Bun.spawnSync([cli, "-s", handle.name, "exec", "--", ...inside], {
        env: { PATH: process.env.PATH ?? "", ...found },
        stdin: "ignore",
      });
    },
    start: (script) =>
      Bun.spawn([cli, "-s", handle.name, "exec", "--dir", "/workspace", "--", "sh", "-c", script], {
        env: { PATH: process.env.PATH ?? "", ...found },
        stdio: ["ignore", "ignore", "ignore"],
      }),
  };
}

/** Opening waits for much, and this process must wait for it. */
function openInAnother(record: string): void {
  const opened = Bun.spawnSync([process.execPath, import.meta.path, record], {
    env: { ...process.env },
    stdin: "ignore",
    stderr: "inherit",
  });
  if (opened.exitCode !== 0) throw new Error("a sprite could not be opened");
}

if (import.meta.main) {
  const { cli, env } = service();
  const sessionDir = tempDir();
  const session = await createRuntime({ PATH: process.env.PATH, ...env }).open(
    { ...defaultOptions(), runtime: "sprites", "sprites.sprite_cli": cli },
    {
      sessionId: `trip-${crypto.randomUUID().slice(0, 12)}`,
      owner: { kind: "process", host: "here", boot: "now", pid: process.ppid, pidStart: "1" },
      tree: { top: sessionDir, subfolder: "", outsideGitDirs: [] },
      mode: "copy",
      sessionDir,
      progress: () => undefined,
    },
  );
  writeFileSync(process.argv[2] ?? "", JSON.stringify(session.handle));
  process.exit(0);
}
