import { createChannel } from "../common/channel.ts";
import type { ByteStream, PtySize } from "../contract.ts";
import type { SpriteCli } from "./cli.ts";
import type { InputSink } from "./feed-stdin.ts";

/** The program while it carries one command. */
export interface CliProcess extends InputSink {
  readonly terminal: boolean;
  readonly stdout: ByteStream;
  /** Undefined on a terminal, where everything is stdout. */
  readonly stderr: ByteStream | undefined;
  readonly exited: Promise<unknown>;
  resize(size: { columns: number; rows: number }): void;
  kill(): void;
}

/** What a terminal takes for the end of input (Ctrl-D). */
const END_OF_INPUT = new Uint8Array([4]);

/** `preamble` goes ahead of the command's input. */
export function startPiped(cli: SpriteCli, words: readonly string[], preamble: Uint8Array): CliProcess {
  const child = cli.start(words);
  const write = async (bytes: Uint8Array) => {
    // Both are promises where the pipe is full, and both fail when nobody reads any more.
    await child.stdin.write(bytes);
    await child.stdin.flush();
  };
  // When it fails the program has ended, and how it ended says why.
  const begun = preamble.length === 0 ? Promise.resolve() : write(preamble).catch(() => undefined);
  return {
    terminal: false,
    stdout: child.stdout,
    stderr: child.stderr,
    exited: child.exited,
    async write(bytes) {
      await begun;
      await write(bytes);
    },
    async end() {
      await begun;
      await child.stdin.end();
    },
    resize: () => undefined,
    kill: () => child.kill("SIGKILL"),
  };
}

export function startOnTerminal(cli: SpriteCli, words: readonly string[], size: PtySize): CliProcess {
  const out = createChannel(() => undefined);
  const child = cli.startOnTerminal(words, size, (bytes) => void out.put(new Uint8Array(bytes)));
  void child.exited.then(() => out.close());
  return {
    terminal: true,
    stdout: out.stream,
    stderr: undefined,
    exited: child.exited,
    async write(bytes) {
      child.terminal?.write(bytes);
    },
    async end() {
      child.terminal?.write(END_OF_INPUT);
    },
    resize: ({ columns, rows }) => child.terminal?.resize(columns, rows),
    kill: () => child.kill("SIGKILL"),
  };
}
