import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parse } from "../../cmd/parse.ts";
import { command } from "../../cmd/run.ts";
import { expectSchema } from "../support/json-schema.ts";
import { tempDir } from "../support/temp-dir.ts";
import { testIo } from "./memory-terminal.ts";

/** `glue run --json …` in an empty folder, without a process of its own. */
async function run(argv: readonly string[], input?: Uint8Array[], env: Record<string, string> = {}) {
  const dir = tempDir();
  mkdirSync(join(dir, "work"));
  const io = testIo({ json: true, env: { GLUE_HOME: join(dir, "home"), ...env }, cwd: join(dir, "work") });
  if (input !== undefined) {
    io.terminal.stdinKind = () => "data";
    io.terminal.stdin = () =>
      new ReadableStream({
        start(to) {
          for (const bytes of input) to.enqueue(bytes);
          to.close();
        },
      });
  }
  const status = await command.run((await parse(command, ["--json", ...argv])).values as never, io);
  const lines = io.terminal
    .text(1)
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const last = lines.at(-1) ?? {};
  for (const line of lines.slice(0, -1)) expectSchema(line, "output-line");
  expectSchema(last, "exit");
  expect(last.exitCode).toBe(status);
  const text = (type: string) =>
    lines
      .filter((line) => line.type === type)
      .map((line) => line.data)
      .join("");
  return { status, last, stdout: text("stdout"), stderr: text("stderr"), told: io.terminal.text(2) };
}

describe("run, without a process", () => {
  test("gives output, status and where it ran", async () => {
    const { status, last, stdout, stderr, told } = await run(["--", "sh", "-c", "echo out; echo err >&2; exit 9"]);
    expect({ status, stdout, stderr, told }).toEqual({ status: 9, stdout: "out\n", stderr: "err\n", told: "" });
    expect(last).toMatchObject({ outcome: "exited", requestedRuntime: "host", runtime: "host", capture: null });
  });

  test("passes stdin on to its end", async () => {
    const piece = new Uint8Array(100_000).fill(97);
    expect((await run(["--", "wc", "-c"], [piece, piece, piece])).stdout.trim()).toBe("300000");
  });

  test("leaves stdin alone with --no-stdin", async () => {
    expect((await run(["--no-stdin", "--", "cat"], [new Uint8Array([97])])).stdout).toBe("");
  });

  test("keeps what was printed before the deadline", async () => {
    const { status, last, stdout } = await run(["--timeout", "300ms", "--", "sh", "-c", "echo before; sleep 30"]);
    expect({ status, outcome: last.outcome, stdout }).toEqual({ status: 124, outcome: "timeout", stdout: "before\n" });
  });

  test("gives the command what -e says", async () => {
    const { stdout } = await run(["-e", "A=1 2", "-e", "HAVE", "--", "sh", "-c", 'echo "$A $HAVE"'], undefined, {
      HAVE: "it",
    });
    expect(stdout).toBe("1 2 it\n");
  });

  test("runs a script in the shell that the options name", async () => {
    expect((await run(["--set", "shell.executable=bash", "-c", "echo ${BASH_VERSION:+bash}"])).stdout).toBe("bash\n");
  });

  test("works in the folder that -C names, relative to the caller's", async () => {
    const { stdout } = await run(["-C", "..", "--", "sh", "-c", 'basename "$PWD"; ls']);
    expect(stdout).toMatch(/^d-\w+\nhome\nwork\n$/);
  });

  test("refuses before anything is opened", () => {
    expect(run(["--timeout", "soon", "--", "true"])).rejects.toMatchObject({ code: "usage" });
    expect(run(["-r", "nowhere", "--", "true"])).rejects.toMatchObject({ code: "optionInvalid" });
    expect(run(["-C", "gone", "--", "true"])).rejects.toMatchObject({ code: "cwdInvalid" });
    expect(run([])).rejects.toMatchObject({ code: "usage" });
    expect(run(["-c", "true", "--", "true"])).rejects.toMatchObject({ code: "usage" });
  });
});
