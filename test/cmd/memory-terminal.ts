import { createIo, type Io, type IoSettings } from "../../cmd/io.ts";
import type { Terminal } from "../../cmd/terminal.ts";

/** A terminal that keeps what is written to it; `tty` names the descriptors that are terminals. */
export interface MemoryTerminal extends Terminal {
  text(fd: 1 | 2): string;
  bytes(fd: 1 | 2): Uint8Array;
}

export function memoryTerminal(tty: readonly number[] = [], columns = 80): MemoryTerminal {
  const written: Record<1 | 2, Uint8Array[]> = { 1: [], 2: [] };
  return {
    write: (fd, bytes) => void written[fd].push(bytes.slice()),
    stream: async (fd, bytes) => void written[fd].push(bytes.slice()),
    isTTY: (fd) => tty.includes(fd),
    size: (fd) => (tty.includes(fd) ? { columns, rows: 24 } : undefined),
    stdinKind: () => (tty.includes(0) ? "terminal" : "nothing"),
    stdin: () => new ReadableStream({ start: (controller) => controller.close() }),
    handOver: async () => () => undefined,
    text: (fd) => Buffer.concat(written[fd]).toString(),
    bytes: (fd) => Buffer.concat(written[fd]),
  };
}

/** An `Io` with a memory terminal, an empty environment and no real folder, unless given. */
export function testIo(
  settings: Partial<IoSettings> & { tty?: readonly number[]; columns?: number } = {},
): Io & { terminal: MemoryTerminal } {
  const terminal = memoryTerminal(settings.tty, settings.columns);
  return { ...createIo({ env: {}, cwd: "/", ...settings, terminal }), terminal };
}
