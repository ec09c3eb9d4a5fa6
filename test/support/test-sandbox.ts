/** A sandbox that a test of the round trip looks into from outside, and what those of several services need for it. */
import { writeFileSync } from "node:fs";
import type { Options, Runtime } from "../../runtimes/contract.ts";
import type { LocalSandbox } from "../workspace/local-sandbox.ts";
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

/** Folders of a session, as they are on this machine. */
export interface SessionFolders {
  readonly workspace: string;
  readonly private: string;
}

/** A service whose double has the sandboxes. The folder that `tempDir` makes its folders in is in them, too. */
export interface Elsewhere {
  /** What a glue that is run needs in its environment. */
  env(): Readonly<Record<string, string>>;
  sandbox(root: string, env: Readonly<Record<string, string>>): TestSandbox;
  /** `sessions` is where its record lies. */
  sessionFolders(sessions: string, id: string): SessionFolders;
  /** HOME of commands inside. */
  readonly home: string;
  /** Where commands inside are root's, and a glue of another user does not come that far: why. */
  readonly rootOnly?: string;
}

/** The sandbox with its scripts run by a user whom file modes bind. */
export function asNobody(sandbox: LocalSandbox): LocalSandbox {
  const { executor } = sandbox;
  return {
    ...sandbox,
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

/** Runs a module that opens a sandbox and writes its handle to `record`: opening waits for much, and this process must wait for it. */
export function openInAnother(module: string, record: string): void {
  const opened = Bun.spawnSync([process.execPath, module, record], {
    env: { ...process.env },
    stdin: "ignore",
    stderr: "inherit",
  });
  if (opened.exitCode !== 0) throw new Error("a sandbox could not be opened");
}

/** What such a module does. */
export async function openAndRecord(runtime: Runtime, options: Options, record: string): Promise<void> {
  const sessionDir = tempDir();
  const session = await runtime.open(options, {
    sessionId: `trip-${crypto.randomUUID().slice(0, 12)}`,
    owner: { kind: "process", host: "here", boot: "now", pid: process.ppid, pidStart: "1" },
    tree: { top: sessionDir, subfolder: "", outsideGitDirs: [] },
    mode: "copy",
    sessionDir,
    progress: () => undefined,
  });
  writeFileSync(record, JSON.stringify(session.handle));
}
