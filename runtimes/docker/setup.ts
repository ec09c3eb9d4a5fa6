import { LAUNCHER } from "../common/launch.ts";
import { GlueError, isGlueError } from "../contract.ts";
import type { DockerApi } from "./api.ts";
import { PRIVATE } from "./create.ts";
import { runScript, type Script, type ScriptResult } from "./exec.ts";
import type { FirstRequest } from "./lane/first-request.ts";
import lane from "./lane/lane.sh" with { type: "text" };
import laneStart from "./lane/start.sh" with { type: "text" };
import { type Mounts, type Proof, proveMounts, type Seen } from "./proof.ts";
import script from "./setup.sh" with { type: "text" };

/** What a container turned out to be. */
export interface Inside {
  /** The absolute path of its sh: a command's PATH may lead elsewhere. */
  readonly sh: string;
  readonly uid: number;
  readonly gid: number;
  /** False for a number without a line in /etc/passwd: such a user's home would be `/`. */
  readonly named: boolean;
  /** The process that keeps the container up. */
  readonly main: number;
  /** The owner of the mounted tree as the container sees it, where one is mounted. */
  readonly treeOwner: { readonly uid: number; readonly gid: number } | undefined;
  /** The shell that waits for commands in the lane's folder, as `PID:START`, START being the kernel's time of its start; undefined where there is none. */
  readonly lane: string | undefined;
}

export interface SetupRequest {
  readonly mode: "direct" | "copy";
  /** True for a container that an earlier session left: its workspace stays as it is. */
  readonly resumed?: boolean;
  readonly image: string;
  /** As the container has it, "" being root. */
  readonly user: string;
  readonly shell: string;
  readonly mounts: Mounts;
  readonly proof: Proof;
  /** Set where the lane's folder is mounted: the image's LC_ALL, empty where it has none. */
  readonly lane?: { readonly lcAll: string } | undefined;
  /** The same, as the container's first process finds it. */
  readonly first?: FirstRequest | undefined;
}

/** Lays out in the lane's folder what prepares the container as its first process starts, where that is root's. */
export async function offerSetup(
  folder: string,
  request: Pick<SetupRequest, "mode" | "shell" | "mounts" | "proof">,
): Promise<FirstRequest | undefined> {
  const { FirstRequest } = await import("./lane/first-request.ts");
  return await FirstRequest.offer(folder, setupScript({ ...request, user: "", lane: { lcAll: AS_HERE } }));
}

/** For setup.sh: the image's LC_ALL is that of its own shell. */
const AS_HERE = ".";

function setupScript(request: Omit<SetupRequest, "image" | "first">): Script & { readonly stdin: Uint8Array } {
  const { mode, resumed = false, user, shell, mounts, proof } = request;
  const targets = [...mounts.tree, ...mounts.others].map((mount) => mount.target);
  const words = [resumed ? `${mode}-resumed` : mode, user, shell, PRIVATE, proof.tokenFile ?? ""];
  words.push(...(request.lane === undefined ? ["", "", ""] : [lane, laneStart, request.lane.lcAll]), ...targets);
  return { script, words, stdin: new TextEncoder().encode(LAUNCHER), user: "0" };
}

/**
 * Prepares a started container: glue's folder, the launcher, an empty workspace where nothing is mounted. Proves what later work relies
 * on. Throws `sandboxUnusable` when the image lacks what a sandbox needs, `mountMismatch` when a mount is not the folder it should be.
 */
export async function setUp(api: DockerApi, container: string, request: SetupRequest): Promise<Inside> {
  const { mode, image, mounts, proof } = request;
  const { code, stdout, stderr } = await prepare(api, container, request);
  const said = readAnswer(stdout.toString());
  if (said.lacks.length > 0) throw unusable(image, `it has no ${said.lacks.join(", no ")}`);
  if (said.noUser !== undefined) {
    throw new GlueError("optionInvalid", `The image ${image} knows no user or group ${said.noUser}.`, {
      hint: "Correct docker.user: a name that the image has, uid, uid:gid, or host.",
    });
  }
  if (said.noShell !== undefined) {
    throw new GlueError(
      "sandboxUnusable",
      `The image ${image} has no shell ${said.noShell}, which docker.shell asks for.`,
      {
        hint: "Set docker.shell to a shell that the image has (sh is there), or use another image.",
      },
    );
  }
  proveMounts(mounts, said, proof);
  if (code !== 0 || !said.ready)
    throw unusable(image, `it cannot be prepared: ${lastLine(stderr) || `exit code ${code}`}`);
  const [tree] = said.mounts;
  return {
    sh: said.sh ?? "/bin/sh",
    uid: said.uid,
    gid: said.gid,
    named: said.named,
    main: said.main,
    treeOwner: mode === "direct" && tree !== undefined ? { uid: tree.uid, gid: tree.gid } : undefined,
    lane: said.lane,
  };
}

/** By the container's first process where that has begun with it, else by an exec. */
async function prepare(api: DockerApi, container: string, request: SetupRequest): Promise<ScriptResult> {
  const { image, first } = request;
  try {
    return (await first?.result(api, container)) ?? (await runScript(api, { container }, setupScript(request)));
  } catch (error) {
    if (isGlueError(error, "sandboxGone")) throw unusable(image, `cat, which is to keep it up, ended at once`, error);
    if (isGlueError(error, "startFailed")) throw unusable(image, `it has no sh that runs (${error.message})`, error);
    throw error;
  }
}

interface Answer extends Seen {
  readonly sh: string | undefined;
  readonly lacks: readonly string[];
  readonly noShell: string | undefined;
  readonly noUser: string | undefined;
  readonly uid: number;
  readonly gid: number;
  readonly named: boolean;
  readonly main: number;
  readonly lane: string | undefined;
  readonly ready: boolean;
}

/** The lines that setup.sh prints: a word, then what it is about. */
function readAnswer(text: string): Answer {
  const rows = text.split("\n").map((line) => {
    const space = line.indexOf(" ");
    return space < 0 ? ([line, ""] as const) : ([line.slice(0, space), line.slice(space + 1)] as const);
  });
  const all = (word: string) => rows.filter(([first]) => first === word).map(([, rest]) => rest);
  const [uid = 0, gid = 0, named] = all("user")[0]?.split(" ") ?? [];
  return {
    sh: all("sh")[0] || undefined,
    lacks: all("lacks"),
    noShell: all("noshell")[0],
    noUser: all("nouser")[0],
    uid: Number(uid),
    gid: Number(gid),
    named: named === "named",
    main: Number(all("main")[0] ?? 1),
    boot: all("boot")[0],
    token: all("token")[0],
    listing: all("listing")[0],
    mounts: all("mount").map((facts) => {
      const [dev = "", ino = "", owner, group] = facts.split(" ");
      return facts === "unknown" ? undefined : { dev, ino, uid: Number(owner), gid: Number(group) };
    }),
    lane: all("lane")[0],
    ready: all("ready").length > 0,
  };
}

function unusable(image: string, why: string, cause?: unknown): GlueError {
  return new GlueError("sandboxUnusable", `The image ${image} cannot be used as a sandbox: ${why}.`, {
    hint: "A sandbox needs sh, cat, mkdir, kill and tar. Set docker.image to an image that has them.",
    cause,
  });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}
