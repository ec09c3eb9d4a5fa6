import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { RuntimeSession } from "../../runtimes/contract.ts";
import { currentOwner, machineFacts } from "../../session/owner.ts";
import { defaultOptions } from "../../spec/defaults.ts";
import type { Context, Entry, TimedSides } from "./entry.ts";
import { copyOfLarge } from "./large-copy.ts";

const IMAGE = "glue-test/debian:git";

/**
 * Both sides are timed in this process and reach the sandbox by the same port. Ours is all of a session's first capture: what the
 * sandbox does, what comes over, the bundle, the mbox and its trial on the disk, and the proof that it is whole.
 */
async function prepare(context: Context, runtime: "host" | "docker"): Promise<TimedSides> {
  // What is measured here is glue's source, not the binary: loaded only where it is asked for.
  const { capture } = await import("../../workspace/capture.ts");
  const { prepareSnapshot } = await import("../../workspace/snapshot-prepare.ts");
  const { stageTree } = await import("../../workspace/stage.ts");
  const { loadRuntime } = await import("../../runtimes/factory.ts");
  const top = join(context.folder, "repository");
  const glueHome = join(context.folder, "home");
  const sessionDir = join(context.folder, "session");
  for (const folder of [glueHome, sessionDir]) mkdirSync(folder);
  await copyOfLarge(context, top);
  const tree = { top, subfolder: "", outsideGitDirs: [] };
  const prepared = prepareSnapshot(tree, { glueHome, sessionDir });
  const options = { ...defaultOptions(), runtime, "docker.image": IMAGE } as const;
  const session = await (await loadRuntime(runtime)).open(options, {
    sessionId: `bench-${process.pid}`,
    owner: currentOwner("process", machineFacts(glueHome)),
    tree,
    mode: "copy",
    sessionDir,
    progress: () => undefined,
    isOver: () => false,
  });
  const cleanup = async () => await session.close();
  try {
    const { base } = await stageTree(session, prepared);
    let round = 0;
    const timed = async (work: (number: number) => Promise<unknown>) => {
      round += 1;
      const edits = Array.from({ length: 10 }, (_, at) => `echo ${round} >>packages/p${at}/src/m0/file-${at}.ts`);
      await inside(session, `git reset -q --hard; ${edits.join("; ")}`);
      const from = performance.now();
      await work(round);
      return performance.now() - from;
    };
    const place = { base, runtimeId: runtime, sandboxId: "bench", capBytes: 500_000_000 };
    return {
      ours: () =>
        timed(async (number) => {
          // A folder with the base alone: every round is a session's first capture.
          const folder = join(context.folder, `session-${number}`);
          mkdirSync(folder);
          const gitDir = join(context.folder, `change-${number}`);
          await capture(session, { ...place, sessionDir: folder, gitDir, now: new Date() });
        }),
      theirs: () => timed(() => inside(session, "git add -A && git diff --binary")),
      cleanup,
    };
  } catch (error) {
    await cleanup();
    throw error;
  }
}

async function inside(on: RuntimeSession, script: string): Promise<void> {
  const running = await on.executor.run({ script });
  const [, stderr, { exitCode }] = await Promise.all([
    new Response(running.stdout).arrayBuffer(),
    new Response(running.stderr).text(),
    running.wait(),
  ]);
  if (exitCode !== 0) throw new Error(`${script} ended with ${exitCode}: ${stderr.slice(-500)}`);
}

function captureEntry(runtime: "host" | "docker"): Entry {
  return {
    name: `capture-${runtime}`,
    what: `all of a capture after 10 changed files, ${runtime} (6,000 files, 100 MB)`,
    against: "git add -A && git diff --binary there, through the same port",
    pairs: 12,
    measure: { kind: "time" },
    reach: 2.0,
    prepare: (context) => prepare(context, runtime),
  };
}

/** How the change comes back. */
export const CAPTURE_ENTRIES: readonly Entry[] = [captureEntry("host"), captureEntry("docker")];
