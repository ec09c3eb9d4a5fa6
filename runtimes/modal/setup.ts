import files from "../common/files.sh" with { type: "text" };
import { LAUNCHER } from "../common/launch.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { GlueError } from "../contract.ts";
import { runScript } from "./exec.ts";
import { OTHERS_PRIVATE, ROOTS_PRIVATE } from "./place.ts";
import script from "./setup.sh" with { type: "text" };
import type { Sidecar } from "./sidecar.ts";

const SECONDS = 120;

export interface Inside {
  readonly sh: string;
  /** glue's own folder. */
  readonly private: string;
  /** Processes that keep the sandbox up, by number. */
  readonly spared: readonly number[];
  /** When the service ends it, milliseconds since 1970. */
  readonly until: number;
}

/**
 * Prepares a sandbox: glue's folder with its scripts, and a workspace, which is empty in a new one. `until` as in `Inside`; left out for a
 * sandbox that an earlier session kept, which knows it. `image` for people. `sandboxUnusable` with what it lacks.
 */
export async function setUp(sidecar: Sidecar, image: string, until?: number): Promise<Inside> {
  const bare = (text: string) => text.replace(/^\s*#.*\n/gm, "").trimEnd();
  const parts: Readonly<Record<string, string>> = { "@launcher@": LAUNCHER.trimEnd(), "@files@": bare(files) };
  const text = bare(script).replace(/^@(launcher|files)@$/gm, (word) => parts[word] ?? "");
  const { stdout, stderr, code } = await runScript(
    sidecar,
    ["sh", "-c", text, "glue", WORKSPACE, ROOTS_PRIVATE, OTHERS_PRIVATE, until === undefined ? "" : String(until)],
    {
      timeout: SECONDS,
    },
  );
  const lines = stdout.toString().split("\n");
  const lacks = lines.filter((line) => line.startsWith("lacks ")).map((line) => line.slice("lacks ".length));
  if (lacks.length > 0) {
    throw new GlueError("sandboxUnusable", `The image ${image} cannot be used: it has no ${lacks.join(", no ")}.`, {
      hint: "Set modal.image to one that has sh, tar and the usual tools (coreutils or busybox).",
    });
  }
  const said = (key: string) => lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
  const sh = said("sh");
  const own = said("own");
  const end = Number(said("until"));
  if (!lines.includes("ready") || !sh || !own || !end) {
    const why = stderr.trim().split("\n").at(-1) || `exit code ${code}`;
    throw new GlueError("sandboxUnusable", `A sandbox of the image ${image} cannot be prepared: ${why}.`, {
      hint: "Set modal.image to one whose commands run as root, or whose user has a home and a writable /workspace.",
    });
  }
  const spared = (said("spared") ?? "").split(" ").filter(Boolean).map(Number);
  return { sh, private: own, spared, until: end };
}
