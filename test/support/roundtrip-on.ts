/**
 * Where the round trip of a tree is tested: in a folder of this machine, or, with `GLUE_TEST_ROUNDTRIP_ON=sprites`, `daytona` or
 * `modal`, in sandboxes of that service's double. The tests are the same; what they look at from outside is the sandbox's own file system.
 */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { localSandbox } from "../workspace/local-sandbox.ts";
import { onDaytona } from "./roundtrip-daytona.ts";
import { onModal } from "./roundtrip-modal.ts";
import { onSprites } from "./roundtrip-sprites.ts";
import { tempDir } from "./temp-dir.ts";
import { asNobody, type Elsewhere, type SessionFolders, type TestSandbox } from "./test-sandbox.ts";

const SERVICES: Readonly<Record<string, Elsewhere>> = { sprites: onSprites, daytona: onDaytona, modal: onModal };
const on = process.env.GLUE_TEST_ROUNDTRIP_ON ?? "host";
const elsewhere = SERVICES[on];
if (elsewhere === undefined && on !== "host") throw new Error(`GLUE_TEST_ROUNDTRIP_ON: no round trip on ${on}`);

/** For a glue that is run: the words that choose the runtime, and what it needs in its environment. */
export function whereFlags(): readonly string[] {
  return ["-r", on];
}
export function whereEnv(): Readonly<Record<string, string>> {
  return elsewhere?.env() ?? {};
}

/** As `Elsewhere` has it. */
export const rootOnly = elsewhere?.rootOnly;

/** Lets commands in a sandbox of the tests use a file, or a folder with all that is in it, whosever it is. */
export function openTree(path: string): void {
  if (elsewhere !== undefined && rootOnly === undefined) Bun.spawnSync(["chmod", "-R", "a+rwX", path]);
}

/** A new folder as `tempDir` makes it, that commands in a sandbox of the tests can write to under the same path. */
export function openTempDir(): string {
  const folder = tempDir();
  if (elsewhere !== undefined) chmodSync(folder, 0o777);
  return folder;
}

/** The workspace and glue's own folder of a session that works on a copy, as folders of this machine. `sessions` is where its record lies. */
export function sessionFolders(sessions: string, id: string): SessionFolders {
  const here = { workspace: join(sessions, id, "workspace"), private: join(sessions, id, "private") };
  return elsewhere?.sessionFolders(sessions, id) ?? here;
}

/** Why a test that is about a folder of this machine, or makes its sandbox by hand, is not run. */
export const onlyOnHost: string | undefined = elsewhere === undefined ? undefined : "not about a sandbox elsewhere";

/** How many of the random runs of a full run are made: away from here each costs seconds. */
export function fullRuns(here: number): number {
  return elsewhere === undefined ? here : Math.ceil(here / 10);
}

/** HOME of commands in the sandbox of this root. */
export function homeInside(root: string): string {
  return elsewhere?.home ?? root;
}

/** The sandbox of this root; the same one where it was made before, in another process too. */
export function testSandbox(root: string, env: Readonly<Record<string, string>>): TestSandbox {
  if (elsewhere !== undefined) return elsewhere.sandbox(root, env);
  const local = localSandbox(root, env);
  const { workspace } = local.paths;
  return {
    ...local,
    folder: workspace,
    unprivileged: () => {
      const script = "chmod 755 ../.. .. .; chown -R nobody .; chmod -R a+rX .";
      const given = Bun.spawnSync(["sh", "-ec", script], { cwd: root });
      if (given.exitCode !== 0) throw new Error(given.stderr.toString());
      return asNobody(local);
    },
    shared: { here: root, there: root },
    spawn: (script, more) =>
      Bun.spawnSync(["sh", "-ec", script], { cwd: workspace, env: { ...more }, stdin: "ignore" }),
    start: (script) =>
      Bun.spawn(["sh", "-c", script], { cwd: workspace, env: { ...env }, stdio: ["ignore", "ignore", "ignore"] }),
  };
}
