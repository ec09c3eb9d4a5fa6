import files from "../common/files.sh" with { type: "text" };
import { LAUNCHER } from "../common/launch.ts";
import { GlueError } from "../contract.ts";
import { runScript } from "./exec.ts";
import { PRIVATE, WORKSPACE } from "./place.ts";
import script from "./setup.sh" with { type: "text" };
import type { Sidecar } from "./sidecar.ts";

const SECONDS = 120;

export interface Inside {
  readonly sh: string;
  /** Processes that keep the sandbox up, by number. */
  readonly spared: readonly number[];
}

/** Prepares a new sandbox: glue's folder with its scripts, and an empty workspace. `sandboxUnusable` with what it lacks. */
export async function setUp(sidecar: Sidecar, image: string): Promise<Inside> {
  const bare = (text: string) => text.replace(/^\s*#.*\n/gm, "").trimEnd();
  const parts: Readonly<Record<string, string>> = { "@launcher@": LAUNCHER.trimEnd(), "@files@": bare(files) };
  const text = bare(script).replace(/^@(launcher|files)@$/gm, (word) => parts[word] ?? "");
  const { stdout, stderr, code } = await runScript(sidecar, ["sh", "-c", text, "glue", WORKSPACE, PRIVATE], {
    timeout: SECONDS,
  });
  const lines = stdout.toString().split("\n");
  const lacks = lines.filter((line) => line.startsWith("lacks ")).map((line) => line.slice("lacks ".length));
  if (lacks.length > 0) {
    throw new GlueError("sandboxUnusable", `The image ${image} cannot be used: it has no ${lacks.join(", no ")}.`, {
      hint: "Set modal.image to one that has sh, tar and the usual tools (coreutils or busybox).",
    });
  }
  const sh = lines.find((line) => line.startsWith("sh "))?.slice("sh ".length);
  if (!lines.includes("ready") || !sh) {
    const why = stderr.trim().split("\n").at(-1) || `exit code ${code}`;
    throw new GlueError("sandboxUnusable", `A sandbox of the image ${image} cannot be prepared: ${why}.`, {
      hint: "Set modal.image to one whose commands run as root.",
    });
  }
  const spared =
    lines
      .find((line) => line.startsWith("spared"))
      ?.split(" ")
      .slice(1)
      .map(Number) ?? [];
  return { sh, spared };
}
