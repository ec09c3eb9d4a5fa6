import { type ExitRecord, parseExitRecord } from "../common/exit-record.ts";
import { GlueError, type SandboxDeath } from "../contract.ts";
import type { DockerApi } from "./api.ts";
import { deathOf } from "./container-errors.ts";
import { PRIVATE } from "./create.ts";
import { runScript } from "./exec.ts";
import { type Place, SPOOL } from "./place.ts";

/** How long an engine that does not answer is waited for: one that restarts is back by then. */
const ENGINE_AWAY_MS = 20_000;

/** Prints the record of a command, or whether its launcher lives. */
const LOOK = `if read -r record 2>/dev/null <"$1.exit"; then echo "record $record"; exit; fi
read -r pid start sid sidstart launcher rest 2>/dev/null <"$1.pid" || exit
[ -d "/proc/$launcher" ] && echo alive`;

/**
 * How a command ended whose stream broke off: from its record in the container, waited for as long as its launcher lives. Throws
 * `outcomeUnknown` where nobody can say any more; `onDeath` hears of a container that is gone.
 */
export async function findOutcome(
  api: DockerApi,
  place: Place,
  commandId: string,
  onDeath: (death: SandboxDeath) => void,
): Promise<ExitRecord> {
  let awaySince: number | undefined;
  let deadLooks = 0;
  for (let wait = 50; ; wait = Math.min(wait * 2, 2_000)) {
    const death = await deathOf(api, place.container);
    if (death instanceof GlueError) {
      awaySince ??= performance.now();
      if (performance.now() - awaySince > ENGINE_AWAY_MS) throw unknown(death.message, death);
    } else if (death !== undefined) {
      onDeath(death);
      throw unknown(death.reason);
    } else {
      awaySince = undefined;
      const seen = await look(api, place, commandId);
      if (typeof seen === "object") return seen;
      // A launcher that has just ended may have written its record after we looked.
      if (seen === "dead" && ++deadLooks > 2) throw unknown("What watched over it in the container was killed.");
    }
    await Bun.sleep(wait);
  }
}

/** What its record says, or whether its launcher lives; `unseen` where neither could be asked. */
export async function look(
  api: DockerApi,
  place: Place,
  commandId: string,
): Promise<ExitRecord | "alive" | "dead" | "unseen"> {
  let said: string;
  try {
    const words = [`${SPOOL}/${commandId}`];
    said = (
      await runScript(api, { container: place.container }, { script: LOOK, sh: place.sh, words, user: "0" }, 15_000)
    ).stdout.toString();
  } catch {
    // The next round asks the engine what has become of the container.
    return "unseen";
  }
  if (said.startsWith("alive")) return "alive";
  return (said.startsWith("record ") ? parseExitRecord(said.slice("record ".length)) : undefined) ?? "dead";
}

function unknown(why: string, cause?: unknown): GlueError {
  return new GlueError("outcomeUnknown", `It is unknown how the command ended: the connection to it was lost. ${why}`, {
    hint: "Part of it may have happened. Look at the files before you repeat it.",
    cause,
  });
}

/** For a command whose launcher could not write its records, which says nothing about whether the command ran. */
export function noRecord(): GlueError {
  return new GlueError(
    "outcomeUnknown",
    `It is unknown how the command ended: it could not be written to ${PRIVATE} in the container.`,
    {
      hint: "Something in the container changed that folder, or its disk is full.",
    },
  );
}
