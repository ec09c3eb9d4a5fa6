import { OPTION_ROWS, type OptionKey, type OptionValue } from "./generated/options.ts";
import { describeSource, type Resolved, type Source } from "./resolve.ts";
import { maskSecrets } from "./secrets.ts";

/** One option as `glue config show` tells it. */
export interface ShownOption {
  readonly key: OptionKey;
  /** Null where it is not set; a secret is masked. */
  readonly value: OptionValue | null;
  /** The value for people; where it is not set, what that means in parentheses. */
  readonly text: string;
  readonly secret: boolean;
  /** For people: `flag --runtime`, `env GLUE_RUNTIME`, `/path/config.yaml:3:5`, `default`. */
  readonly source: string;
  /** The same in parts, for tools. */
  readonly origin: Source;
  /** Why the value at the source cannot be used, where that is so. */
  readonly problem?: string;
}

/** Every option with its value and where that came from, in the order of the declaration. */
export function configShow(resolved: Pick<Resolved, "options" | "sources">): ShownOption[] {
  const options = maskSecrets(resolved.options);
  return OPTION_ROWS.map((row) => {
    const value = options[row.key];
    const origin = resolved.sources[row.key];
    return {
      key: row.key,
      value: value ?? null,
      text:
        value === undefined ? `(${row.unsetMeans})` : Array.isArray(value) ? value.join(row.separator) : String(value),
      secret: row.secret,
      source: describeSource(origin),
      origin,
      ...(origin.problem === undefined ? {} : { problem: origin.problem }),
    };
  });
}
