import { GlueError } from "../spec/glue-error.ts";

/**
 * Reads repeated `-e`: `K=V` sets a variable (V may be empty), `NAME` passes one of ours on. Throws `usage` where there is no name, and for a variable to pass on that is not set: an empty one in its place would be a guess.
 */
export function readEnvFlags(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    if (name === "") {
      throw new GlueError("usage", `-e "${word}": the name of the variable is missing.`, {
        hint: "For instance -e KEY=VALUE, or -e NAME.",
      });
    }
    const value = equals < 0 ? env[name] : word.slice(equals + 1);
    if (value === undefined) {
      throw new GlueError("usage", `-e ${name}: the variable is not set here.`, {
        hint: `Set it, or give its value: -e ${name}=VALUE.`,
      });
    }
    result[name] = value;
  }
  return result;
}
