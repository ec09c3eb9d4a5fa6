import type { Command } from "../runtimes/contract.ts";
import type { RuntimeId } from "../spec/generated/capabilities.ts";
import type { OptionKey, Options } from "../spec/generated/options.ts";

/** The option that names the shell of a runtime. The host knows its own, and in which mode; elsewhere it is the sandbox's `sh`. */
const SHELL_OPTIONS: Readonly<Partial<Record<RuntimeId, OptionKey>>> = {
  docker: "docker.shell",
};

/** A script with the shell that the options choose for the runtime where it will really run; an argv meets none. */
export function withShell(command: Command, runtime: RuntimeId, options: Options): Command {
  if (!("script" in command)) return command;
  const key = SHELL_OPTIONS[runtime];
  const shell = key === undefined ? undefined : options[key];
  return typeof shell === "string" ? { ...command, shell } : command;
}
