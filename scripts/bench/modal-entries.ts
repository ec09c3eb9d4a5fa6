import { join } from "node:path";
import { ModalDouble, pythonOf } from "../../test/modal/double.ts";
import { openOn, run } from "../../test/modal/open.ts";
import { linesOf } from "../../test/support/lines.ts";
import type { Entry, TimedSides } from "./entry.ts";

const MB = 1_000_000;
const OURS = join(import.meta.dir, "modal-side.ts");
const THEIRS = join(import.meta.dir, "..", "..", "test", "doubles", "modal", "bare_sdk.py");

/** glue's executor and workspace against the bare SDK in one Python process, in the same sandbox of the same double: needs root and Linux. */
export const MODAL_ENTRIES: readonly Entry[] = [
  {
    name: "modal-exec",
    what: "100 commands, one after the other",
    against: "the bare SDK in one Python process",
    pairs: 7,
    measure: { kind: "time" },
    reach: 1.3,
    prepare: () => warm("exec", 100),
  },
  {
    name: "modal-output",
    what: "4 × 100 MB of output",
    against: "the bare SDK in one Python process",
    pairs: 5,
    measure: { kind: "throughput", bytes: 400 * MB },
    reach: 0.7,
    memory: { atMostMb: 200 },
    prepare: () => output(4),
  },
  {
    name: "modal-upload",
    what: "4 × 25 MB up, as a bundle goes",
    against: "the SDK's own file write",
    pairs: 5,
    measure: { kind: "time" },
    reach: 1.5,
    prepare: () => warm("upload", 4),
  },
];

/** Both sides do the same `count` times, in a process that starts for it and reaches the sandbox by its id. */
async function output(count: number) {
  const double = await ModalDouble.start();
  const session = await openOn(double, {}, "open");
  const set = ["env", ...Object.entries(double.env()).map(([name, value]) => `${name}=${value}`)];
  const handle = JSON.stringify(session.handle);
  return {
    ours: { argv: [...set, `MODAL_PYTHON=${pythonOf("newest")}`, process.execPath, OURS, String(count), handle] },
    theirs: { argv: [...set, pythonOf("newest"), "-B", THEIRS, "output", String(count), session.handle.id ?? ""] },
    cleanup: async () => {
      await session.close();
      await double.stop();
    },
  };
}

/** Both sides in a process that has done it before: glue in this one, with its sidecar, and the SDK in one of Python. */
async function warm(what: "exec" | "upload", count: number): Promise<TimedSides> {
  const double = await ModalDouble.start();
  const session = await openOn(double, {}, "open");
  const content = new Uint8Array(25 * MB).fill(7);
  const bare = Bun.spawn([pythonOf("newest"), "-B", THEIRS, what, String(count), session.handle.id ?? ""], {
    env: { ...process.env, ...double.env() },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  const answers = linesOf(bare.stdout);
  return {
    async ours() {
      const began = performance.now();
      for (let left = count; left > 0; left--) {
        if (what === "upload") await session.workspace.write("/tmp/glue-bench", content);
        else if ((await run(session, { argv: ["true"] })).exitCode !== 0) throw new Error("true failed");
      }
      return performance.now() - began;
    },
    async theirs() {
      bare.stdin.write("\n");
      await bare.stdin.flush();
      const { value, done } = await answers.next();
      if (done) throw new Error("the bare SDK has failed");
      return Number(value);
    },
    async cleanup() {
      await bare.stdin.end();
      await session.close();
      await double.stop();
    },
  };
}
