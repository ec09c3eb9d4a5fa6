/** What files of a sandbox have to be like, whatever runtime it is of. Each takes an open session with an empty workspace. */
import { expect } from "bun:test";
import type { RuntimeSession } from "../../runtimes/contract.ts";
import { failureOf, memoryNow, run } from "./session-run.ts";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const names = async (session: RuntimeSession, path: string) =>
  (await session.workspace.list(path)).map((entry) => Buffer.from(entry.name)).sort(Buffer.compare);

/** Names that a shell, a tar or a line of text would stumble over. */
const ODD_NAMES: readonly Uint8Array[] = [
  "with space",
  "new\nline",
  "ends in a newline\n",
  "-dash",
  "--",
  "quote'\"`$(x)",
  "back\\slash\\0141",
  "*",
  "[a-z]?",
  "ünï-日本",
  ".hidden",
  "..dots",
  "%s%b\\n",
  "~",
]
  .map((name) => Buffer.from(name) as Uint8Array)
  .concat([Buffer.from([0xff, 0xfe, 0x41]), Buffer.from([0xc3, 0x28, 0x0a])]);

/** Writes, reads, lists and removes files of every kind of name. */
async function writesOddNames(session: RuntimeSession): Promise<void> {
  const { workspace } = session;
  const root = Buffer.from("/workspace/odd/");
  for (const [index, odd] of ODD_NAMES.entries()) {
    await workspace.write(Buffer.concat([root, odd]), Buffer.from(`content ${index}`));
  }
  const listed = await workspace.list("odd");
  const found = listed.map((entry) => Buffer.from(entry.name)).sort(Buffer.compare);
  expect(found).toEqual(ODD_NAMES.map((odd) => Buffer.from(odd)).sort(Buffer.compare));
  for (const [index, odd] of ODD_NAMES.entries()) {
    const path = Buffer.concat([root, odd]);
    expect(text(await workspace.read(path))).toBe(`content ${index}`);
    expect(await workspace.stat(path)).toMatchObject({ type: "file", size: `content ${index}`.length });
    await workspace.move(path, Buffer.concat([root, Buffer.from("moved "), odd]));
    expect(await workspace.stat(path)).toBeUndefined();
    await workspace.remove(Buffer.concat([root, Buffer.from("moved "), odd]));
  }
  expect(await workspace.list("odd")).toEqual([]);
}

/** Reads ranges, also beyond the end. */
async function readsRanges(session: RuntimeSession): Promise<void> {
  const { workspace } = session;
  await workspace.write("digits", Buffer.from("0123456789"));
  for (const [offset, length, expected] of [
    [0, 3, "012"],
    [4, 2, "45"],
    [8, 10, "89"],
    [10, 5, ""],
    [50, 5, ""],
    [3, 0, ""],
  ] as const) {
    expect(text(await workspace.read("digits", { offset, length }))).toBe(expected);
  }
}

/** Says of each wrong path what is wrong with it. The commands of the session must not run as root. */
async function tellsPathsApart(session: RuntimeSession): Promise<void> {
  const { workspace } = session;
  await run(
    session,
    "mkdir folder; echo x >folder/file; mkdir locked; echo y >locked/in; chmod 0 locked; ln -s round round",
  );
  const failures = async (...paths: string[]) =>
    await Promise.all(paths.map(async (path) => (await failureOf(workspace.read(path))).code));
  expect(await failures("none", "folder", "locked/in", "/etc/shadow-none", "round")).toEqual([
    "fileNotFound",
    "isADirectory",
    "permissionDenied",
    "fileNotFound",
    "ioFailed",
  ]);
  expect((await failureOf(workspace.write("/root-of-nobody", Buffer.from("x")))).code).toBe("permissionDenied");
  expect((await failureOf(workspace.write("folder", Buffer.from("x")))).code).toBe("isADirectory");
  expect((await failureOf(workspace.write("folder/file/below", Buffer.from("x")))).code).toBe("notADirectory");
  expect((await failureOf(workspace.list("folder/file"))).code).toBe("notADirectory");
  expect((await failureOf(workspace.list("none"))).code).toBe("fileNotFound");
  expect((await failureOf(workspace.list("locked"))).code).toBe("permissionDenied");
  expect((await failureOf(workspace.makeDirectory("folder/file"))).code).toBe("notADirectory");
  expect((await failureOf(workspace.remove("folder"))).code).toBe("isADirectory");
  expect((await failureOf(workspace.move("none", "x"))).code).toBe("fileNotFound");
  expect((await failureOf(workspace.move("folder/file", "folder"))).code).toBe("isADirectory");
  expect((await failureOf(workspace.stat("locked/in"))).code).toBe("permissionDenied");
  expect(await workspace.stat("none/at/all")).toBeUndefined();
  expect((await failureOf(workspace.read("nul\0byte"))).code).toBe("optionInvalid");
  await workspace.remove("nothing there");
  await workspace.remove("locked", { recursive: true });
  expect(await workspace.stat("locked")).toBeUndefined();
}

/** Replaces files whole or not at all, and keeps their mode. */
async function replacesWhole(session: RuntimeSession): Promise<void> {
  const { workspace } = session;
  await workspace.write("tool", Buffer.from("old"), { mode: 0o750 });
  await workspace.write("tool", Buffer.from("new"));
  expect(await workspace.stat("tool")).toMatchObject({ mode: 0o750, size: 3 });
  await workspace.write("tool", Buffer.from("newer"), { mode: 0o4711 });
  expect(await workspace.stat("tool")).toMatchObject({ mode: 0o4711 });
  const sources: Record<string, () => ReadableStream<Uint8Array>> = {
    "too short": () => streamOf("12"),
    "too long": () => streamOf("1234", "5678"),
    "long by one piece": () => streamOf("12345", "6"),
    failing: () => streamOf("12", new Error("the source broke")),
    "failing after its last byte": () => streamOf("12345", new Error("the source broke")),
  };
  for (const [what, source] of Object.entries(sources)) {
    const error = await workspace.upload("tool", source(), { size: 5 }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(`${what}: ${error instanceof Error}`).toBe(`${what}: true`);
    expect(text(await workspace.read("tool"))).toBe("newer");
  }
  expect((await names(session, ".")).map(text)).toEqual(["tool"]);
}

/** Sees links as links, writes through them, and replaces them by a move. */
async function treatsLinksAsLinks(session: RuntimeSession): Promise<void> {
  const { workspace } = session;
  await run(
    session,
    "mkdir d; echo a >d/real; ln -s d/real link; ln -s nowhere dangling; ln -s d dirlink; mkfifo pipe",
  );
  expect(await workspace.stat("link")).toMatchObject({
    type: "symlink",
    linkTarget: new Uint8Array(Buffer.from("d/real")),
  });
  const entries = await workspace.list(".");
  const found = Object.fromEntries(entries.map((entry) => [text(entry.name), entry]));
  expect(text(found.dangling?.linkTarget ?? new Uint8Array())).toBe("nowhere");
  expect(found.d?.type).toBe("directory");
  expect(found.pipe?.type).toBe("other");
  await workspace.write("link", Buffer.from("through"));
  expect(text(await workspace.read("d/real"))).toBe("through");
  expect((await workspace.stat("link"))?.type).toBe("symlink");
  await workspace.write("dangling", Buffer.from("made"));
  expect(text(await workspace.read("nowhere"))).toBe("made");
  await workspace.move("nowhere", "dirlink");
  expect((await workspace.stat("dirlink"))?.type).toBe("file");
  expect((await failureOf(workspace.read("pipe"))).code).toBe("ioFailed");
  await workspace.remove("link");
  expect(text(await workspace.read("d/real"))).toBe("through");
}

/** Keeps every byte of empty, binary and large files, and holds at most `atMost` bytes of 200 MB at a time in this process. */
export async function keepsBytes(session: RuntimeSession, atMost: number): Promise<void> {
  const { workspace } = session;
  const all = Uint8Array.from({ length: 256 * 5 }, (_, index) => index % 256);
  await workspace.write("bytes", all);
  expect(await workspace.read("bytes")).toEqual(all);
  await workspace.write("empty", new Uint8Array());
  expect(await workspace.read("empty")).toEqual(new Uint8Array());
  const size = 200_000_000;
  const piece = new Uint8Array(1_000_000).map((_, index) => (index * 31) % 251);
  const sent = new Bun.CryptoHasher("sha256");
  let left = size / piece.length;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left-- === 0) return controller.close();
      sent.update(piece);
      controller.enqueue(piece.slice());
    },
  });
  const before = memoryNow();
  let peak = 0;
  const watch = setInterval(() => {
    // What is still held, not what the collector has not come to yet.
    Bun.gc(true);
    peak = Math.max(peak, memoryNow());
  }, 50);
  await workspace.upload("large", stream, { size });
  expect(await workspace.stat("large")).toMatchObject({ size });
  const got = new Bun.CryptoHasher("sha256");
  for await (const chunk of await workspace.download("large")) got.update(chunk);
  clearInterval(watch);
  expect(got.digest("hex")).toBe(sent.digest("hex"));
  expect(peak - before).toBeLessThan(atMost);
}

function streamOf(...parts: (string | Error)[]): ReadableStream<Uint8Array> {
  const left = [...parts];
  return new ReadableStream(
    {
      pull(controller) {
        const part = left.shift();
        if (part === undefined) controller.close();
        else if (typeof part === "string") controller.enqueue(Buffer.from(part));
        else controller.error(part);
      },
    },
    { highWaterMark: 0 },
  );
}

/** All but `keepsBytes`, by their titles. `user`: whose commands must not be root's, who may do anything. */
export const FILE_CASES: readonly {
  readonly title: string;
  readonly work: (session: RuntimeSession) => Promise<void>;
  readonly user?: true;
}[] = [
  { title: "files of every kind of name are written, read, listed and removed", work: writesOddNames },
  { title: "a range is read from where it is asked for, also beyond the end", work: readsRanges },
  { title: "what is wrong with a path is told apart", work: tellsPathsApart, user: true },
  { title: "a file is replaced whole or not at all, and keeps its mode", work: replacesWhole },
  { title: "links are seen as links, written through, and replaced by a move", work: treatsLinksAsLinks },
];

/** The title of `keepsBytes`. */
export const KEEPS_BYTES = "binary, empty and large files keep every byte, in constant memory";
