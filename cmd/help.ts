import { wrap } from "./columns.ts";
import { type Arg, type CommandInfo, wordOf } from "./command.ts";
import { COMMANDS, GROUPS } from "./commands.ts";
import type { Io } from "./io.ts";

/** Text that is wider is hard to read, however wide the terminal. */
const WIDEST = 100;

/** The commands of a group, or all of them for `""`. */
export async function helpOnGroup(group: string, io: Io): Promise<string> {
  const names = Object.keys(COMMANDS).filter((name) => group === "" || name.startsWith(`${group} `));
  const loaded = await Promise.all(names.map(async (name) => (await COMMANDS[name]?.())?.command));
  const rows = loaded.flatMap((command) =>
    command && !command.hidden ? [[command.name, command.summary] as const] : [],
  );
  const heading =
    group === ""
      ? "glue runs a command in a runtime, on your own working tree, and brings the changes back as commits."
      : (GROUPS[group] ?? "");
  return lines([
    ...wrap(heading, widthOf(io)),
    "",
    `${title("Usage", io)} glue ${group === "" ? "" : `${group} `}COMMAND [FLAGS]`,
    "",
    title("Commands", io),
    ...table(rows, io),
    "",
    `glue ${group === "" ? "" : `${group} `}COMMAND --help says more about one.`,
  ]);
}

/** All that the command's own data says. */
export function helpOnCommand(command: CommandInfo, io: Io): string {
  const args = Object.entries(command.args).filter(([, arg]) => !arg.hidden);
  const positionals = args.filter(([, arg]) => arg.type === "positional");
  const flags = args.filter(([, arg]) => arg.type !== "positional");
  const operands = positionals.map(([name, arg]) => [flagLabel(name, arg), describe(arg)] as const);
  if (command.tail) operands.push([command.tail.name, command.tail.description]);
  const width = widthOf(io);
  const out = [...wrap(command.summary, width), "", `${title("Usage", io)} ${usageLine(command)}`];
  if (command.description) {
    for (const paragraph of command.description.split("\n\n")) out.push("", ...wrap(paragraph, width));
  }
  if (operands.length > 0) out.push("", title("Arguments", io), ...table(operands, io));
  const flagRows = flags.map(([name, arg]) => [flagLabel(name, arg), describe(arg)] as const);
  out.push("", title("Flags", io), ...table([...flagRows, ["-h, --help", "Show this"]], io));
  if (command.examples.length > 0) {
    out.push("", title("Examples", io));
    for (const { run, does } of command.examples)
      out.push(`  ${run}`, ...wrap(does, width - 6).map((line) => `      ${line}`));
  }
  if (command.exits) out.push("", title("Exit status", io), ...table(command.exits, io));
  return lines(out);
}

/** `glue run [FLAGS] [--] CMD…` */
export function usageLine(command: CommandInfo): string {
  const words = [`glue ${command.name}`, "[FLAGS]"];
  for (const [name, arg] of Object.entries(command.args)) {
    if (arg.type !== "positional" || arg.hidden) continue;
    const word = wordOf(name, arg);
    words.push(arg.required ? word : `[${word}]`);
  }
  if (command.tail) words.push("[--]", command.tail.name);
  return words.join(" ");
}

/** `-r, --runtime R` */
export function flagLabel(name: string, arg: Arg): string {
  if (arg.type === "positional") return wordOf(name, arg);
  const short = arg.alias ? `-${arg.alias}, ` : "    ";
  if (arg.type === "boolean") return `${short}--${arg.default ? "no-" : ""}${name}`;
  return `${short}--${name} ${arg.type === "enum" ? arg.options.join("|") : arg.valueHint}`;
}

function describe(arg: Arg): string {
  return arg.type === "string" && arg.multiple ? `${arg.description} (may be repeated)` : arg.description;
}

function title(text: string, io: Io): string {
  return io.paint(1, "bold", `${text}:`);
}

function widthOf(io: Io): number {
  return Math.min(io.width(1), WIDEST);
}

/** Two columns; the second goes below the first where both do not fit side by side. */
function table(rows: readonly (readonly [string, string])[], io: Io): string[] {
  const width = widthOf(io);
  const left = Math.min(Math.max(...rows.map(([label]) => label.length)), 30);
  const beside = width - left - 4 >= 24;
  return rows.flatMap(([label, text]) => {
    if (!beside) return [`  ${label}`, ...wrap(text, width - 6).map((line) => `      ${line}`)];
    const wrapped = wrap(text, width - left - 4);
    const indent = " ".repeat(left + 4);
    if (label.length > left) return [`  ${label}`, ...wrapped.map((line) => indent + line)];
    return wrapped.map((line, i) => (i === 0 ? `  ${label.padEnd(left)}  ${line}` : indent + line));
  });
}

function lines(all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
