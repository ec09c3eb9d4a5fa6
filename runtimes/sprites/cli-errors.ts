import { GlueError } from "../contract.ts";

/**
 * What a failure of the program means. `notStarted`: it could not connect, so nothing ran, and the same call can be made again.
 * `lost`: the connection ended in the middle. `gone`: there is no such sprite. `unknown`: none of what is known.
 */
export type CliFailure = "notStarted" | "lost" | "gone" | "loggedOut" | "capacity" | "exists" | "tooLong" | "unknown";

/** Words that the program is known to end with, all on lines that begin with "Error". */
const WORDS: readonly (readonly [RegExp, CliFailure])[] = [
  [/no organizations configured|not authenticated|unauthorized|HTTP 401/i, "loggedOut"],
  [/Maximum concurrent sprites|concurrent_sprite_limit|creation_rate_limited/i, "capacity"],
  [/already exists|name_taken|\btaken\b|HTTP 409|HTTP 422/i, "exists"],
  [/sprite not found|sprite \S+ not found|HTTP 404/i, "gone"],
  [/bad handshake \(HTTP 414\)/i, "tooLong"],
  [
    /bad handshake|HTTP 50[234]|sprite_starting|i\/o timeout|connection refused|failed to connect|no such host/i,
    "notStarted",
  ],
  [/connection closed|no exit frame|unexpected EOF|broken pipe|connection reset|close 10\d\d/i, "lost"],
];

export function failureOf(stderr: string): CliFailure {
  const said = lastError(stderr);
  return WORDS.find(([pattern]) => pattern.test(said))?.[1] ?? "unknown";
}

/** The program's last line that begins with "Error"; "" where there is none. */
function lastError(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => /^Error\b/.test(line));
  return lines.at(-1) ?? "";
}

/** The `GlueError` for a failed call. `doing` begins the sentence: "The sprite X could not be created". */
export function cliError(doing: string, stderr: string): GlueError {
  const said = lastError(stderr).replace(/^Error:? /, "") || stderr.trim().split("\n").at(-1) || "it said nothing";
  const message = `${doing}: ${said}`;
  switch (failureOf(stderr)) {
    case "loggedOut":
      return new GlueError("authFailed", message, { hint: "Run sprite login.", cause: stderr });
    case "capacity":
      return new GlueError("quotaExceeded", message, {
        hint: "Destroy a sprite that is not needed (sprite list, sprite destroy NAME), or wait.",
        cause: stderr,
      });
    case "gone":
      return new GlueError("sandboxGone", message, { cause: stderr });
    case "notStarted":
    case "lost":
      return new GlueError("runtimeUnreachable", message, {
        hint: "Look at the state of the service and of your network, and try again.",
        retryable: true,
        cause: stderr,
      });
    default:
      return new GlueError("runtimeUnreachable", message, { cause: stderr });
  }
}
