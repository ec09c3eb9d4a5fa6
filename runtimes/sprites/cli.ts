import { GlueError, type Options } from "../contract.ts";

/** The environment that names the program's own configuration and where programs are. */
export type Env = Readonly<Record<string, string | undefined>>;

/** How a call of the program ended. */
export interface CliAnswer {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface CliCall {
  readonly stdin?: Uint8Array;
  /** The program is ended then, and the call rejects with `runtimeUnreachable`. Milliseconds. */
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 60_000;
/** Of what the program says on stderr. */
const STDERR_BYTES = 16_384;

/**
 * The one place that builds command lines of the `sprite` program. Flags that it must always get: `--no-port-forward`, or it opens
 * listeners here; `--skip-console`, or it opens a console; `--force`, or it asks; `--`, or it takes the command's flags for its own.
 * Its text is no contract: besides exit codes, only what `cli-errors.ts` knows is read.
 */
export class SpriteCli {
  readonly program: string;
  readonly org: string | undefined;
  readonly #env: Env;

  constructor(options: Options, env: Env) {
    this.program = options["sprites.sprite_cli"];
    this.org = options["sprites.org"];
    this.#env = env;
  }

  version(): Promise<CliAnswer> {
    return this.#call(["--version"], { deadlineMs: 20_000 });
  }

  /** One bare name a line, since stdout is no terminal. */
  list(prefix: string): Promise<CliAnswer> {
    return this.#call([...this.#global(), "list", "--prefix", prefix]);
  }

  create(name: string): Promise<CliAnswer> {
    return this.#call([...this.#global(), "create", "--skip-console", name], { deadlineMs: 180_000 });
  }

  destroy(name: string): Promise<CliAnswer> {
    return this.#call([...this.#global(), "destroy", name, "--force"], { deadlineMs: 120_000 });
  }

  /** A request of the API by the program's own curl; stdout ends with a line that is the HTTP status. */
  api(path: string): Promise<CliAnswer> {
    return this.#call([...this.#global(), "api", path, "--", "-sS", "--max-time", "30", "-w", "\\n%{http_code}"]);
  }

  killSession(name: string, session: string): Promise<CliAnswer> {
    return this.#call([...this.#global(), "-s", name, "sessions", "kill", session]);
  }

  /** Runs a command in a sprite to its end; for short answers. */
  exec(name: string, argv: readonly string[], call: CliCall = {}): Promise<CliAnswer> {
    return this.#call(this.execWords(name, argv), call);
  }

  /** Everything behind the program's own name. The command must be short: all of it travels in a request line. */
  execWords(name: string, argv: readonly string[], terminal = false): string[] {
    const tty = terminal ? ["--tty"] : [];
    return [...this.#global(), "-s", name, "exec", "--no-port-forward", ...tty, "--", ...argv];
  }

  /** Starts the program in a process group of its own, so that a Ctrl-C for us is not also one for it. */
  start(words: readonly string[]) {
    return this.#spawn(() =>
      Bun.spawn([this.program, ...words], {
        env: this.#environment(),
        stdin: "pipe",
        stdout: "pipe",
        stderr: "pipe",
        detached: true,
      }),
    );
  }

  /** Starts it on a terminal of its own, whose output goes to `onData`. */
  startOnTerminal(
    words: readonly string[],
    size: { columns: number; rows: number; term: string },
    onData: (bytes: Uint8Array) => void,
  ) {
    return this.#spawn(() =>
      Bun.spawn([this.program, ...words], {
        env: { ...this.#environment(), TERM: size.term },
        terminal: { cols: size.columns, rows: size.rows, data: (_, bytes) => onData(bytes) },
      }),
    );
  }

  async #call(words: readonly string[], { stdin, deadlineMs = DEADLINE_MS }: CliCall = {}): Promise<CliAnswer> {
    const child = this.#spawn(() =>
      Bun.spawn([this.program, ...words], {
        env: this.#environment(),
        stdin: stdin ?? "ignore",
        stdout: "pipe",
        stderr: "pipe",
        detached: true,
      }),
    );
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, deadlineMs);
    try {
      const [stdout, stderr, code] = await Promise.all([child.stdout.bytes(), tail(child.stderr), child.exited]);
      if (late) {
        throw new GlueError(
          "runtimeUnreachable",
          `The sprite CLI did not answer within ${deadlineMs / 1_000} seconds.`,
          {
            retryable: true,
            cause: stderr,
          },
        );
      }
      return { code, stdout: Buffer.from(stdout), stderr };
    } finally {
      clearTimeout(timer);
    }
  }

  #global(): string[] {
    return this.org === undefined ? [] : ["-o", this.org];
  }

  #environment(): Record<string, string> {
    const env: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.#env)) {
      // These would steer a program that was built with the same tool as this one.
      if (value !== undefined && !name.startsWith("BUN_")) env[name] = value;
    }
    return env;
  }

  #spawn<T>(start: () => T): T {
    try {
      return start();
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "EACCES") throw cause;
      throw new GlueError(
        "runtimeNotListening",
        `The sprite CLI cannot be run: ${this.program} is not ${code === "ENOENT" ? "there" : "executable"}.`,
        {
          hint: "Install it as Sprites' documentation says, or name it with sprites.sprite_cli.",
          cause,
        },
      );
    }
  }
}

/** The end of a stream as text, in constant memory. */
export async function tail(stream: ReadableStream<Uint8Array>): Promise<string> {
  let kept: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    kept = Buffer.concat([kept, chunk]);
    if (kept.length > STDERR_BYTES) kept = kept.subarray(-STDERR_BYTES);
  }
  return kept.toString();
}
