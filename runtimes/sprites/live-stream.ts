import { createChannel } from "../common/channel.ts";
import { createMarkFinder } from "../common/marks.ts";

/** One of a command's streams as it comes from the program, counted and hashed, without the marks and the program's own words. */
export interface LiveStream {
  readonly stream: ReadableStream<Uint8Array>;
  readonly received: number;
  /** Everything that was put to the reader: grows only as fast as it is read. */
  readonly passed: number;
  /** True while the reader has too much before it, so that nothing more is taken. */
  readonly full: boolean;
  /** What the program itself said: all of it before the start, and an error line at the end of a stream that has no end mark. */
  readonly said: string;
  /** Resolves when nothing more comes from the program. */
  readonly over: Promise<void>;
  /** Whether the mark of the end has come. */
  readonly complete: boolean;
  /** The SHA-256 of what was received; asked for once, at the end. */
  digest(): string;
  /** Adds bytes that did not come by themselves; waits for the reader. */
  add(bytes: Uint8Array): Promise<void>;
  /** The end; with an error, what the reader gets in its place. */
  close(error?: Error): void;
}

const SAID_BYTES = 8_192;

/** `onMark` hears every mark but knows of no stream; `isErrors` for the stream on which the program itself reports. */
export function liveStream(
  source: ReadableStream<Uint8Array>,
  token: string,
  isErrors: boolean,
  onMark: (words: string) => void,
): LiveStream {
  const channel = createChannel(() => undefined);
  const hasher = new Bun.CryptoHasher("sha256");
  let received = 0;
  let passed = 0;
  let full = false;
  let said: Buffer = Buffer.alloc(0);
  let state: "before" | "running" | "ended" = "before";
  let held: Uint8Array | undefined;
  const finder = createMarkFinder(token, (words, before) => {
    if (state === "before" && words === "start") {
      for (const bytes of before) hear(bytes);
      before.length = 0;
      state = "running";
    } else if (words.startsWith("end")) {
      // The bytes before it are still to be put; those behind it are not the command's.
      for (const bytes of before) take(bytes);
      before.length = 0;
      state = "ended";
    }
    onMark(words);
  });
  const waiting: Uint8Array[] = [];
  const hear = (bytes: Uint8Array) => {
    said = Buffer.concat([said, bytes]).subarray(-SAID_BYTES);
  };
  const take = (bytes: Uint8Array) => {
    if (state !== "running") return hear(bytes);
    if (held !== undefined) waiting.push(held);
    // It may be the last words of the program, whose connection has ended.
    held =
      isErrors && Buffer.from(bytes.buffer, bytes.byteOffset, 6).toString("latin1").startsWith("Error")
        ? bytes
        : undefined;
    if (held === undefined) waiting.push(bytes);
  };
  const pass = async (bytes: Uint8Array) => {
    const room = channel.put(bytes);
    if (room !== undefined) {
      full = true;
      await room;
      full = false;
    }
    passed += bytes.length;
  };
  const put = async (bytes: Uint8Array) => {
    received += bytes.length;
    hasher.update(bytes);
    await pass(bytes);
  };
  const over = Promise.withResolvers<void>();
  const pump = async () => {
    try {
      for await (const chunk of source) {
        for (const bytes of finder.push(chunk)) take(bytes);
        if (state === "ended" && held !== undefined) {
          waiting.push(held);
          held = undefined;
        }
        for (const bytes of waiting.splice(0)) await put(bytes);
        // What still comes is read and dropped, until the program has ended.
        if (state === "ended") over.resolve();
      }
    } catch {
      // A pipe that breaks is the end of what comes; the marks tell whether something is missing.
    }
    const rest = finder.end();
    if (rest.length > 0) take(rest);
    for (const bytes of waiting.splice(0)) await put(bytes);
    if (held !== undefined) hear(held);
    over.resolve();
  };
  void pump();
  return {
    stream: channel.stream,
    get received() {
      return received;
    },
    get passed() {
      return passed;
    },
    get full() {
      return full;
    },
    get said() {
      return said.toString();
    },
    get complete() {
      return state === "ended";
    },
    over: over.promise,
    digest: () => hasher.digest("hex"),
    add: pass,
    close: (error) => channel.close(error),
  };
}
