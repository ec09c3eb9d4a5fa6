import { GlueError } from "../spec/glue-error.ts";
import { nearest } from "../spec/nearest.ts";
import type { AnyCommand } from "./command.ts";
import { COMMANDS, GROUPS } from "./commands.ts";

/** What the first words of a command line ask for. */
export type Target =
  | { readonly kind: "command"; readonly command: AnyCommand; readonly argv: readonly string[] }
  /** Help on everything (`""`) or on a group. */
  | { readonly kind: "help"; readonly group: string };

/** Finds and loads the command that `argv` names. Throws `usage` with the nearest known one. */
export async function findCommand(argv: readonly string[]): Promise<Target> {
  const [first, second] = argv;
  if (first === undefined || first === "--help" || first === "-h") return { kind: "help", group: "" };
  if (first === "--version") return load("version", argv.slice(1));
  if (first === "help") return findCommand([...argv.slice(1), "--help"]);
  if (Object.hasOwn(COMMANDS, first)) return load(first, argv.slice(1));
  if (Object.hasOwn(GROUPS, first)) {
    const full = `${first} ${second}`;
    if (second !== undefined && Object.hasOwn(COMMANDS, full)) return load(full, argv.slice(2));
    if (second === "--help" || second === "-h") return { kind: "help", group: first };
    const verbs = verbsOf(first);
    const hint = `One of: ${verbs.join(", ")}. Run glue ${first} --help.`;
    if (second === undefined) throw new GlueError("usage", `glue ${first} needs to know what to do.`, { hint });
    throw unknown(
      full,
      verbs.map((verb) => `${first} ${verb}`),
      hint,
    );
  }
  const hint = "Run glue --help.";
  if (first.startsWith("-")) {
    throw new GlueError("usage", `Unknown flag ${first}.`, { hint: `Flags come after the command. ${hint}` });
  }
  throw unknown(first, [...new Set([...Object.keys(COMMANDS), ...Object.keys(GROUPS)])], hint);
}

function unknown(given: string, known: readonly string[], hint: string): GlueError {
  const near = nearest(given, known);
  return new GlueError("usage", `Unknown command "${given}".`, {
    hint: near ? `Did you mean glue ${near}? ${hint}` : hint,
  });
}

async function load(name: string, argv: readonly string[]): Promise<Target> {
  const loader = COMMANDS[name];
  if (!loader) throw new GlueError("internal", `No command is called "${name}".`);
  const { command } = await loader();
  return { kind: "command", command, argv };
}

function verbsOf(group: string): string[] {
  return Object.keys(COMMANDS)
    .filter((name) => name.startsWith(`${group} `))
    .map((name) => name.slice(group.length + 1));
}
