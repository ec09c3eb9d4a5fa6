/** Sandboxes of Modal's double, with Modal's own SDK, for tests of the round trip. */
import { chmodSync, closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CommandExecutor, RuntimeSession, SandboxHandle } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/modal/index.ts";
import { defaultOptions } from "../../spec/defaults.ts";
import { lateWorkspace } from "./late-workspace.ts";
import { pythonOf, SDKS, sdkEnv } from "./modal-sdks.ts";
import { tempDir } from "./temp-dir.ts";
import { asNobody, type Elsewhere, openAndRecord, openInAnother, type TestSandbox } from "./test-sandbox.ts";

/** Sidecars that wait for a next call; each test has a sandbox of its own, and few look back at an earlier one. */
const MOST_ATTACHED = 3;
const GIVEN = "GLUE_TEST_MODAL_DOUBLE";
/** One of `SDKS`, by `GLUE_TEST_ROUNDTRIP_SDK`. */
const SDK = sdkOf(process.env.GLUE_TEST_ROUNDTRIP_SDK ?? "newest");

function sdkOf(name: string) {
  const sdk = SDKS.find((one) => one === name);
  if (sdk === undefined) throw new Error(`GLUE_TEST_ROUNDTRIP_SDK: ${name} is none of: ${SDKS.join("; ")}`);
  return sdk;
}

interface Service {
  /** Where the double keeps its sandboxes. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

let started: Service | undefined;

/** Started once a process; handed on to processes that tests start. */
function service(): Service {
  const given = process.env[GIVEN];
  if (given !== undefined) started ??= JSON.parse(given) as Service;
  started ??= start();
  process.env[GIVEN] = JSON.stringify(started);
  // The sidecar inherits this process's environment.
  Object.assign(process.env, started.env);
  return started;
}

function start(): Service {
  const folder = tempDir();
  // What tests hand to what runs inside, and get from it, lies in folders of theirs.
  const shared = dirname(folder);
  chmodSync(shared, 0o755);
  const said = join(folder, "said");
  const out = openSync(said, "w");
  const main = join(import.meta.dir, "../doubles/modal/main.py");
  // Its stdin ends with this process.
  Bun.spawn([pythonOf(SDK), "-B", main, folder, "ak-double", "as-double", shared], {
    stdio: ["pipe", out, "inherit"],
  }).unref();
  closeSync(out);
  while (!readFileSync(said, "utf8").includes("\n")) Bun.sleepSync(10);
  const { url } = JSON.parse(readFileSync(said, "utf8")) as { url: string };
  const env = {
    MODAL_TOKEN_ID: "ak-double",
    MODAL_TOKEN_SECRET: "as-double",
    MODAL_SERVER_URL: url,
    MODAL_CONFIG_PATH: join(folder, "no-such.toml"),
    MODAL_DISABLE_API_PROXY: "1",
    ...sdkEnv(SDK),
  };
  return { folder, env };
}

export const onModal: Elsewhere = {
  rootOnly: "commands in Modal's sandboxes are root's, and so is the SDK of these tests",
  env: () => ({ ...service().env, MODAL_PYTHON: pythonOf(SDK) }),
  sandbox: modalSandbox,
  sessionFolders(sessions, id) {
    const { handle } = JSON.parse(readFileSync(join(sessions, id, "meta.json"), "utf8")) as { handle: SandboxHandle };
    const top = `${service().folder}/${handle.id}/root`;
    return { workspace: `${top}/workspace`, private: `${top}/var/lib/glue` };
  },
  home: "/root",
};

const attached: { readonly id: string; readonly session: Promise<RuntimeSession> }[] = [];

function attach(handle: SandboxHandle): Promise<RuntimeSession> {
  const id = handle.id ?? "";
  const known = attached.find((one) => one.id === id);
  if (known !== undefined) return known.session;
  const session = createRuntime().attach(handle, options());
  attached.push({ id, session });
  if (attached.length > MOST_ATTACHED) void attached.shift()?.session.then((oldest) => oldest.detach());
  return session;
}

function options() {
  return { ...defaultOptions(), runtime: "modal" as const, "modal.python_path": pythonOf(SDK) };
}

/** The sandbox of this root. */
function modalSandbox(root: string, env: Readonly<Record<string, string>>): TestSandbox {
  const { folder } = service();
  const record = `${root}.modal.json`;
  if (!existsSync(record)) openInAnother(import.meta.path, record);
  const handle = JSON.parse(readFileSync(record, "utf8")) as SandboxHandle;
  const session = () => attach(handle);
  const executor: CommandExecutor = {
    run: async (command, more = {}) =>
      await (await session()).executor.run(command, { ...more, env: { ...env, ...more.env } }),
  };
  const paths = { workspace: "/workspace", private: handle.data.private ?? "", tmp: "/tmp" };
  const top = `${folder}/${handle.id}/root`;
  const inside = (more: Readonly<Record<string, string>>) => {
    const pid = readFileSync(`${folder}/${handle.id}/pid`, "utf8");
    const words = Object.entries(more).map(([name, value]) => `${name}=${value}`);
    return [
      "nsenter",
      "--target",
      pid,
      "--mount",
      "--pid",
      "--",
      "chroot",
      top,
      "env",
      "-i",
      "-C",
      "/workspace",
      ...words,
    ];
  };
  const spawn: TestSandbox["spawn"] = (script, more) =>
    Bun.spawnSync([...inside(more), "sh", "-ec", script], { stdin: "ignore" });
  return {
    executor,
    workspace: lateWorkspace(session),
    paths,
    folder: `${top}/workspace`,
    unprivileged() {
      const script = `chown -R nobody . '${paths.private}'; chmod -R a+rX . '${paths.private}'`;
      const given = spawn(script, { PATH: process.env.PATH ?? "" });
      if (given.exitCode !== 0) throw new Error(given.stderr.toString());
      return asNobody({ executor, workspace: lateWorkspace(session), paths });
    },
    shared: { here: `${top}/root`, there: "/root" },
    spawn,
    start: (script) => Bun.spawn([...inside(env), "sh", "-c", script], { stdio: ["ignore", "ignore", "ignore"] }),
  };
}

if (import.meta.main) {
  service();
  await openAndRecord(createRuntime(), options(), process.argv[2] ?? "");
  process.exit(0);
}
