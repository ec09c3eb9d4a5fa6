import { expect, setDefaultTimeout } from "bun:test";
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createRuntime } from "../../runtimes/docker/index.ts";
import { testNeeding } from "../support/needs.ts";
import { failureOf, run } from "../support/session-run.ts";
import { tempDir } from "../support/temp-dir.ts";
import { contextWith, isThere, optionsWith, runtimeFor, withSession } from "./support.ts";

// Containers are made and ended in every test, on machines that may be busy.
setDefaultTimeout(120_000);

const treeAt = (top: string, outsideGitDirs: string[] = []) => ({ top, subfolder: "", outsideGitDirs });

function git(cwd: string, ...words: string[]): string {
  const identity = {
    GIT_AUTHOR_NAME: "A",
    GIT_AUTHOR_EMAIL: "a@example.com",
    GIT_COMMITTER_NAME: "A",
    GIT_COMMITTER_EMAIL: "a@example.com",
  };
  const env = { PATH: process.env.PATH, HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", ...identity };
  const done = Bun.spawnSync(["git", ...words], { cwd, env });
  if (done.exitCode !== 0) throw new Error(done.stderr.toString());
  return done.stdout.toString().trim();
}

testNeeding(["image:debian-git"], "in direct mode both sides see the same files at once", async () => {
  const top = tempDir();
  writeFileSync(join(top, "before"), "1");
  await withSession({ context: { tree: treeAt(top) } }, async (session) => {
    expect(session.direct).toBe(true);
    expect((await run(session, "cat before; echo made >inside")).out).toBe("1");
    expect(readFileSync(join(top, "inside"), "utf8")).toBe("made\n");
    writeFileSync(join(top, "outside"), "2");
    expect((await run(session, "cat outside")).out).toBe("2");
  });
  expect(readFileSync(join(top, "inside"), "utf8")).toBe("made\n");
});

testNeeding(["image:debian-git"], "a copy has nothing of the host in it", async () => {
  const top = tempDir();
  writeFileSync(join(top, "mine"), "1");
  await withSession({ context: { tree: treeAt(top), mode: "copy" } }, async (session) => {
    expect(session.direct).toBe(false);
    expect((await run(session, "ls -A; grep -c ' /workspace ' /proc/self/mounts")).out).toBe("0\n");
  });
});

testNeeding(["image:debian-git"], "a folder of any name can be the tree", async () => {
  const top = join(tempDir(), "we:ird, 'na\"me\n $(x)");
  mkdirSync(top);
  await withSession({ context: { tree: treeAt(top) } }, async (session) => {
    expect(await run(session, "echo ok >here; pwd")).toMatchObject({ exitCode: 0, out: "/workspace\n" });
  });
  expect(readFileSync(join(top, "here"), "utf8")).toBe("ok\n");
});

testNeeding(
  ["image:debian-git", "git"],
  "git works in a linked worktree, whose git directory lies elsewhere",
  async () => {
    const repository = realpathSync(tempDir());
    git(repository, "init", "-q", "-b", "main");
    writeFileSync(join(repository, "a"), "1\n");
    git(repository, "add", "a");
    git(repository, "commit", "-qm", "first");
    const linked = join(realpathSync(tempDir()), "linked");
    git(repository, "worktree", "add", "-q", linked, "-b", "side");
    await withSession({ context: { tree: treeAt(linked, [join(repository, ".git")]) } }, async (session) => {
      const safe = "git -c safe.directory=/workspace";
      const script = `echo 2 >>a; ${safe} -c user.name=B -c user.email=b@example.com commit -qam second && ${safe} log --format=%s`;
      expect(await run(session, script)).toMatchObject({ exitCode: 0, out: "second\nfirst\n", err: "" });
    });
    expect(git(linked, "log", "--format=%s")).toBe("second\nfirst");
    expect(git(linked, "status", "--porcelain")).toBe("");
  },
);

testNeeding(
  ["image:debian-git", "git", "root"],
  "git works in a repository whose owner is another user than the container's",
  async () => {
    const top = realpathSync(tempDir());
    git(top, "init", "-q");
    Bun.spawnSync(["chown", "-R", "4321:4321", top]);
    await withSession({ context: { tree: treeAt(top) } }, async (session) => {
      expect(await run(session, "git status --short --branch")).toMatchObject({ exitCode: 0, err: "" });
    });
  },
);

testNeeding(["image:debian-git"], "more folders are mounted where their rows say, to read or to write", async () => {
  const read = tempDir();
  const write = tempDir();
  writeFileSync(join(read, "file"), "1\n");
  const options = { "docker.mounts": [`${read}:/data:ro`, write] };
  await withSession({ options, context: { mode: "copy" } }, async (session) => {
    const done = await run(session, `cat /data/file; touch /data/no; echo x >${write}/yes`);
    expect(done.out).toBe("1\n");
    expect(done.err).toContain("Read-only file system");
  });
  expect(readFileSync(join(write, "yes"), "utf8")).toBe("x\n");
});

testNeeding(["image:debian-git"], "what is mounted inside the workspace of a copy keeps its files", async () => {
  const folders = ["deps", "deeper/with space and \\", "*"].map((name) => ({ name, source: tempDir() }));
  for (const { source } of folders) writeFileSync(join(source, "file"), "kept\n");
  const options = { "docker.mounts": folders.map(({ name, source }) => `${source}:/workspace/${name}`) };
  await withSession({ options, context: { mode: "copy" } }, async (session) => {
    for (const { name } of folders)
      expect(await run(session, { argv: ["cat", `/workspace/${name}/file`] })).toMatchObject({ out: "kept\n" });
  });
  for (const { source } of folders) expect(readFileSync(join(source, "file"), "utf8")).toBe("kept\n");
});

testNeeding(
  ["image:debian-git"],
  "a mount that would expose the home folder is refused before anything is made",
  async () => {
    const context = contextWith();
    const error = await failureOf(runtimeFor().open(optionsWith({ "docker.mounts": ["~"] }), context));
    expect(error.code).toBe("mountInvalid");
    expect(isThere(context.sessionId)).toBe(false);
  },
);

testNeeding(
  ["image:debian-git"],
  "a command that takes more memory than it may is killed, and nothing else is",
  async () => {
    await withSession({ options: { "docker.memory": "32m" }, context: { mode: "copy" } }, async (session) => {
      const greedy = await session.executor.run(
        { argv: ["tail", "-c", "100000000"] },
        { stdin: new Uint8Array(90_000_000) },
      );
      expect(await greedy.wait()).toEqual({ exitCode: 137, outcome: "signalled" });
      expect(await run(session, "echo alive")).toMatchObject({ out: "alive\n" });
    });
  },
);

/** As if glue ran on another kernel than the engine, with this machine's folders shared into its virtual machine. */
const elsewhere = { kernel: "not the engine's", boot: "not the engine's" };

testNeeding(
  ["image:debian-git"],
  "an engine in a virtual machine is believed when it shows this machine's files and this folder",
  async () => {
    const top = tempDir();
    for (const name of ["b", "a b", ".hidden", "..odd", "-dash", "new\nline", "*"])
      writeFileSync(join(top, name), name);
    const context = contextWith({ tree: treeAt(top) });
    const session = await createRuntime(process.env, elsewhere).open(optionsWith(), context);
    expect(await run(session, "cat b")).toMatchObject({ out: "b" });
    await session.close();
  },
);

testNeeding(
  ["image:debian-git"],
  "an engine elsewhere that has another folder of that name is not believed",
  async () => {
    const top = tempDir();
    writeFileSync(join(top, "only here"), "x");
    const context = contextWith({ tree: treeAt(top) });
    // The folder changes between the engine's look at it and ours.
    const progress = () => writeFileSync(join(top, `changed-${Math.random()}`), "x");
    const changing = setInterval(progress, 1);
    const error = await failureOf(createRuntime(process.env, elsewhere).open(optionsWith(), { ...context, progress }));
    clearInterval(changing);
    expect(error).toMatchObject({ code: "mountMismatch", hint: expect.stringContaining("--copy") });
    expect(isThere(context.sessionId)).toBe(false);
  },
);

testNeeding(
  ["image:debian-git"],
  "an engine elsewhere that does not have this machine's files is not believed",
  async () => {
    const context = contextWith({ tree: treeAt(tempDir()) });
    // What the session's folder says is not what glue wrote there.
    const progress = () => {
      if (existsSync(join(context.sessionDir, "probe")))
        writeFileSync(join(context.sessionDir, "probe/token"), "another machine's");
    };
    const changing = setInterval(progress, 1);
    const error = await failureOf(createRuntime(process.env, elsewhere).open(optionsWith(), { ...context, progress }));
    clearInterval(changing);
    expect(error.code).toBe("mountMismatch");
    expect(isThere(context.sessionId)).toBe(false);
  },
);

testNeeding(["image:debian-git"], "closing empties a copy, and nothing of this machine", async () => {
  const top = tempDir();
  const other = tempDir();
  for (const folder of [top, other]) writeFileSync(join(folder, "file"), "mine\n");
  const tree = treeAt(top);
  await withSession({ context: { tree, mode: "copy" } }, async (session) => {
    await run(session, "mkdir -p a/b/c && echo x >a/b/c/file && ln -s /var/lib/glue/lane link");
  });
  const options = { "docker.mounts": [`${other}:/workspace/other`] };
  await withSession({ options, context: { tree, mode: "copy" } }, async (session) => {
    await run(session, "mkdir -p a/b/c && echo x >a/b/c/file && echo more >>other/file");
  });
  await withSession({ context: { tree } }, async (session) => {
    await run(session, "echo more >>file");
  });
  for (const folder of [top, other]) expect(readFileSync(join(folder, "file"), "utf8")).toBe("mine\nmore\n");
});
