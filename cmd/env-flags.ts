import { GlueError } from "../spec/glue-error.ts";

/**
 * Reads repeated `-e`: `K=V` sets a variable (V may be empty), `NAME` passes one of ours on. Throws `usage` for a name that cannot
 * be one, and for a variable to pass on that is not set: an empty one in its place would be a guess.
 */
export function readEnvFlags(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new GlueError("usage", `-e ${word}: "${name}" cannot be the name of a variable.`, {
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
