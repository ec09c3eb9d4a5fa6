import { looksSecret } from "../session/mask.ts";
import { GlueError } from "../spec/glue-error.ts";
import { readEnvFlags } from "./env-flags.ts";

/**
 * Reads repeated `-e` of a session that stays: values are kept with the session, names are passed on from wherever a command is given.
 * A value whose name says that it is a secret is refused, because it would stay on the disk.
 */
export function readSessionEnv(words: readonly string[]): { env?: Record<string, string>; passOn?: string[] } {
  const literal = words.filter((word) => word.includes("="));
  const named = words.filter((word) => !word.includes("="));
  const env = readEnvFlags(literal, {});
  // Checks the names; their values come later and from elsewhere.
  const passOn = Object.keys(readEnvFlags(named, Object.fromEntries(named.map((name) => [name, ""]))));
  const secret = Object.keys(env).find((name) => looksSecret(name));
  if (secret !== undefined) {
    throw new GlueError(
      "usage",
      `-e ${secret}=…: the value would be kept on the disk in plain text as long as the session is on record.`,
      {
        hint: `Write -e ${secret}, which passes on what the variable holds where a command is given.`,
      },
    );
  }
  return { ...(literal.length === 0 ? {} : { env }), ...(named.length === 0 ? {} : { passOn }) };
}
