import filesSh from "../common/files.sh" with { type: "text" };
import { LAUNCHER } from "../common/launch.ts";
import { GlueError } from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import { cliError, failureOf } from "./cli-errors.ts";
import endAllSh from "./end-all.sh" with { type: "text" };
import { firstMark } from "./marks-in.ts";
import piecesSh from "./pieces.sh" with { type: "text" };
import relayPl from "./relay.pl" with { type: "text" };
import runSh from "./run.sh" with { type: "text" };
import segmentsSh from "./segments.sh" with { type: "text" };
import setupSh from "./setup.sh" with { type: "text" };
import toolSh from "./tool.sh" with { type: "text" };

export interface SetupRequest {
  readonly how: "fresh" | "resumed";
  readonly sessionId: string;
  /** A line of JSON; see lease.ts. */
  readonly lease: string;
  /** The session whose lease is proven to be of no use any more. */
  readonly stale?: string;
  /** Called while the sprite cannot be connected to yet. */
  readonly onWait?: (seconds: number) => void;
  readonly signal?: AbortSignal;
}

/** What the set-up found. `held`: another session has the lease, and nothing was changed. */
export type SetupResult =
  | { readonly held: string }
  | {
      readonly private: string;
      readonly tools: string;
      readonly sudo: boolean;
      /** What a resumed sprite has in its workspace: a repository without changes, one with changes, files without one, or nothing. */
      readonly workspace: "clean" | "dirty" | "loose" | "empty";
    };

/** How long a sprite may take until commands run in it: it was just made, or wakes up, or its environment restarts. */
const READY_MS = 120_000;

const FILES: Readonly<Record<string, string>> = {
  "launch.sh": LAUNCHER,
  "files.sh": filesSh,
  "run.sh": runSh,
  "tool.sh": toolSh,
  "pieces.sh": piecesSh,
  "relay.pl": relayPl,
  "end-all.sh": endAllSh,
  "segments.sh": segmentsSh,
};

/** Another version's tools lie in another folder: a session that is open goes on with those it has. */
function toolsName(): string {
  return `tools-${Bun.hash(JSON.stringify(FILES)).toString(36)}`;
}

/** The text that a shell of the sprite reads from stdin: it is far too long for a request line. */
function setupText(): string {
  const end = "GLUE_END_OF_FILE";
  const files = Object.entries(FILES).map(
    ([name, text]) => `cat >"$tools/${name}" <<'${end}' &&\n${text}${text.endsWith("\n") ? "" : "\n"}${end}`,
  );
  return `install_tools() {\n${files.join("\n")}\ntrue\n}\nset_up() {\n${setupSh}\n}\nset_up "$@" </dev/null\nexit\n`;
}

/**
 * Waits until the sprite runs commands, and prepares it. Everything in it can be done twice. Throws `sandboxUnusable` where something is
 * lacking, `runtimeUnreachable` where it does not answer in time, and what the service refuses.
 */
export async function setUp(cli: SpriteCli, name: string, request: SetupRequest): Promise<SetupResult> {
  const began = performance.now();
  for (let wait = 250; ; wait = Math.min(wait * 2, 3_000)) {
    if (request.signal?.aborted)
      throw new GlueError("cancelled", "Interrupted while the sprite was prepared.", { cause: request.signal.reason });
    const token = crypto.randomUUID();
    const argv = [
      "sh",
      "-s",
      "--",
      token,
      request.how,
      request.sessionId,
      request.lease,
      request.stale ?? "",
      toolsName(),
    ];
    const { stdout, stderr } = await cli.exec(name, argv, { stdin: Buffer.from(setupText()), deadlineMs: 90_000 });
    const said = parse(stdout, token);
    if (said !== undefined) return resultOf(name, said);
    const failure = failureOf(stderr);
    const seconds = (performance.now() - began) / 1_000;
    if ((failure !== "notStarted" && failure !== "lost" && failure !== "unknown") || seconds * 1_000 > READY_MS) {
      throw cliError(`The sprite ${name} does not run commands`, stderr);
    }
    request.onWait?.(Math.round(seconds));
    await Bun.sleep(wait);
  }
}

function parse(stdout: Buffer, token: string): string[] | undefined {
  const begin = firstMark(stdout, token);
  const end = begin?.rest.indexOf(`\x1e${token} end\x1e`) ?? -1;
  return begin === undefined || end < 0 ? undefined : begin.rest.subarray(0, end).toString().split("\n");
}

function resultOf(name: string, lines: readonly string[]): SetupResult {
  const find = (word: string) => lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1);
  const held = find("held");
  if (held !== undefined) return { held };
  const lacking = find("lacks") ?? find("nofolder");
  const folder = find("private");
  const tools = find("tools");
  if (lacking !== undefined || folder === undefined || tools === undefined || !lines.includes("ready")) {
    throw new GlueError(
      "sandboxUnusable",
      `The sprite ${name} cannot be used: ${lacking === undefined ? "it could not be prepared" : `there is no ${lacking}`}.`,
      {
        hint: "Use a sprite of the service's own image, or install what is lacking.",
        cause: lines.join("\n"),
      },
    );
  }
  const workspace = find("workspace");
  return {
    private: folder,
    tools,
    sudo: find("sudo") === "true",
    workspace: workspace === "clean" || workspace === "dirty" || workspace === "loose" ? workspace : "empty",
  };
}
