import { findCommand } from "./dispatch.ts";
import { createIo, type Io } from "./io.ts";
import { parse } from "./parse.ts";

/** The one place that ends the process. */
async function main(argv: readonly string[]): Promise<number> {
  // Settings of the runtime that glue is built with are not for the commands that it starts.
  for (const name of Object.keys(process.env)) if (name.startsWith("BUN_")) delete process.env[name];

  let io = createIo({ json: asksForJson(argv) });
  let relays = false;
  try {
    const target = await findCommand(argv);
    if (target.kind === "help") {
      const { helpOnGroup } = await import("./help.ts");
      io.out(await helpOnGroup(target.group, io));
      return 0;
    }
    const { command } = target;
    relays = command.relays === true;
    const { values, help } = await parse(command, target.argv);
    if (help) {
      const { helpOnCommand } = await import("./help.ts");
      io.out(helpOnCommand(command, io));
      return 0;
    }
    io = createIo({ json: values.json === true, quiet: values.quiet === true, verbose: values.verbose === true });
    // `values` was read by this command's own `args`: the one place where the table's type cannot say so.
    return await command.run(values as never, io);
  } catch (error) {
    return await fail(error, relays, io);
  } finally {
    io.endProgress();
  }
}

async function fail(thrown: unknown, relays: boolean, io: Io): Promise<number> {
  const { asGlueError, errorFields, exitStatus, printError } = await import("./report.ts");
  const error = asGlueError(thrown);
  const status = exitStatus(error, relays);
  // As a program that a closed pipe ended: in silence.
  if (error.code === "outputClosed") return status;
  if (error.code !== "cancelled" || io.verbose) printError(error, io);
  if (io.json) {
    try {
      io.outJson({ type: "error", schemaVersion: 1, exitCode: status, error: errorFields(error) });
    } catch (broken) {
      // stdout is gone or broken as well; stderr has the error already and the status stands.
      io.detail(String(broken));
    }
  }
  return status;
}

/** Before the flags are read, and when they cannot be: whoever asked for JSON gets the error in JSON too. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return (end < 0 ? argv : argv.slice(0, end)).includes("--json");
}

/** Nothing should get here; when it does, it is a bug and must be seen, not swallowed. */
const lastResort = (error: unknown) => {
  fail(error, true, createIo()).then(
    (status) => process.exit(status),
    () => process.exit(125),
  );
};
process.on("uncaughtException", lastResort);
process.on("unhandledRejection", lastResort);

main(process.argv.slice(2)).then((status) => process.exit(status), lastResort);
