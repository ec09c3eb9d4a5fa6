import { describe, expect, test } from "bun:test";
import { type ArgsDef, parseArgs } from "citty";
import fc from "fast-check";
import { defineCommand } from "../../cmd/command.ts";
import { parse } from "../../cmd/parse.ts";

const run = defineCommand({
  name: "try",
  summary: "For this test.",
  args: {
    runtime: { type: "string", alias: "r", valueHint: "R", description: "" },
    set: { type: "string", valueHint: "K=V", multiple: true, description: "" },
    env: { type: "string", alias: "e", valueHint: "K=V", multiple: true, description: "" },
    mode: { type: "enum", options: ["fast", "slow"], description: "" },
    verbose: { type: "boolean", alias: "v", description: "" },
    interactive: { type: "boolean", alias: "i", description: "" },
    stdin: { type: "boolean", default: true, description: "" },
  },
  tail: { name: "CMD…", description: "" },
  examples: [],
  run: async () => 0,
});

const copy = defineCommand({
  name: "copy",
  summary: "For this test.",
  args: {
    from: { type: "positional", required: true, description: "" },
    to: { type: "positional", required: false, options: ["a", "b"], description: "" },
    force: { type: "boolean", description: "" },
  },
  examples: [],
  run: async () => 0,
});

const values = (...argv: string[]) => parse(run, argv).values;

function refusal(command: Parameters<typeof parse>[0], argv: readonly string[]): unknown {
  try {
    return parse(command, argv);
  } catch (error) {
    return error;
  }
}

describe("flags before another program's argv", () => {
  test.each([
    [
      ["ls", "-la"],
      ["ls", "-la"],
    ],
    [
      ["-r", "host", "ls", "-r", "x"],
      ["ls", "-r", "x"],
    ],
    [["--", "-v"], ["-v"]],
    [
      ["-v", "--", "--", "x"],
      ["--", "x"],
    ],
    [
      ["ls", "--", "x"],
      ["ls", "--", "x"],
    ],
    [
      ["ls", "--help"],
      ["ls", "--help"],
    ],
    [["-"], ["-"]],
    [[""], [""]],
    [[], []],
    [["--"], []],
  ])("%p leaves %p to it, untouched", (argv, tail) => {
    expect(values(...argv).tail).toEqual(tail);
  });

  test.each([
    [["-r", "host"], { runtime: "host" }],
    [["-rhost"], { runtime: "host" }],
    [["-r=host"], { runtime: "host" }],
    [["--runtime=host"], { runtime: "host" }],
    [["--runtime", "--no-stdin"], { runtime: "--no-stdin", stdin: true }],
    [["--runtime", "-v"], { runtime: "-v", verbose: false }],
    [["--runtime="], { runtime: "" }],
    [["--runtime=a=b"], { runtime: "a=b" }],
    [["-r", "a", "-r", "b"], { runtime: "b" }],
    [["-vi"], { verbose: true, interactive: true }],
    [["-vr", "host"], { verbose: true, runtime: "host" }],
    [["--no-stdin"], { stdin: false }],
    [[], { stdin: true, verbose: false, runtime: undefined, set: [] }],
    [["--set", "a=1", "--set=b=2", "-e", "X"], { set: ["a=1", "b=2"], env: ["X"] }],
    [["--set", "--no-x", "-e", "--"], { set: ["--no-x"], env: ["--"] }],
    [["--mode", "fast"], { mode: "fast" }],
  ])("%p is read as %p", (argv, expected) => {
    expect(values(...argv)).toMatchObject(expected);
  });

  test.each([
    [["--runtme", "host"], "Unknown flag --runtme.", "Did you mean --runtime?"],
    [["-x"], "Unknown flag -x.", "glue try --help"],
    [["-vx"], "Unknown flag -x.", "glue try --help"],
    [["--no-verbos"], "Unknown flag --no-verbos.", "glue try --help"],
    [["--no-runtime"], "Unknown flag --no-runtime.", "Did you mean --runtime?"],
    [["--verbose=yes"], "--verbose takes no value.", "glue try --help"],
    [["--runtime"], "--runtime needs a value.", "glue try --help"],
    [["-r"], "-r needs a value.", "glue try --help"],
    [["--mode", "fats"], '--mode cannot be "fats".', "Did you mean fast?"],
    [["--mode", "zzz"], '--mode cannot be "zzz".', "One of: fast, slow."],
    [["--tail"], "Unknown flag --tail.", "glue try --help"],
    [["--__proto__"], "Unknown flag --__proto__.", "glue try --help"],
    [["--constructor=x"], "Unknown flag --constructor.", "glue try --help"],
  ])("%p is refused: %s", (argv, message, hint) => {
    expect(refusal(run, argv)).toMatchObject({ code: "usage", message, hint: expect.stringContaining(hint) });
  });

  test.each([[["--help"]], [["-h"]], [["-v", "--help", "--nonsense"]]])("%p asks for help", (argv) => {
    expect(parse(run, argv).help).toBe(true);
  });
});

describe("positionals", () => {
  test.each([
    [["x"], { from: "x", to: undefined, force: false }],
    [["x", "--force", "a"], { from: "x", to: "a", force: true }],
    [["--", "--force"], { from: "--force", force: false }],
  ])("%p is read as %p", (argv, expected) => {
    expect(parse(copy, argv).values).toMatchObject(expected);
  });

  test.each([
    [[], "FROM is missing."],
    [["x", "c"], 'TO cannot be "c".'],
    [["x", "a", "b"], '"b" is one argument too many.'],
  ])("%p is refused: %s", (argv, message) => {
    expect(() => parse(copy, argv)).toThrow(message);
  });
});

test("where both understand a line, it is read as citty reads it", () => {
  const value = fc.string({ minLength: 1 });
  const flag = fc.oneof(
    value.map((text) => [`--runtime=${text}`]),
    value.filter((text) => !text.startsWith("-")).map((text) => ["--runtime", text]),
    fc.constantFrom(["--verbose"], ["-v"], ["--mode", "slow"], ["--mode=fast"], ["-i"], ["--no-stdin"], ["-r", "x"]),
  );
  // citty has no flags that may be repeated.
  const { set: _set, env: _env, ...args } = run.args;
  fc.assert(
    fc.property(fc.array(flag), (flags) => {
      const argv = flags.flat();
      const theirs = parseArgs(argv, args as unknown as ArgsDef);
      const ours = values(...argv);
      for (const name of ["runtime", "mode", "verbose", "interactive", "stdin"])
        expect(ours[name] || false).toEqual(theirs[name] || false);
    }),
  );
});
