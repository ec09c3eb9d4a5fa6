import { posix } from "node:path";
import { newCommandId } from "../common/command-id.ts";
import { checkSize, commandArgv, quote, throughShell } from "../common/command-line.ts";
import { DEFAULT_GRACE_MS, launchArgv } from "../common/launch.ts";
import { WORKSPACE } from "../common/sandbox-path.ts";
import { type Command, type CommandExecutor, GlueError, type RunOptions, type SandboxDeath } from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import { startOnTerminal, startPiped } from "./cli-process.ts";
import { SpriteCommand } from "./command.ts";
import { putFile } from "./pieces.ts";
import type { Place } from "./place.ts";

/** What a command is to do travels on stdin up to here, else in a file: neither may be seen in a list of processes, nor fits a request line. */
const MAX_PREAMBLE_BYTES = 32_768;
/** How long a sprite that cannot be connected to is waited for. */
const CONNECT_MS = 90_000;
/** Finished commands whose files are removed by the next. */
const MAX_OVER = 50;

/** Runs commands in the sprite, each by a call of the program of its own. */
export class SpriteExecutor implements CommandExecutor {
  readonly #cli: SpriteCli;
  readonly #place: Place;
  readonly #onDeath: (death: SandboxDeath) => void;
  readonly #live = new Set<SpriteCommand>();
  /** Commands that are over, whose files in the sprite nobody needs any more. */
  #over: string[] = [];

  constructor(cli: SpriteCli, place: Place, onDeath: (death: SandboxDeath) => void) {
    this.#cli = cli;
    this.#place = place;
    this.#onDeath = onDeath;
  }

  async run(command: Command, options: RunOptions = {}): Promise<SpriteCommand> {
    const until = performance.now() + CONNECT_MS;
    const argv = await commandArgv(command, "sh", (text) => this.#stageScript(text));
    for (let wait = 250; ; wait = Math.min(wait * 2, 3_000)) {
      if (options.signal?.aborted) throw new GlueError("cancelled", "Interrupted before the command was started.");
      const running = await this.#start(argv, options);
      const begun = await running.begun;
      if (begun === "running") {
        this.#watch(running);
        return running;
      }
      if (begun === "cwd") {
        const cwd = posix.resolve(WORKSPACE, options.cwd ?? "");
        throw new GlueError(
          "cwdInvalid",
          `The folder to work in cannot be used in the sprite: ${cwd} is missing, not a folder, or not permitted.`,
        );
      }
      if (!begun.notStarted.retryable || performance.now() > until) throw begun.notStarted;
      await Bun.sleep(wait);
    }
  }

  /** Ends the program's calls; what runs in the sprite is left to itself. */
  abandonAll(): void {
    for (const running of this.#live) running.abandon();
  }

  #watch(running: SpriteCommand): void {
    this.#live.add(running);
    void running.released.then(() => this.#live.delete(running));
    running.wait().then(
      // Its files in the sprite may tell what became of a command that nobody knows the end of.
      () => void running.released.then(() => this.#over.push(running.id)),
      () => undefined,
    );
  }

  async #start(argv: readonly [string, ...string[]], options: RunOptions): Promise<SpriteCommand> {
    const { timeoutMs, graceMs = DEFAULT_GRACE_MS, pty } = options;
    const { sessionId, spool, tools, name } = this.#place;
    const id = newCommandId(sessionId);
    const token = crypto.randomUUID();
    const environment = { ...(pty === undefined ? {} : { TERM: pty.term }), ...options.env };
    const through = throughShell([...argv], environment);
    // A deadline of no time at all is still one.
    const deadline = timeoutMs === undefined ? undefined : Math.max(1, timeoutMs);
    const launch = { id, spool, argv: through.argv, timeoutMs: deadline, graceMs };
    // The words behind the launcher's file, which run.sh knows.
    const [, , ...words] = launchArgv(launch, { file: "" });
    checkSize(words, through.env);
    const text = preamble({
      cwd: posix.resolve(WORKSPACE, options.cwd ?? ""),
      spool,
      id,
      over: this.#over.splice(0, MAX_OVER),
      words,
      env: through.env,
    });
    const staged = pty !== undefined || text.length > MAX_PREAMBLE_BYTES;
    const file = staged ? `${spool}/${id}.run` : "";
    if (staged) await putFile(this.#cli, this.#place, file, text);
    const call = this.#cli.execWords(
      name,
      ["sh", `${tools}/run.sh`, token, tools, pty === undefined ? "pipe" : "tty", file],
      pty !== undefined,
    );
    const end = Buffer.from(`${token}\n`);
    const carried =
      pty === undefined
        ? startPiped(this.#cli, call, staged ? new Uint8Array() : Buffer.concat([text, end]))
        : startOnTerminal(this.#cli, call, pty);
    return new SpriteCommand(this.#cli, this.#place, carried, { id, token, graceMs, options }, this.#onDeath);
  }

  async #stageScript(text: Uint8Array): Promise<string> {
    const file = `${this.#place.spool}/${newCommandId(this.#place.sessionId)}.script`;
    await putFile(this.#cli, this.#place, file, text);
    return file;
  }
}

interface Preamble {
  readonly cwd: string;
  readonly spool: string;
  readonly id: string;
  readonly over: readonly string[];
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What run.sh evaluates: see there. */
function preamble({ cwd, spool, id, over, words, env }: Preamble): Buffer {
  const lines = [
    `glue_folder=${quote(cwd)} glue_spool=${quote(spool)} glue_id=${quote(id)} glue_over=${quote(over.join(" "))}`,
  ];
  lines.push("glue_env() {", "true");
  for (const [name, value] of Object.entries(env)) lines.push(`export ${name}=${quote(value)}`);
  lines.push("}");
  lines.push(`set -- ${words.map(quote).join(" ")}`);
  return Buffer.from(`${lines.join("\n")}\n`);
}
