import { readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { GlueError, type Options } from "../contract.ts";

/** The words that start a Python, and why they were taken. */
export interface Python {
  readonly argv: readonly [string, ...string[]];
  readonly from: string;
}

const TRY_MS = 20_000;

/**
 * The interpreters that may have the SDK, best first: the one that is set stands alone; else the one in the shebang of the `modal`
 * program, then `python3`.
 */
export function candidates(options: Options): Python[] {
  const set = options["modal.python_path"];
  if (set) return [{ argv: [set], from: "modal.python_path" }];
  const found: Python[] = [];
  const cli = Bun.which(options["modal.modal_cli"]);
  if (cli !== null) {
    const words = interpreterOf(cli);
    if (words !== undefined) found.push({ argv: words, from: `the first line of ${cli}` });
  }
  const python = Bun.which("python3");
  if (python !== null) found.push({ argv: [python], from: "python3 on PATH" });
  return found;
}

/** The first candidate that imports the SDK; `runtimeNotListening`, with what was tried, where there is none. */
export async function findPython(options: Options): Promise<Python> {
  const tried = candidates(options);
  // One candidate needs no trial: the sidecar itself says when it cannot import the SDK.
  const [only] = tried;
  if (only !== undefined && tried.length === 1) return only;
  for (const python of tried) if (await importsModal(python)) return python;
  throw new GlueError(
    "runtimeNotListening",
    tried.length === 0
      ? "No Python was found that can import modal."
      : `None of these can import modal: ${tried.map(({ argv, from }) => `${argv.join(" ")} (${from})`).join(", ")}.`,
    { hint: "pip install modal, or set modal.python_path to the Python that has it." },
  );
}

async function importsModal({ argv }: Python): Promise<boolean> {
  try {
    const probe = Bun.spawn(
      [
        ...argv,
        "-c",
        "import sys; sys.path.pop(0)\nimport importlib.util as u; sys.exit(u.find_spec('modal') is None)",
      ],
      {
        cwd: "/",
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
        timeout: TRY_MS,
      },
    );
    return (await probe.exited) === 0;
  } catch {
    // A program that is not there imports nothing.
    return false;
  }
}

/**
 * The interpreter of a script, as words. Besides a plain `#!`, with or without `env`, pip and uv write for paths that are long or hold spaces
 * a shell line behind `#!/bin/sh`: `'''exec' "/the path/python" "$0" "$@"`. A link is followed, as pipx and uv make them.
 */
export function interpreterOf(file: string): [string, ...string[]] | undefined {
  let real: string;
  let head: string;
  try {
    real = realpathSync(file);
    head = readFileSync(real).subarray(0, 4_096).toString("latin1");
  } catch {
    // Not to be read: then it says nothing, and the next candidate is asked.
    return undefined;
  }
  const [first = "", second = ""] = head.split("\n");
  if (!first.startsWith("#!")) return beside(real);
  const trampoline = /^'''exec' (?:"([^"]+)"|'([^']+)'|(\S+)) /.exec(second);
  const path = trampoline?.[1] ?? trampoline?.[2] ?? trampoline?.[3];
  if (path !== undefined) return [path];
  const [program = "", ...args] = first.slice(2).trim().split(/\s+/);
  if (basename(program) === "env") {
    const name = args.find((word) => !word.startsWith("-") && !word.includes("="));
    const resolved = name === undefined ? null : Bun.which(name);
    return resolved === null ? undefined : [resolved];
  }
  if (!/python/i.test(basename(program))) return beside(real);
  return [program, ...args];
}

/** The Python in the same folder, for a launcher that is no script. */
function beside(file: string): [string] | undefined {
  const found = Bun.which("python3", { PATH: dirname(file) });
  return found === null ? undefined : [join(found)];
}
