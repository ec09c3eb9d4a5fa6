import { quote } from "../common/command-line.ts";
import files from "../common/files.sh" with { type: "text" };
import { LAUNCHER } from "../common/launch.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { GlueError } from "../contract.ts";
import carrier from "./carry.sh" with { type: "text" };
import endAll from "./end-all.sh" with { type: "text" };
import resident from "./resident.pl" with { type: "text" };
import script from "./setup.sh" with { type: "text" };
import type { Toolbox } from "./toolbox.ts";

export interface Inside {
  readonly own: string;
  readonly sh: string;
  readonly perl: string | undefined;
}

export interface SettingUp {
  /** The workspace is to be an empty one. */
  readonly fresh: boolean;
  readonly signal: AbortSignal | undefined;
  /** Nothing is repeated: `NotYet` where the sandbox does not answer. */
  readonly once?: boolean;
}

/** Prepares a sandbox: glue's folder with its scripts, and the workspace. `sandboxUnusable` with what the snapshot lacks. */
export async function setUp(toolbox: Toolbox, { fresh, signal, once = false }: SettingUp): Promise<Inside> {
  const bare = (text: string) => text.replace(/^\s*#.*\n/gm, "").trimEnd();
  // A shell reads what it is given a byte at a time, so the longer texts go another way.
  const env = {
    glue_setup: bare(script),
    glue_launch: LAUNCHER,
    glue_carry: bare(carrier),
    glue_end_all: bare(endAll),
    glue_files: bare(files),
    glue_resident: bare(resident),
  };
  const start = `exec sh -c "$glue_setup" glue ${quote(WORKSPACE)} ${fresh ? "fresh" : "kept"} ${quote(toolbox.facts.id)} </dev/null\n`;
  const without = "[ -n \"$glue_setup\" ] || { echo ':glue:'; echo 'no environment'; echo ':end:'; exit; }\n";
  let said = await toolbox.execute(`${without}${start}`, { seconds: 120, env, signal, once });
  if (said === "no environment\n") {
    const texts = Object.entries(env).map(([name, text]) => `export ${name}=${quote(text)}\n`);
    said = await toolbox.execute(`${texts.join("")}${start}`, { seconds: 120, signal });
  }
  const lines = said.split("\n");
  const value = (word: string) => lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1);
  const lacks = lines.filter((line) => line.startsWith("lacks ")).map((line) => line.slice(6));
  const { name } = toolbox.facts;
  if (lacks.length > 0) {
    throw new GlueError("sandboxUnusable", `The sandbox ${name} cannot be used: it has no ${lacks.join(", no ")}.`, {
      hint: "Choose another snapshot (daytona.snapshot): it needs sh, tar and the usual tools (coreutils or busybox).",
    });
  }
  const own = value("own");
  const sh = value("sh");
  if (!lines.includes("ready") || !own || !sh) {
    throw new GlueError(
      "sandboxUnusable",
      `The sandbox ${name} cannot be prepared: ${said.trim().split("\n").at(-1)}.`,
      {
        hint: "Its user needs to own /workspace, or sudo without a password.",
      },
    );
  }
  // What is no absolute path is a function or an alias.
  const perl = value("perl");
  return { own, sh, perl: perl?.startsWith("/") ? perl : undefined };
}
