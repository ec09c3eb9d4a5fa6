import { closeSync, constants, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { quote } from "../../common/command-line.ts";
import { loadMkfifo } from "../../common/mkfifo.ts";
import type { Wire } from "../wire.ts";
import { LaneWire } from "./lane-wire.ts";

const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
/** What a pipe holds without a reader. Longer requests go another way. */
const LONGEST_REQUEST = 60_000;
/** Until the container must have taken a request up; then it is withdrawn. */
const TAKEN_UP_MS = 2_000;

/** A request: the words of a program, and what is added to its environment. Input it has none: a named pipe cannot be opened once more at its end. */
export interface LaneRequest {
  readonly id: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Starts a command, with its stdin at EOF, by the lane in `folder`, which a shell in the container waits at (lane.sh). Undefined where nobody waits there, or it
 * is not taken up in time: then it is certain that nothing runs, and the engine is the way.
 */
export async function startInLane(folder: string, request: LaneRequest): Promise<Wire | undefined> {
  const text = requestText(request);
  const mkfifo = await loadMkfifo();
  if (mkfifo === undefined || Buffer.byteLength(text) > LONGEST_REQUEST) return undefined;
  const requests = openIfAnswered(join(folder, "requests"));
  if (requests === undefined) return undefined;
  const own = join(folder, request.id);
  const opened: number[] = [];
  const open = (name: string, flags: number) => {
    const fd = openSync(join(own, name), flags);
    opened.push(fd);
    return fd;
  };
  try {
    mkdirSync(own, { mode: 0o700 });
    if (!["words", "out", "err"].every((name) => mkfifo(join(own, name), 0o600)))
      throw new Error("no pipe could be made");
    // Opened for both, a pipe keeps what is written until the other side comes; and it is not at its end before that.
    const words = open("words", O_RDWR | O_NONBLOCK);
    writeSync(words, text);
    const ends = {
      out: open("out", O_RDONLY | O_NONBLOCK),
      err: open("err", O_RDONLY | O_NONBLOCK),
      kept: [words, open("out", O_WRONLY | O_NONBLOCK), open("err", O_WRONLY | O_NONBLOCK)],
    };
    writeSync(requests, `${request.id}\n`);
    const wire = new LaneWire(own, ends);
    if ((await wire.speaksWithin(TAKEN_UP_MS)) || !wire.withdraw()) return wire;
    wire.destroy();
    return undefined;
  } catch {
    // Too many open files, no space: nothing was asked for yet, and the engine's way needs neither.
    for (const fd of opened) closeSync(fd);
    rmSync(own, { recursive: true, force: true });
    return undefined;
  } finally {
    closeSync(requests);
  }
}

/** A pipe that somebody reads, for writing. */
function openIfAnswered(path: string): number | undefined {
  try {
    return openSync(path, O_WRONLY | O_NONBLOCK);
  } catch {
    // ENXIO, nobody reads; ENOENT, there is no lane any more.
    return undefined;
  }
}

/** As start.sh reads it: the line that ends it, then shell text. */
function requestText({ id, argv, env }: LaneRequest): string {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  return `${id}.end\n${exports.join("")}exec ${argv.map(quote).join(" ")}\n${id}.end\n`;
}
