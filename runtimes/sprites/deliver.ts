import { GlueError } from "../contract.ts";
import { digest } from "./answer.ts";
import type { SpriteCli } from "./cli.ts";
import { fetchRange } from "./fetch.ts";
import type { LiveStream } from "./live-stream.ts";
import type { Count, Counts } from "./outcome.ts";
import type { Place } from "./place.ts";
import { runTool } from "./tool.ts";

/** How long a connection may be silent that has not brought all of the output of a command that is over. */
const SILENT_MS = 2_000;
/** How long a result waits for a reader that takes nothing. */
const UNREAD_MS = 1_000;

/** A command that is over, and the copy of its output in the sprite. */
export interface Origin {
  readonly cli: SpriteCli;
  readonly place: Place;
  readonly id: string;
  /** On a terminal nothing is counted and no copy is kept. */
  readonly terminal: boolean;
  /** True once nobody wants the rest. */
  isGivenUp(): boolean;
  /** Ends the connection, where it is silent though the command is over. */
  disconnect(): void;
}

export interface Streams {
  readonly out: LiveStream;
  readonly err: LiveStream | undefined;
}

export interface Delivery {
  /** True when bytes are missing for good. Does not wait for a reader who does not read: then it is false, and what is found missing later fails the stream. */
  readonly lost: Promise<boolean>;
  /** Resolves when both streams have ended. */
  readonly over: Promise<void>;
}

/** Brings what of a command's output did not come by itself, from the copy in the sprite, and ends the streams. */
export function deliver(from: Origin, { out, err }: Streams, counts: Counts | undefined): Delivery {
  let toldAlready = false;
  // What comes of one stream may have to wait for the reader of the other.
  const isFull = () => out.full || err?.full === true;
  const finish = async (live: LiveStream, name: "out" | "err", count: Count | undefined) => {
    let lost = true;
    try {
      await arrived(from, live, isFull);
      lost = await repair(from, live, name, count);
      return lost;
    } finally {
      live.close(lost && toldAlready ? missing(from.place) : undefined);
    }
  };
  const all = Promise.all([
    finish(out, "out", counts?.out),
    err === undefined ? false : finish(err, "err", counts?.err),
  ]).then((lost) => lost.includes(true));
  const lost = whileRead(all, () => out.passed + (err?.passed ?? 0)).then((known) => {
    toldAlready = true;
    return known ?? false;
  });
  const ended = () => undefined;
  // Why it failed is told by `lost`.
  return { lost, over: all.then(ended, ended) };
}

/** Undefined where `done` is still to come, and for a while nothing was read. */
async function whileRead<T>(done: Promise<T>, passed: () => number): Promise<T | undefined> {
  for (let before = -1; ; ) {
    const now = passed();
    if (now === before) return undefined;
    before = now;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), UNREAD_MS);
    });
    const known = await Promise.race([done, late]).finally(() => clearTimeout(timer));
    if (known !== undefined) return known;
  }
}

async function repair(from: Origin, live: LiveStream, name: "out" | "err", count: Count | undefined): Promise<boolean> {
  if (from.isGivenUp()) return false;
  if (from.terminal) return count === undefined && !live.complete;
  if (count === undefined) return !live.complete;
  if (live.received === count.total) return false;
  const { received } = live;
  const file = `${from.place.spool}/${from.id}.${name}`;
  try {
    if (received > count.kept || !(await beginsWith(from, file, received, live.digest()))) return true;
    for await (const piece of fetchRange(from.cli, from.place, file, received, count.kept)) await live.add(piece);
  } catch (error) {
    if (!(error instanceof GlueError)) throw error;
    // What is missing cannot be had; that is said.
    return true;
  }
  return count.kept < count.total;
}

function missing(place: Place): GlueError {
  return new GlueError("transferFailed", `Output of the command was lost on its way from the sprite ${place.name}.`, {
    hint: "What came is not all that was written. Write it to a file, and fetch that.",
  });
}

/** Waits until nothing more comes by itself. */
async function arrived(from: Origin, live: LiveStream, isFull: () => boolean): Promise<void> {
  let over = false;
  void live.over.then(() => {
    over = true;
  });
  let before = -1;
  const watch = setInterval(() => {
    if (!over && !isFull() && live.received === before) from.disconnect();
    before = live.received;
  }, SILENT_MS);
  await live.over;
  clearInterval(watch);
}

/** Whether the copy in the sprite begins with what came: only then what follows there is what is missing here. */
async function beginsWith({ cli, place }: Origin, file: string, bytes: number, sha256: string): Promise<boolean> {
  if (bytes === 0) return sha256 === digest(new Uint8Array());
  const argv = ["sh", "-c", 'head -c "$1" "$2" | sha256sum', "glue", String(bytes), file];
  const { stdout } = await runTool(cli, place, argv);
  return stdout.toString().startsWith(sha256);
}
