import { OPTION_ROWS, type OptionKey, type Options } from "./generated/options.ts";

/** What stands where a secret would. */
export const MASK = "********";

const SECRET_KEYS: readonly OptionKey[] = OPTION_ROWS.filter((row) => row.secret).map((row) => row.key);

/** A copy that may be shown: every secret that is set is `********`. */
export function maskSecrets(options: Options): Options {
  const masked = SECRET_KEYS.filter((key) => options[key] !== undefined).map((key) => [key, MASK]);
  return { ...options, ...Object.fromEntries(masked) };
}

/** The secrets that are set, in plain text, so that they can be masked wherever else they turn up. */
export function secretValues(options: Options): string[] {
  return SECRET_KEYS.map((key) => options[key]).filter((value): value is string => typeof value === "string");
}
