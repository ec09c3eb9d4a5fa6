import { OPTION_ROWS, type Options } from "./generated/options.ts";

/** Every option at its default, as if there were no flag, no environment and no file. */
export function defaultOptions(): Options {
  return Object.fromEntries(OPTION_ROWS.map((row) => [row.key, row.default])) as unknown as Options;
}
