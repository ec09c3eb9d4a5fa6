import { expect } from "bun:test";
import type { Bench, Place } from "../bench.ts";

const text = (value: string) => new TextEncoder().encode(value);

/** Folders, links, what is missing and what is forbidden. */
export function fileTree(bench: Bench): void {
  bench.shows("filesystem_read", "what is missing, a directory, or not one is told apart", async ({ session }) => {
    const { workspace } = session;
    await workspace.write("apart/file", text("x"));
    const codes: [doing: string, act: () => Promise<unknown>, code: string][] = [
      ["read nothing", () => workspace.read("apart/none"), "fileNotFound"],
      ["read in nothing", () => workspace.read("none/none"), "fileNotFound"],
      ["download nothing", () => workspace.download("apart/none"), "fileNotFound"],
      ["list nothing", () => workspace.list("apart/none"), "fileNotFound"],
      ["move nothing", () => workspace.move("apart/none", "apart/other"), "fileNotFound"],
      ["read a directory", () => workspace.read("apart"), "isADirectory"],
      ["download a directory", () => workspace.download("apart"), "isADirectory"],
      ["write onto a directory", () => workspace.write("apart", text("x")), "isADirectory"],
      ["remove a directory", () => workspace.remove("apart"), "isADirectory"],
      ["list a file", () => workspace.list("apart/file"), "notADirectory"],
      ["write below a file", () => workspace.write("apart/file/x", text("x")), "notADirectory"],
    ];
    const seen: [string, string][] = [];
    for (const [doing, act] of codes) seen.push([doing, await codeOf(act)]);
    expect(seen).toEqual(codes.map(([doing, , code]) => [doing, code]));
    expect(await workspace.stat("apart/none")).toBeUndefined();
    expect(await workspace.read("apart/file")).toEqual(text("x"));
  });

  bench.shows(
    "filesystem_read",
    "a listing says type, size, mode and target of each, and follows no link",
    async ({ session, run }) => {
      await run({
        argv: [
          "sh",
          "-c",
          "mkdir -p tree/sub; printf 12345 >tree/file; chmod 640 tree/file; chmod 711 tree/sub; ln -s nowhere tree/broken; ln -s sub tree/to-sub; mkfifo tree/pipe",
        ],
      });
      const entries = (await session.workspace.list("tree")).map(({ name, type, size, mode, linkTarget }) => ({
        name: new TextDecoder().decode(name),
        type,
        ...(type === "file" ? { size } : {}),
        ...(type === "symlink" ? { target: new TextDecoder().decode(linkTarget) } : { mode: mode & 0o777 }),
      }));
      entries.sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(entries).toEqual([
        { name: "broken", type: "symlink", target: "nowhere" },
        { name: "file", type: "file", size: 5, mode: 0o640 },
        { name: "pipe", type: "other", mode: expect.any(Number) },
        { name: "sub", type: "directory", mode: 0o711 },
        { name: "to-sub", type: "symlink", target: "sub" },
      ] as typeof entries);
      expect((await session.workspace.stat("tree/to-sub"))?.type).toBe("symlink");
      expect((await session.workspace.stat("tree"))?.type).toBe("directory");
      expect(await session.workspace.list("tree/to-sub")).toEqual([]);
    },
  );

  bench.shows("filesystem_read", "a folder of a thousand files is listed whole", async ({ session, run }) => {
    await run({ argv: ["sh", "-c", "mkdir -p many; i=0; while [ $i -lt 1000 ]; do : >many/$i; i=$((i + 1)); done"] });
    const names = (await session.workspace.list("many")).map((entry) => Number(new TextDecoder().decode(entry.name)));
    expect(names.sort((a, b) => a - b)).toEqual([...Array(1000).keys()]);
  });

  bench.shows(
    "filesystem_write",
    "parents are made; folders can be made twice, moved and removed with all in them",
    async ({ session, run }) => {
      const { workspace } = session;
      await workspace.write("deep/er/and/deeper", text("x"));
      await workspace.makeDirectory("made/in/one");
      await workspace.makeDirectory("made/in/one");
      await run({ argv: ["sh", "-c", "ln -s ../../deep made/in/link; chmod 555 made/in/one"] });
      await workspace.move("made", "moved");
      expect((await workspace.stat("moved/in/one"))?.type).toBe("directory");
      expect(await workspace.stat("made")).toBeUndefined();
      await workspace.remove("moved", { recursive: true });
      expect(await workspace.stat("moved")).toBeUndefined();
      // The link was removed, not what it points to.
      expect(await workspace.read("deep/er/and/deeper")).toEqual(text("x"));
      await workspace.remove("never-there");
      await workspace.remove("never-there", { recursive: true });
      expect(await codeOf(() => workspace.makeDirectory("deep/er/and/deeper"))).toBe("notADirectory");
    },
  );

  bench.shows(
    "filesystem_write",
    "a move replaces a file; a link is moved and removed as itself",
    async ({ session, run }) => {
      const { workspace } = session;
      await workspace.write("from", text("new"));
      await workspace.write("to", text("old"));
      await workspace.move("from", "to");
      expect(await workspace.read("to")).toEqual(text("new"));
      await run({ argv: ["sh", "-c", "ln -s to link"] });
      await workspace.move("link", "link2");
      expect((await workspace.stat("link2"))?.type).toBe("symlink");
      await workspace.remove("link2");
      expect(await workspace.read("to")).toEqual(text("new"));
    },
  );

  const reason = bench.target.everybodyIsRoot ? "commands run as root there" : undefined;
  const refused = async () => {
    await unprivileged(bench, async ({ session }) => {
      const { workspace } = session;
      expect(await codeOf(() => workspace.read("forbidden/file"))).toBe("permissionDenied");
      expect(await codeOf(() => workspace.download("secret"))).toBe("permissionDenied");
      expect(await codeOf(() => workspace.list("forbidden"))).toBe("permissionDenied");
      expect(await codeOf(() => workspace.write("forbidden/new", text("x")))).toBe("permissionDenied");
      expect(await codeOf(() => workspace.write("read-only/new", text("x")))).toBe("permissionDenied");
      expect(await codeOf(() => workspace.remove("read-only/file"))).toBe("permissionDenied");
    });
  };
  bench.showsAlone(
    "filesystem_read",
    "what may not be read or written is an error of its own",
    refused,
    120_000,
    reason,
  );
}

/** Runs `act` where the folders that it is about are another user's. */
async function unprivileged(bench: Bench, act: (place: Place) => Promise<void>): Promise<void> {
  const prepare =
    "mkdir forbidden read-only; echo x >forbidden/file; echo x >read-only/file; echo x >secret; chmod 700 forbidden; chmod 755 read-only; chmod 600 secret; chmod 755 .";
  const started = await bench.started();
  if (started.unprivileged === undefined) {
    const own = await bench.open();
    await own.run({ argv: ["sh", "-c", prepare] });
    if (process.getuid?.() !== 0) {
      await own.run({ argv: ["sh", "-c", "chmod 000 forbidden secret; chmod 555 read-only"] });
      return act(own);
    }
    // glue is the user whom no permission stops: for a moment it is not.
    process.seteuid?.(65534);
    try {
      return await act(own);
    } finally {
      process.seteuid?.(0);
    }
  }
  const other = await bench.open(started.unprivileged);
  if (started.mode === "copy") {
    // Its tree is inside, and its own: what it may not do it has to forbid itself.
    await other.run({ argv: ["sh", "-c", `${prepare}; chmod 000 forbidden secret; chmod 555 read-only`] });
    return act(other);
  }
  Bun.spawnSync(["sh", "-c", prepare], { cwd: other.tree });
  return act(other);
}

async function codeOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return "no error";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}
