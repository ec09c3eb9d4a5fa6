import { closeSync, constants, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { quote } from "../../common/command-line.ts";
import { loadMkfifo, type MakeFifo } from "../../common/mkfifo.ts";
import type { Wire } from "../wire.ts";
import { LaneInput } from "./lane-input.ts";
import { LaneWire } from "./lane-wire.ts";

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
/** Until the container must have taken a request up; then it is withdrawn. */
const TAKEN_UP_MS = 2_000;

/** A request: a script for the lane's shell, which starts it in `/`. */
export interface LaneRequest {
  readonly id: string;
  readonly script: string;
  /** `$1` and what follows. */
  readonly words: readonly string[];
  /** What is added to its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** It has a stdin, which it must not open by name: unlike what a shell makes, a named pipe cannot be opened once more at its end. Else it is at EOF. */
  readonly input: boolean;
}

/**
 * Starts a command by the lane in `folder`, which a shell in the container waits at (lane.sh). Undefined where nobody waits there, or it
 * is not taken up in time: then it is certain that nothing runs, and the engine is the way.
 */
export async function startInLane(folder: string, request: LaneRequest): Promise<Wire | undefined> {
  const mkfifo = await loadMkfifo();
  if (mkfifo === undefined) return undefined;
  const requests = openIfAnswered(join(folder, "requests"));
  if (requests === undefined) return undefined;
  try {
    const wire = layOut(folder, request, mkfifo);
    if (wire === undefined) return undefined;
    if (handOver(folder, request.id, mkfifo) || ask(requests, request.id)) return await takenUp(wire);
    wire.destroy();
    return undefined;
  } finally {
    closeSync(requests);
  }
}

/** Lays a request out for a shell that comes to it by itself. Undefined where it cannot be. */
export async function offerInLane(folder: string, request: LaneRequest): Promise<LaneWire | undefined> {
  const mkfifo = await loadMkfifo();
  return mkfifo === undefined ? undefined : layOut(folder, request, mkfifo);
}

/** Waits until a request is taken up. Undefined where it was not in time: then it never will be. */
export async function takenUp(wire: LaneWire): Promise<Wire | undefined> {
  if ((await wire.speaksWithin(TAKEN_UP_MS)) || !wire.withdraw()) return wire;
  wire.destroy();
  return undefined;
}

/** Makes what a request consists of. Undefined where the machine has no room for it: then nothing is left of it. */
function layOut(folder: string, request: LaneRequest, mkfifo: MakeFifo): LaneWire | undefined {
  const own = join(folder, request.id);
  const opened: number[] = [];
  let input: LaneInput | undefined;
  const open = (name: string, flags: number) => {
    const fd = openSync(join(own, name), flags);
    opened.push(fd);
    return fd;
  };
  try {
    mkdirSync(own, { mode: 0o700 });
    // A file, not a pipe: a shell reads a pipe byte by byte.
    writeFileSync(join(own, "words"), requestText(request), { mode: 0o600 });
    const pipes = request.input ? ["out", "err", "in"] : ["out", "err"];
    if (!pipes.every((name) => mkfifo(join(own, name), 0o600))) throw new Error("no pipe could be made");
    if (request.input) input = new LaneInput(join(own, "in"));
    const ends = {
      out: open("out", O_RDONLY | O_NONBLOCK),
      err: open("err", O_RDONLY | O_NONBLOCK),
      kept: [open("out", O_WRONLY | O_NONBLOCK), open("err", O_WRONLY | O_NONBLOCK)],
    };
    return new LaneWire(own, ends, input);
  } catch {
    // Too many open files, no space: nothing was asked for yet, and the engine's way needs neither.
    for (const fd of opened) closeSync(fd);
    input?.end();
    rmSync(own, { recursive: true, force: true });
    return undefined;
  }
}

/**
 * Gives the request to the shell that waits for one, ready (start.sh). Whoever takes its pipe's name away has it, and nobody else. False where
 * none waits, or another has it.
 */
function handOver(folder: string, id: string, mkfifo: MakeFifo): boolean {
  const [next, taken] = [join(folder, "next"), join(folder, id, "next")];
  let fd: number | undefined;
  try {
    renameSync(next, taken);
    // For the one that comes after it.
    mkfifo(next, 0o600);
    fd = openIfAnswered(taken);
    if (fd === undefined) return false;
    writeSync(fd, `${id}\n`);
    return true;
  } catch {
    // Another was quicker, or it died just now.
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Asks the shell that keeps the lane open. False where it died just now. */
function ask(requests: number, id: string): boolean {
  try {
    writeSync(requests, `${id}\n`);
    return true;
  } catch {
    // EPIPE, nobody reads any more; EAGAIN, nobody has for long.
    return false;
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

/** For start.sh, whose shell reads it: the script needs no other. */
function requestText({ script, words, env }: LaneRequest): string {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  return `${exports.join("")}set -- ${words.map(quote).join(" ")}\n${script}\n`;
}
