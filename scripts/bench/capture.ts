// `bun scripts/bench/capture.ts [host|docker] [PAIRS]`: a capture after ten changed files, against `git add -A && git diff --binary` in
// the same sandbox, in interleaved pairs, on 6,000 files and 100 MB with history. Both sides are timed in this process and reach the
// sandbox by the same port. Prints one JSON line; asserts nothing.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RuntimeSession } from "../../runtimes/contract.ts";
import { createRuntime as createDocker } from "../../runtimes/docker/index.ts";
import { createRuntime as createHost } from "../../runtimes/host/index.ts";
import { currentOwner, machineFacts } from "../../session/owner.ts";
import { defaultOptions } from "../../spec/defaults.ts";
import { capture } from "../../workspace/capture.ts";
import { prepareSnapshot } from "../../workspace/snapshot-prepare.ts";
import { stageTree } from "../../workspace/stage.ts";
import { makeLargeRepository } from "./large-repository.ts";

const runtime = process.argv[2] === "docker" ? "docker" : "host";
const pairs = Number(process.argv[3] ?? 10);
const root = mkdtempSync(join(tmpdir(), "glue-bench-capture-"));
const top = join(root, "repository");
const glueHome = join(root, "home");
const sessionDir = join(root, "session");
for (const folder of [glueHome, sessionDir]) mkdirSync(folder);
await makeLargeRepository(top, { kind: "source", files: 6_000, bytes: 100_000_000, commits: 500 });

const tree = { top, subfolder: "", outsideGitDirs: [] };
const prepared = prepareSnapshot(tree, { glueHome, sessionDir });
const options = { ...defaultOptions(), runtime, "docker.image": "glue-test/debian:git" } as const;
const session = await (runtime === "docker" ? createDocker() : createHost()).open(options, {
  sessionId: "bench-capture",
  owner: currentOwner("process", machineFacts(glueHome)),
  tree,
  mode: "copy",
  sessionDir,
  progress: () => undefined,
  isOver: () => false,
});
const ours: number[] = [];
const theirs: number[] = [];
try {
  const { base } = await stageTree(session, prepared);
  const request = { base, sessionDir, runtimeId: runtime, sandboxId: "bench", capBytes: 500_000_000, now: new Date() };
  for (let pair = 0; pair <= pairs; pair++) {
    const edit = Array.from({ length: 10 }, (_, at) => `echo ${pair} >>packages/p${at}/src/m0/file-${at}.ts`).join(
      "; ",
    );
    await inside(session, `git reset -q --hard; ${edit}`);
    const [captured, added] = [
      await timed(() =>
        capture(session, { ...request, gitDir: join(root, "change", String(pair)), sessionDir: freshSession(pair) }),
      ),
      await timed(() => inside(session, "git add -A && git diff --binary")),
    ];
    // The first pair warms both up.
    if (pair > 0) {
      ours.push(captured);
      theirs.push(added);
    }
  }
} finally {
  await session.close();
  rmSync(root, { recursive: true, force: true });
}
const ratios = ours.map((time, at) => time / (theirs[at] ?? Number.NaN));
console.log(
  JSON.stringify({ runtime, pairs, oursMs: median(ours), theirsMs: median(theirs), ratio: median(ratios), reach: 2.0 }),
);

/** A folder with the base alone: every pair is a session's first capture. */
function freshSession(pair: number): string {
  const folder = join(root, `session-${pair}`);
  mkdirSync(folder);
  return folder;
}

async function inside(on: RuntimeSession, script: string): Promise<void> {
  const running = await on.executor.run({ script });
  await Promise.all([
    new Response(running.stdout).arrayBuffer(),
    new Response(running.stderr).arrayBuffer(),
    running.wait(),
  ]);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, two) => one - two);
  return Math.round((sorted[Math.floor(sorted.length / 2)] ?? Number.NaN) * 100) / 100;
}
