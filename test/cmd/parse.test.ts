import { describe, expect, test } from "bun:test";
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

const values = async (...argv: string[]) => (await parse(run, argv)).values;

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
  ])("%p leaves %p to it, untouched", async (argv, tail) => {
    expect((await values(...argv)).tail).toEqual(tail);
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
  ])("%p is read as %p", async (argv, expected) => {
    expect(await values(...argv)).toMatchObject(expected);
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
  ])("%p is refused: %s", async (argv, message, hint) => {
    const error = await parse(run, argv).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "usage", message, hint: expect.stringContaining(hint) });
  });

  test.each([[["--help"]], [["-h"]], [["-v", "--help", "--nonsense"]]])("%p asks for help", async (argv) => {
    expect((await parse(run, argv)).help).toBe(true);
  });
});

describe("positionals", () => {
  test.each([
    [["x"], { from: "x", to: undefined, force: false }],
    [["x", "--force", "a"], { from: "x", to: "a", force: true }],
    [["--", "--force"], { from: "--force", force: false }],
  ])("%p is read as %p", async (argv, expected) => {
    expect((await parse(copy, argv)).values).toMatchObject(expected);
  });

  test.each([
    [[], "FROM is missing."],
    [["x", "c"], 'TO cannot be "c".'],
    [["x", "a", "b"], '"b" is one argument too many.'],
  ])("%p is refused: %s", async (argv, message) => {
    expect(parse(copy, argv)).rejects.toThrow(message);
  });
});
