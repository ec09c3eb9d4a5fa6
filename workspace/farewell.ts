/** A capture whose question is asked in advance: something else runs it when no glue is there any more, and keeps the answer. */
import type { Farewell, Workspace } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import type { CaptureSource } from "./capture.ts";
import { TAR } from "./capture-archive.ts";
import { LOOK } from "./capture-ignored.ts";
import { questionOf } from "./capture-script.ts";
import type { StagedBase } from "./snapshot-types.ts";

/** However large: an answer that leaves its pack in the sandbox is no answer here. */
const EVERYTHING = 2 ** 50;

/** What tells all of the change in one go; undefined where that takes more than one question. `capBytes` as for a capture. */
export function farewellFor(base: StagedBase, capBytes: number): Farewell | undefined {
  // Without git on this machine the sandbox is asked for the mbox as well.
  if (base.base === null || base.host.git === null) return undefined;
  if (base.sandbox.gitDir !== null) return questionOf({ base, have: [], capBytes }, EVERYTHING);
  return { script: TAR, env: { GLUE_TREE: base.sandbox.workspace, LC_ALL: "C" }, stdin: new Uint8Array() };
}

/** Stands in for the sandbox that gave the answer in this file: asked the same question, it says the same. */
export function savedSource(file: string): CaptureSource {
  const empty = () => new Blob([]).stream();
  return {
    executor: {
      async run(command) {
        // What could have been left out of the archive is in it.
        const unknown = "script" in command && command.script === LOOK;
        return {
          id: "saved",
          stdout: unknown ? empty() : Bun.file(file).stream(),
          stderr: empty(),
          wait: async () => ({ exitCode: unknown ? 1 : 0, outcome: "exited" }),
          kill: async () => undefined,
          resize: async () => undefined,
        };
      },
    },
    workspace: new Proxy({} as Workspace, {
      get: () => () => {
        throw new GlueError("captureFailed", "The saved answer is not whole.");
      },
    }),
  };
}
