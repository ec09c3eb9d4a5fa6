import { parseExitRecord } from "../common/exit-record.ts";
import { createMarkFinder } from "../common/marks.ts";
import { GlueError } from "../contract.ts";
import type { DockerApi, ExecSpec } from "./api.ts";
import { containerFailure } from "./container-errors.ts";
import { engineWire, type Wire } from "./wire.ts";

/** A shell script of ours in the container; the user's commands go through the launcher. */
export interface Script {
  readonly script: string;
  /** `$1` and what follows. */
  readonly words?: readonly string[];
  /** The shell; `sh` where it is not known better. */
  readonly sh?: string;
  /** At EOF where it is left out. `open` leaves it to the caller. */
  readonly stdin?: Uint8Array | "open";
  /** `0` for what only root may; the container's own user where it is left out. */
  readonly user?: string;
  /** It ends everything else: nobody need be made ready to run another. */
  readonly last?: boolean;
}

/** Where a script runs. */
export interface ScriptPlace {
  readonly container: string;
  /** The folder of a lane into the container: the way, where somebody answers there and the script is one for root. */
  readonly lane?: string | undefined;
}

export interface ScriptResult {
  readonly code: number;
  readonly stdout: Buffer;
  /** Its end, where it was long. */
  readonly stderr: string;
}

const DEADLINE_MS = 60_000;
const MAX_BYTES = 256 * 1024 * 1024;
const STDERR_LETTERS = 4_096;

/**
 * In front of every script: it says when it starts, and at its end it says so on both streams, with its status (see marks.ts). The engine's own word for the end is not
 * relied on: while a background process of any earlier command holds that command's stdout, version 20.10 tells of no end at all.
 * A script may redirect its stderr.
 */
const HEAD = `glue_x_token=$1
shift
exec 9>&2
printf '\\036%s start\\036' "$glue_x_token"
glue_x_end() {
glue_x_code=$?
printf '\\036%s end exit %s .\\036' "$glue_x_token" "$glue_x_code" >&9
printf '\\036%s end exit %s .\\036' "$glue_x_token" "$glue_x_code"
}
trap glue_x_end EXIT
trap 'exit 1' HUP INT TERM
`;

/** Runs a script to its end. Throws `sandboxGone`, `runtimeUnreachable` or `startFailed`, never for what the script says itself. */
export async function runScript(
  api: DockerApi,
  place: ScriptPlace,
  script: Script,
  deadlineMs = DEADLINE_MS,
): Promise<ScriptResult> {
  return await finishScript(await startScript(api, place, script), script.stdin, deadlineMs);
}

/** The rest of a script that has been started: its stdin, and what it prints to its end. */
export async function finishScript(
  running: RunningScript,
  stdin?: Script["stdin"],
  deadlineMs = DEADLINE_MS,
): Promise<ScriptResult> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    running.destroy();
  }, deadlineMs);
  try {
    if (stdin instanceof Uint8Array) running.feed(stdin);
    const stdout: Uint8Array[] = [];
    let bytes = 0;
    for (let piece = await running.next(); piece !== undefined; piece = await running.next()) {
      stdout.push(piece);
      bytes += piece.length;
      if (bytes > MAX_BYTES)
        throw new GlueError("ioFailed", `A script in the container printed more than ${MAX_BYTES} bytes.`);
    }
    return { code: running.code, stdout: Buffer.concat(stdout), stderr: running.stderr };
  } catch (error) {
    if (!late) throw error;
    throw new GlueError("runtimeUnreachable", `A script in the container did not end within ${deadlineMs / 1_000} s.`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    running.destroy();
  }
}

/** What a script's shell is given, with the token of the marks that it makes. */
export function markScript(script: Script): { token: string; text: string; words: string[] } {
  const token = crypto.randomUUID();
  return { token, text: HEAD + script.script, words: [token, ...(script.words ?? [])] };
}

/** Starts a script and leaves its streams to the caller. */
export async function startScript(api: DockerApi, place: ScriptPlace, script: Script): Promise<RunningScript> {
  const { container, lane } = place;
  const { token, text, words } = markScript(script);
  // The texts of errors are read, and names are bytes.
  const env = { LC_ALL: "C" };
  const input = script.stdin !== undefined;
  if (lane !== undefined) {
    const { startInLane } = await import("./lane/lane.ts");
    const wire = await startInLane(lane, {
      id: script.last === true ? `last-${token}` : token,
      script: text,
      words,
      env,
      input,
    });
    if (wire !== undefined) return new RunningScript(api, container, wire, token);
  }
  const spec: ExecSpec = {
    Cmd: [script.sh ?? "sh", "-c", text, "glue", ...words],
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    WorkingDir: "/",
    AttachStdin: input,
    AttachStdout: true,
    AttachStderr: true,
    ...(script.user === undefined ? {} : { User: script.user }),
  };
  try {
    const { stream } = await api.exec(container, spec);
    const wire = engineWire(stream, { terminal: false, recycle: false });
    return new RunningScript(api, container, wire, token);
  } catch (error) {
    throw await containerFailure(api, container, error);
  }
}

/** A script that runs. What it prints is read as it comes; its status is known at the end of that. */
export class RunningScript {
  readonly #api: DockerApi;
  readonly #container: string;
  readonly #wire: Wire;
  readonly #out;
  readonly #err;
  readonly #waiting: Uint8Array[] = [];
  #ends = 0;
  #code: number | undefined;
  #stderr = "";
  /** What was printed first: the engine's own words, where it could not start the shell. */
  #first = "";

  constructor(api: DockerApi, container: string, wire: Wire, token: string) {
    this.#api = api;
    this.#container = container;
    this.#wire = wire;
    const onMark = (words: string) => {
      if (words === "start") return wire.connected?.();
      this.#ends++;
      this.#code = parseExitRecord(`${words.slice("end ".length)}\n`)?.code;
    };
    this.#out = createMarkFinder(token, onMark);
    this.#err = createMarkFinder(token, onMark);
  }

  get code(): number {
    if (this.#code === undefined) throw new GlueError("internal", "A script was asked for its status before its end.");
    return this.#code;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The next piece of stdout; undefined when the script has ended. Throws where it broke off. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.#waiting.shift();
      if (piece !== undefined) return piece;
      if (this.#ends === 2) return undefined;
      const runs = await this.#read();
      if (runs === undefined) throw await this.#brokenOff();
      for (const run of runs) {
        if (run.stream === "stdout") {
          const pieces = this.#out.push(run.bytes);
          if (this.#first === "" && pieces[0] !== undefined)
            this.#first = Buffer.from(pieces[0].subarray(0, 1_000)).toString();
          this.#waiting.push(...pieces);
        } else for (const words of this.#err.push(run.bytes)) this.#keep(words);
      }
    }
  }

  /** Sends all of stdin. A script that ends without reading it says itself what that means. */
  feed(bytes: Uint8Array): void {
    this.#wire.write(bytes).then(() => this.endInput(), ignoreLost);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#wire.write(bytes);
  }

  endInput(): void {
    this.#wire.endInput();
  }

  destroy(): void {
    this.#wire.destroy();
  }

  async #read(): ReturnType<Wire["read"]> {
    try {
      return await this.#wire.read();
    } catch (error) {
      throw await containerFailure(this.#api, this.#container, error);
    }
  }

  /** The container died, or the engine says on the stream why it could not start the shell. */
  async #brokenOff(): Promise<GlueError> {
    const failure = await containerFailure(this.#api, this.#container, undefined);
    if (failure !== undefined) return failure;
    const words = `${this.#stderr}${this.#first}`.trim();
    return new GlueError("startFailed", `A script could not be run in the container: ${words || "it broke off"}`);
  }

  #keep(words: Uint8Array): void {
    this.#stderr = (this.#stderr + Buffer.from(words).toString()).slice(-STDERR_LETTERS);
  }
}

function ignoreLost(): void {
  return;
}
