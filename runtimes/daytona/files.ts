import { quote } from "../common/command-line.ts";
import { fileError } from "../common/file-errors.ts";
import type { Place } from "./place.ts";
import type { Toolbox } from "./toolbox.ts";

/** What a tool in the sandbox said, its stdout byte for byte. */
export interface ToolAnswer {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A file operation of files.sh. `feed`: a shell command whose output is its stdin. */
export async function fileTool(
  toolbox: Toolbox,
  place: Place,
  words: readonly string[],
  feed = "",
): Promise<ToolAnswer> {
  const argv = [place.sh, `${place.own}/files.sh`, ...words].map(quote).join(" ");
  const input = feed === "" ? "</dev/null" : "";
  const pipe = feed === "" ? "" : `${feed} | `;
  const token = crypto.randomUUID();
  // Its stdout goes straight into base64; its stderr and status are held back and follow behind a word that is nobody's.
  const script = [
    "export LC_ALL=C",
    "echo ':glue:'",
    `{ glue_said=$( { ${pipe}${argv} ${input}; echo "$?" >&2; } 2>&1 1>&3 3>&- ); printf '\\n%s\\n%s' ${token} "$glue_said"; } 3>&1 | base64`,
    "echo ':end:'",
    "",
  ].join("\n");
  const bytes = Buffer.from(await toolbox.execute(script, { seconds: 600 }), "base64");
  const at = bytes.lastIndexOf(`\n${token}\n`);
  const words2 =
    at < 0
      ? ""
      : bytes
          .subarray(at + token.length + 2)
          .toString()
          .trimEnd();
  const line = words2.lastIndexOf("\n");
  const code = at < 0 ? 255 : Number(words2.slice(line + 1));
  return {
    code: Number.isInteger(code) ? code : 255,
    stdout: bytes.subarray(0, Math.max(0, at)),
    stderr: line < 0 ? "" : words2.slice(0, line),
  };
}

/** As `fileTool`; throws the `GlueError` of an operation that failed. `what`: "read", "write" … */
export async function fileOperation(
  toolbox: Toolbox,
  place: Place,
  what: string,
  at: Uint8Array,
  words: readonly string[],
  feed = "",
): Promise<Buffer> {
  const { code, stdout, stderr } = await fileTool(toolbox, place, words, feed);
  if (code !== 0) throw fileError(what, at, stderr);
  return stdout;
}
