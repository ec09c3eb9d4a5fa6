import { join } from "node:path";
import { ModalDouble, pythonOf } from "../../test/modal/double.ts";
import { openOn } from "../../test/modal/open.ts";
import type { Entry } from "./entry.ts";

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
    prepare: () => inOneSandbox("exec", 100),
  },
  {
    name: "modal-output",
    what: "4 × 100 MB of output",
    against: "the bare SDK in one Python process",
    pairs: 5,
    measure: { kind: "throughput", bytes: 400 * MB },
    reach: 0.7,
    memory: { atMostMb: 200 },
    prepare: () => inOneSandbox("output", 4),
  },
  {
    name: "modal-upload",
    what: "4 × 25 MB up, as a bundle goes",
    against: "the SDK's own file write",
    pairs: 5,
    measure: { kind: "time" },
    reach: 1.5,
    prepare: () => inOneSandbox("upload", 4),
  },
];

/** Both sides do the same `count` times, in a process that starts for it and reaches the sandbox by its id. */
async function inOneSandbox(what: "exec" | "output" | "upload", count: number) {
  const double = await ModalDouble.start();
  const session = await openOn(double, {}, "open");
  const set = ["env", ...Object.entries(double.env()).map(([name, value]) => `${name}=${value}`)];
  const handle = JSON.stringify(session.handle);
  return {
    ours: { argv: [...set, `MODAL_PYTHON=${pythonOf("newest")}`, process.execPath, OURS, what, String(count), handle] },
    theirs: { argv: [...set, pythonOf("newest"), "-B", THEIRS, what, String(count), session.handle.id ?? ""] },
    cleanup: async () => {
      await session.close();
      await double.stop();
    },
  };
}
