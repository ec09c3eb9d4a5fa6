import { describe, expect, test } from "bun:test";
import { COMMANDS, GROUPS } from "../../cmd/commands.ts";
import { findCommand } from "../../cmd/dispatch.ts";
import { helpOnCommand, helpOnGroup } from "../../cmd/help.ts";
import { testIo } from "./memory-terminal.ts";

describe("findCommand", () => {
  test.each([
    [["version", "--json"], "version", ["--json"]],
    [["--version"], "version", []],
    [["config", "show", "-x"], "config show", ["-x"]],
    [["help", "version"], "version", ["--help"]],
    [["help", "config", "show"], "config show", ["--help"]],
  ])("%p is %s", async (argv, name, rest) => {
    expect(await findCommand(argv)).toMatchObject({ kind: "command", command: { name }, argv: rest });
  });

  test.each([
    [[], ""],
    [["--help"], ""],
    [["-h"], ""],
    [["help"], ""],
    [["config", "--help"], "config"],
    [["help", "config"], "config"],
  ])("%p asks for help", async (argv, group) => {
    expect(await findCommand(argv)).toEqual({ kind: "help", group });
  });

  test.each([
    [["versoin"], 'Unknown command "versoin".', "Did you mean glue version?"],
    [["zzz"], 'Unknown command "zzz".', "Run glue --help."],
    [["config"], "glue config needs to know what to do.", "One of: init, path, show, schema, validate."],
    [["config", "shwo"], 'Unknown command "config shwo".', "Did you mean glue config show?"],
    [["-r", "host"], "Unknown flag -r.", "Flags come after the command."],
    [["constructor"], 'Unknown command "constructor".', "Run glue --help."],
    [[""], 'Unknown command "".', "Run glue --help."],
  ])("%p is refused: %s", async (argv, message, hint) => {
    const error = await findCommand(argv).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "usage", message, hint: expect.stringContaining(hint) });
  });
});

describe("every command", () => {
  test.each(Object.keys(COMMANDS))("%s describes itself whole", async (name) => {
    const loaded = (await COMMANDS[name]?.())?.command;
    if (loaded === undefined) throw new Error("not loaded");
    expect(loaded.name).toBe(name);
    expect(loaded.summary).toMatch(/^[A-Z].*\.$/);
    if (name.includes(" ")) expect(Object.keys(GROUPS)).toContain(name.split(" ")[0] ?? "");
    if (!loaded.hidden) expect(loaded.examples.length).toBeGreaterThan(0);
    for (const example of loaded.examples) expect(example.run).toContain("glue ");
    const aliases = Object.values(loaded.args).flatMap((arg) => ("alias" in arg && arg.alias ? [arg.alias] : []));
    expect(new Set(aliases).size).toBe(aliases.length);
    expect(aliases).not.toContain("h");
    for (const arg of Object.values(loaded.args)) expect(arg.description).not.toBe("");
    const order = Object.values(loaded.args).filter((arg) => arg.type === "positional");
    expect(
      order.findIndex((arg) => !arg.required) === -1 ||
        order.slice(order.findIndex((arg) => !arg.required)).every((arg) => !arg.required),
    ).toBe(true);
  });

  test.each(Object.keys(COMMANDS))("%s has help that fits 60 columns", async (name) => {
    const loaded = (await COMMANDS[name]?.())?.command;
    if (loaded === undefined) throw new Error("not loaded");
    const help = helpOnCommand(loaded, testIo({ tty: [1], columns: 60, env: { NO_COLOR: "1" } }));
    // An example is there to be copied and is not broken.
    const lines = help
      .split("\n")
      .filter((line) => !line.startsWith("  glue ") && !line.includes("$(") && !line.includes("|"));
    expect(lines.filter((line) => line.length > 60 && !line.startsWith("Usage:"))).toEqual([]);
  });

  test("is in the list of all", async () => {
    const help = await helpOnGroup("", testIo());
    for (const name of Object.keys(COMMANDS)) {
      if (name.startsWith("__")) expect(help).not.toContain(name);
      else expect(help).toContain(`  ${name} `);
    }
  });
});
