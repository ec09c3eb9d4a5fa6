/** The round trip's tests in sandboxes of the double of Daytona; see roundtrip-on.ts. Run by itself it makes one, for whoever cannot wait otherwise. */
import { chmodSync, existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CommandExecutor, Options, RuntimeSession, SandboxHandle } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/daytona/index.ts";
import { defaultOptions } from "../../spec/defaults.ts";
import { lateWorkspace } from "./late-workspace.ts";
import { tempDir } from "./temp-dir.ts";
import { type Elsewhere, openAndRecord, openInAnother, type SessionFolders, type TestSandbox } from "./test-sandbox.ts";

/** What the double says of itself. */
interface Service {
  readonly url: string;
  readonly apiKey: string;
  readonly folder: string;
}

/** Each is a daemon of some megabytes: so many are kept for tests that come back to one. */
const MOST_SANDBOXES = 24;

const DAYTONA_HOME = "/home/daytona";
const DAYTONA_PRIVATE = `${DAYTONA_HOME}/.local/state/glue`;

let started: Service | undefined;
const made: SandboxHandle[] = [];

/** Started once a process; handed on to processes that tests start. */
function service(): Service {
  const given = process.env.GLUE_TEST_DAYTONA;
  if (given !== undefined) started ??= JSON.parse(given) as Service;
  if (started !== undefined) return started;
  const file = join(tempDir(), "double.json");
  // What tests hand to what runs inside, and get from it, lies in folders of theirs.
  const shared = dirname(dirname(file));
  chmodSync(shared, 0o755);
  // Its stdin ends with this process.
  const main = join(import.meta.dir, "../doubles/daytona/main.ts");
  Bun.spawn([process.execPath, main, JSON.stringify({ shared }), file], {
    stdio: ["pipe", "ignore", "inherit"],
  }).unref();
  while (!existsSync(file)) Bun.sleepSync(10);
  started = JSON.parse(readFileSync(file, "utf8")) as Service;
  process.env.GLUE_TEST_DAYTONA = JSON.stringify(started);
  Object.assign(process.env, daytonaEnv());
  return started;
}

export const onDaytona: Elsewhere = {
  env: daytonaEnv,
  sandbox: daytonaSandbox,
  sessionFolders: daytonaFolders,
  home: DAYTONA_HOME,
};

function daytonaEnv(): Readonly<Record<string, string>> {
  const { url, apiKey } = service();
  return { DAYTONA_API_KEY: apiKey, DAYTONA_API_BASE_URL: url };
}

function daytonaFolders(sessions: string, id: string): SessionFolders {
  const { handle } = JSON.parse(readFileSync(join(sessions, id, "meta.json"), "utf8")) as { handle: SandboxHandle };
  const top = topOf(handle);
  return { workspace: `${top}/workspace`, private: `${top}${DAYTONA_PRIVATE}` };
}

function topOf({ id = "" }: SandboxHandle): string {
  return `${service().folder}/${id}/root`;
}

function optionsHere(): Options {
  const { url, apiKey } = service();
  return { ...defaultOptions(), runtime: "daytona", "daytona.api_key": apiKey, "daytona.api_base_url": url };
}

function daytonaSandbox(root: string, env: Readonly<Record<string, string>>): TestSandbox {
  const options = optionsHere();
  const runtime = createRuntime();
  const record = `${root}.daytona.json`;
  if (!existsSync(record)) open(record);
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
  const top = topOf(handle);
  const paths = { workspace: "/workspace", private: handle.data.own ?? "", tmp: "/tmp" };
  const workspace = lateWorkspace(attached);
  /** What runs a script in the workspace; the daemon of a sandbox that was started is there. */
  const entering = (words: readonly string[]) => [
    ...["nsenter", "-t", String(processIn(top)), "-m", "-p", "-r", "--"],
    ...["setpriv", "--reuid=daytona", "--regid=daytona", "--init-groups", "env", "-i", "-C", "/workspace", ...words],
  ];
  const outside = { PATH: process.env.PATH ?? "" };
  return {
    executor,
    workspace,
    paths,
    folder: `${top}/workspace`,
    // It is none other than that anyway.
    unprivileged: () => ({ executor, workspace, paths }),
    shared: { here: `${top}${DAYTONA_HOME}`, there: DAYTONA_HOME },
    spawn(script, more) {
      const words = Object.entries(more).map(([name, value]) => `${name}=${value}`);
      return Bun.spawnSync(entering([...words, "sh", "-ec", script]), { env: outside, stdin: "ignore" });
    },
    start: (script) =>
      Bun.spawn(entering([`PATH=${outside.PATH}`, "sh", "-c", script]), {
        env: outside,
        stdio: ["ignore", "ignore", "ignore"],
      }),
  };
}

/** A process that has this folder for its root. */
function processIn(top: string): number {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readlinkSync(`/proc/${pid}/root`) === top) return Number(pid);
    } catch {
      // It has ended.
    }
  }
  throw new Error(`nothing runs in ${top}`);
}

function open(record: string): void {
  service();
  openInAnother(import.meta.path, record);
  made.push(JSON.parse(readFileSync(record, "utf8")) as SandboxHandle);
  const oldest = made.length > MOST_SANDBOXES ? made.shift() : undefined;
  if (oldest !== undefined) void createRuntime().release(oldest, optionsHere());
}

if (import.meta.main) {
  await openAndRecord(createRuntime(), optionsHere(), process.argv[2] ?? "");
  process.exit(0);
}
