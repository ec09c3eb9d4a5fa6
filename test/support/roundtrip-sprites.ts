/** Sprites of the double, for tests of the round trip. */
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CommandExecutor, RuntimeSession, SandboxHandle } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/sprites/index.ts";
import { defaultOptions } from "../../spec/defaults.ts";
import { lateWorkspace } from "./late-workspace.ts";
import { tempDir } from "./temp-dir.ts";
import { type Elsewhere, openAndRecord, openInAnother, type TestSandbox } from "./test-sandbox.ts";

interface Service {
  readonly cli: string;
  readonly env: Readonly<Record<string, string>>;
}

let started: Service | undefined;

export const onSprites: Elsewhere = {
  env() {
    const { cli, env } = service();
    return { ...env, SPRITES_CLI: cli };
  },
  sandbox: spriteSandbox,
  sessionFolders(_sessions, id) {
    const top = `${service().env.FAKE_SPRITE_STATE}/glue-${id}/root`;
    return { workspace: `${top}/workspace`, private: `${top}/home/sprite/.glue-sandbox` };
  },
  home: "/home/sprite",
};

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

/** The sprite of this root. */
function spriteSandbox(root: string, env: Readonly<Record<string, string>>): TestSandbox {
  const { cli, env: found } = service();
  const options = { ...defaultOptions(), runtime: "sprites" as const, "sprites.sprite_cli": cli };
  const runtime = createRuntime({ PATH: process.env.PATH, ...found });
  const record = `${root}.sprite.json`;
  if (!existsSync(record)) openInAnother(import.meta.path, record);
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

if (import.meta.main) {
  const { cli, env } = service();
  const runtime = createRuntime({ PATH: process.env.PATH, ...env });
  const options = { ...defaultOptions(), runtime: "sprites" as const, "sprites.sprite_cli": cli };
  await openAndRecord(runtime, options, process.argv[2] ?? "");
  process.exit(0);
}
