import { GlueError } from "./glue-error.ts";
import { optionRow, unknownOption } from "./option-values.ts";

/**
 * Reads repeated `--set KEY=VALUE` into the flags of `resolveOptions`. The last one of a key wins; those of a list add up. Throws
 * `usage` where there is no `=`, `optionInvalid` for an unknown key. The values are checked when they are resolved.
 */
export function readSetFlags(words: readonly string[]): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    if (equals <= 0) {
      throw new GlueError("usage", `--set ${word}: expected KEY=VALUE.`, {
        hint: "For instance --set docker.image=debian:12.",
      });
    }
    const key = word.slice(0, equals);
    const value = word.slice(equals + 1);
    const row = optionRow(key);
    if (row === undefined) throw unknownOption(key);
    const before = row.type === "list" ? flags[key] : undefined;
    flags[key] = before === undefined ? value : `${before}${row.separator}${value}`;
  }
  return flags;
}
