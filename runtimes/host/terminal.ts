/** A command in a terminal of its own. */

import { emptyStream } from "../common/empty-stream.ts";
import type { ByteStream, PtySize } from "../contract.ts";
import { feed } from "./feed.ts";
import type { Child, SpawnOptions } from "./spawn.ts";

/** What a terminal's line discipline takes for the end of input (Ctrl-D). */
const END_OF_INPUT = new Uint8Array([4]);

/**
 * Starts `argv` with a pseudo-terminal as its stdin, stdout and stderr. The terminal pushes: what the reader of `stdout` does not
 * take is kept in memory, because there is no way to hold a terminal back that programs would not notice.
 */
export function spawnInTerminal(argv: readonly string[], options: SpawnOptions, size: PtySize): Child {
  let push: (bytes: Uint8Array) => void = () => undefined;
  let end: () => void = () => undefined;
  const stdout: ByteStream = new ReadableStream<Uint8Array>({
    start(controller) {
      let open = true;
      push = (bytes) => {
        if (open) controller.enqueue(bytes);
      };
      end = () => {
        if (open) controller.close();
        open = false;
      };
    },
    cancel: () => {
      push = () => undefined;
      end = () => undefined;
    },
  });
  let late: ReturnType<typeof setTimeout> | undefined;
  const child = Bun.spawn([...argv], {
    cwd: options.cwd,
    env: { ...options.env, TERM: size.term },
    detached: true,
    terminal: {
      cols: size.columns,
      rows: size.rows,
      // The bytes are Bun's own and used again for the next piece.
      data: (_terminal, bytes) => push(new Uint8Array(bytes)),
      exit: () => {
        clearTimeout(late);
        end();
      },
    },
  });
  const terminal = child.terminal;
  const exited = child.exited;
  const sink = { write: (bytes: Uint8Array) => writeAll(bytes), end: () => writeAll(END_OF_INPUT) };
  // Large input is queued inside the terminal object; waiting a turn lets it go out.
  async function writeAll(bytes: Uint8Array): Promise<number> {
    if (terminal === undefined || terminal.closed) return 0;
    terminal.write(bytes);
    await Bun.sleep(0);
    return bytes.length;
  }
  // The terminal says when its last writer is gone; a background child may keep it open.
  exited.then(() => {
    late = setTimeout(() => {
      terminal?.close();
      end();
    }, 250);
  });
  return {
    pid: child.pid,
    stdout,
    stderr: emptyStream(),
    exited,
    killed: () => child.signalCode !== null,
    fed: feed(options.stdin ?? new Uint8Array(), sink, exited),
    resize: (columns, rows) => {
      if (terminal !== undefined && !terminal.closed) terminal.resize(columns, rows);
    },
  };
}
