/**
 * Who uses a sandbox that outlives its sessions: a file in glue's own folder there. The sandbox's labels name the session that it was made
 * for, and cannot everywhere be changed, nor anywhere by comparing first.
 */
import { GlueError, type OpenContext, type Owner } from "../contract.ts";

/**
 * Writes down whose it is from now on and prints whose it is. `$1` the folder, `$2` what to write, `$3` what the file of another says, which is
 * over, `$4` the session. Of two that want it at the same moment one gets it: a name is made once, and moved once.
 */
const HOLD = `umask 077
cd "$1" || exit 1
printf '%s' "$2" >"holder.$4"
if ! ln "holder.$4" holder 2>/dev/null; then
  if [ -n "$3" ] && mv holder "stale.$4" 2>/dev/null; then
    if [ "$(cat "stale.$4")" = "$3" ]; then ln "holder.$4" holder 2>/dev/null; else ln "stale.$4" holder 2>/dev/null; fi
    rm -f "stale.$4"
  fi
fi
rm -f "holder.$4"
cat holder
`;
/** Who has it: the holder, or nobody since its last session left it (`free`), or else the session that it was made for. */
const LOOK = 'cd "$1" || exit 1; if [ -e holder ]; then cat holder; elif [ -e free ]; then echo free; fi';

/** Said by the session that leaves. `$1` the folder. */
export const FREE = 'cd "$1" || exit 1; : >free; rm -f holder';

/** Prints `loose` where the folder `$1` has files without a repository: they belong to no commit that a new session could start from. */
export const LOOSE = '[ -e "$1/.git" ] || [ -z "$(ls -A "$1" 2>/dev/null)" ] || echo loose';

/** Runs a script of a shell in the sandbox and returns what it prints; a failure of the script throws. It must bear being run twice. */
export type Ask = (script: string, ...words: string[]) => Promise<string>;

/**
 * Takes hold of a sandbox for a session. Throws `sandboxBusy` while another has it that is not proven to be over. `made`: the session that it
 * was made for, by its labels; `what`: the sandbox in words.
 */
export async function takeHold(
  ask: Ask,
  what: string,
  made: { readonly sessionId: string; readonly owner: Owner | undefined },
  { sessionId, owner, isOver }: OpenContext,
): Promise<void> {
  const found = await ask(LOOK);
  const free = found.trim() === "free";
  if (!free) {
    const holder = found === "" ? { session: made.sessionId, owner: made.owner } : holderIn(found);
    if (holder?.owner === undefined || isOver?.(holder.owner, holder.session) !== true)
      throw busy(what, holder?.session);
  }
  const mine = JSON.stringify({ session: sessionId, owner });
  const said = await ask(HOLD, mine, free ? "" : found, sessionId);
  if (said !== mine) throw busy(what, holderIn(said)?.session);
}

function holderIn(text: string): { session: string; owner: Owner } | undefined {
  try {
    const said: unknown = JSON.parse(text);
    if (typeof said !== "object" || said === null || !("session" in said) || !("owner" in said)) return undefined;
    // glue wrote it, into a folder that is glue's; a wrong one is at worst one that proves nothing.
    return typeof said.session === "string" ? { session: said.session, owner: said.owner as Owner } : undefined;
  } catch {
    // Torn: then nothing is known of who uses it.
    return undefined;
  }
}

function busy(what: string, session: string | undefined): GlueError {
  const who = session === undefined ? "a session that cannot be read" : `session ${session}`;
  return new GlueError("sandboxBusy", `${what} is in use by ${who}.`, {
    hint:
      session === undefined
        ? undefined
        : `glue session close ${session} ends it; glue prune does where its process died.`,
  });
}
