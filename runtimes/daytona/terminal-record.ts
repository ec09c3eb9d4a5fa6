import { quote } from "../common/command-line.ts";
import { type ExitRecord, parseExitRecord } from "../common/exit-record.ts";
import { GlueError } from "../contract.ts";
import type { Toolbox } from "./toolbox.ts";

/**
 * How a command in a terminal ended, as soon as it has. The connection can break and the command go on, or stay and the command be over: the
 * record in the sandbox is what counts. `folder`: the spool.
 */
export async function terminalRecord(toolbox: Toolbox, folder: string, id: string): Promise<ExitRecord> {
  const script = [
    `cd ${quote(folder)} || exit`,
    "left=100 state=none",
    'while [ "$left" -gt 0 ]; do',
    "  left=$((left - 1)) state=none",
    `  if [ -s ${id}.exit ]; then break; fi`,
    `  if ! { read -r a b c d launcher rest <${id}.pid && kill -0 "$launcher"; } 2>/dev/null; then break; fi`,
    "  state=runs",
    "  sleep 0.1 || sleep 1",
    "done",
    "echo ':glue:'",
    `if [ -s ${id}.exit ]; then cat ${id}.exit; else echo "$state"; fi`,
    "echo ':end:'",
    "",
  ].join("\n");
  for (let nothing = 0; ; ) {
    const said = (await toolbox.execute(script, { seconds: 120 })).trim();
    const record = parseExitRecord(said);
    if (record !== undefined) return record;
    // Its launcher may not have written who it is yet, or have just ended.
    nothing = said === "runs" ? 0 : nothing + 1;
    if (nothing > 4) {
      throw new GlueError(
        "outcomeUnknown",
        "It is unknown how the command in the terminal ended: nothing in the sandbox tells.",
      );
    }
    if (nothing > 0) await Bun.sleep(100 * nothing);
  }
}
