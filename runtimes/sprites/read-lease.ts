import { GlueError } from "../contract.ts";
import type { CliAnswer, SpriteCli } from "./cli.ts";
import { failureOf } from "./cli-errors.ts";
import { type Lease, parseLease } from "./lease.ts";

const ASK_MS = 30_000;
/** How long a sprite that wakes up is waited for. */
const WAKE_MS = 15_000;

/** Prints the lease between two marks, whichever of the two folders it is in. */
const READ_LEASE = `printf '\\036%s begin\\036' "$1"
cat "\${HOME:-/home/sprite}/.glue-sandbox/lease" 2>/dev/null || cat /var/lib/glue-sandbox/lease 2>/dev/null
printf '\\036%s end\\036' "$1"`;

/**
 * Whose a sprite is by its lease. `none`: it has none. `unknown`: it does not answer, or what it has cannot be read. Wakes it, and waits a while
 * for one that cannot be connected to yet.
 */
export async function readLease(cli: SpriteCli, name: string): Promise<Lease | "none" | "unknown"> {
  const until = performance.now() + WAKE_MS;
  for (let wait = 250; ; wait *= 2) {
    const token = crypto.randomUUID();
    const answer = await ask(cli, name, token);
    if (answer === undefined) return "unknown";
    const text = new RegExp(`\\x1e${token} begin\\x1e([^]*)\\x1e${token} end\\x1e`).exec(answer.stdout.toString())?.[1];
    if (text !== undefined) return text === "" ? "none" : (parseLease(text) ?? "unknown");
    if (failureOf(answer.stderr) !== "notStarted" || performance.now() > until) return "unknown";
    await Bun.sleep(wait);
  }
}

async function ask(cli: SpriteCli, name: string, token: string): Promise<CliAnswer | undefined> {
  try {
    return await cli.exec(name, ["sh", "-c", READ_LEASE, "glue", token], { deadlineMs: ASK_MS });
  } catch (error) {
    if (!(error instanceof GlueError)) throw error;
    // It does not answer in time: why makes no difference to what is known of it.
    return undefined;
  }
}
