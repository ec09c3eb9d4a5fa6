import type { ConsolaInstance } from "consola/core";
import type { ProgressEvent } from "../runtimes/contract.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { createProgress } from "./progress.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** All that a command may ask of the process it runs in. stdout carries data; stderr speaks to people. */
export interface Io {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  readonly terminal: Terminal;
  /** Data, as it is. Throws `outputClosed` when nobody reads any more, which ends the process quietly with 141. */
  out(data: string | Uint8Array): void;
  /** A command's own output on `fd`, as it is: a promise while the reader is slow, undefined where it is written. Throws as `out` does. */
  stream(fd: 1 | 2, bytes: Uint8Array): Promise<void> | undefined;
  /** One JSON value on one line of stdout. */
  outJson(value: unknown): void;
  /** A line for people, always shown. */
  err(line: string): void;
  /** Something is not as it should be, always shown. */
  warn(line: string): void;
  /** Good to know; `--quiet` hides it. */
  notice(line: string): void;
  /** Only with `--verbose`. */
  detail(line: string): void;
  /** Columns that text on `fd` may take: the terminal's, 80 where there is none. */
  width(fd: 1 | 2): number;
  /** Colors `text` where `fd` shows color, else returns it as it is. */
  paint(fd: 1 | 2, style: Style, text: string): string;
  /** Shows that long work goes on; nothing with `--quiet`. */
  readonly progress: (event: ProgressEvent) => void;
  /** Call it before a command writes straight to the terminal, and when the work is over. */
  endProgress(): void;
}

export type Style = keyof typeof STYLES;
const STYLES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

export interface IoSettings {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly terminal?: Terminal;
}

const encoder = new TextEncoder();

/** The `Io` of this process, or of a test that gives its own terminal, environment and folder. */
export function createIo(settings: IoSettings = {}): Io {
  const { json = false, quiet = false, verbose = false } = settings;
  const env = settings.env ?? process.env;
  const terminal = settings.terminal ?? processTerminal;

  let stderrGone = false;
  const writeErr = (text: string) => {
    if (stderrGone) return;
    try {
      terminal.write(2, encoder.encode(text));
    } catch (error) {
      if (!isGlueError(error)) throw error;
      // Nobody reads what we say to people: that must not end the work, nor hide how it ends.
      stderrGone = true;
    }
  };
  const mayAnimate = !quiet && !env.CI;
  const progress = createProgress({
    write: writeErr,
    interactive: mayAnimate && terminal.isTTY(2) && env.TERM !== "dumb",
    columns: () => terminal.size(2)?.columns ?? 80,
  });
  const line = (text: string) => {
    progress.clear();
    writeErr(`${text}\n`);
  };
  const paint = (fd: 1 | 2, style: Style, text: string) => {
    if (quiet || env.NO_COLOR || env.CI || env.TERM === "dumb" || !terminal.isTTY(fd)) return text;
    const [on, off] = STYLES[style];
    return `\x1b[${on}m${text}\x1b[${off}m`;
  };

  let loaded: ConsolaInstance | undefined;
  const log = () => {
    loaded ??= createLog(quiet, verbose, line);
    return loaded;
  };

  return {
    json,
    quiet,
    verbose,
    env,
    cwd: settings.cwd ?? process.cwd(),
    terminal,
    out(data) {
      progress.clear();
      terminal.write(1, typeof data === "string" ? encoder.encode(data) : data);
    },
    stream(fd, bytes) {
      progress.clear();
      return terminal.stream(fd, bytes);
    },
    outJson(value) {
      this.out(`${JSON.stringify(value)}\n`);
    },
    err: (text) => log().error(text),
    warn: (text) => log().warn(`${paint(2, "yellow", "warning:")} ${text}`),
    notice: (text) => log().info(text),
    detail: (text) => log().debug(paint(2, "dim", text)),
    width: (fd) => terminal.size(fd)?.columns ?? 80,
    paint,
    progress: (event) => {
      if (!quiet) progress.report(event);
    },
    endProgress: () => progress.finish(),
  };
}

/** Loaded when there is something to say, and the core only: consola's own reporters touch process.stdout, which is slow. */
function createLog(quiet: boolean, verbose: boolean, line: (text: string) => void): ConsolaInstance {
  const { createConsola, LogLevels }: typeof import("consola/core") = require("consola/core");
  return createConsola({
    level: quiet ? LogLevels.warn : verbose ? LogLevels.debug : LogLevels.info,
    reporters: [{ log: ({ args }) => line(args.join(" ")) }],
    throttle: 0,
  });
}
