import { expect, setDefaultTimeout } from "bun:test";
import { chownSync, lstatSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IMAGES, type Need, testNeeding } from "../support/needs.ts";
import { run } from "../support/session-run.ts";
import { tempDir } from "../support/temp-dir.ts";
import { contextWith, docker, isThere, optionsWith, runtimeFor, withSession } from "./support.ts";

// Containers are made and ended in every test, on machines that may be busy.
setDefaultTimeout(120_000);

const THEM = 4321;
const THEIR_GROUP = 5432;
const OTHER = 1234;

/** A folder of somebody who is not root, with a file of root's that was there before. */
async function theirTree(): Promise<string> {
  const top = tempDir();
  mkdirSync(join(top, "src"));
  writeFileSync(join(top, "src/theirs"), "x");
  for (const path of ["", "src", "src/theirs"]) chownSync(join(top, path), THEM, THEIR_GROUP);
  writeFileSync(join(top, "roots-own"), "x");
  // The time of a change of status has seconds: what was there in the second before is known to be older.
  await Bun.sleep(1_100);
  return top;
}

const ownerOf = (...parts: string[]) => lstatSync(join(...parts)).uid;
const runtime = runtimeFor();

const IMAGES_TO_TRY = [
  ["debian", "image:debian-git", IMAGES["debian-git"]],
  ["busybox", "image:busybox", IMAGES.busybox],
] as const satisfies readonly (readonly [string, Need, string])[];

for (const [name, need, image] of IMAGES_TO_TRY) {
  testNeeding(
    [need, "root", "linux"],
    `${name}: what root made in the container belongs to the folder's owner afterwards`,
    async () => {
      const top = await theirTree();
      const outside = tempDir();
      chownSync(outside, THEM, THEIR_GROUP);
      const elsewhere = tempDir();
      writeFileSync(join(elsewhere, "target"), "x");
      mkdirSync(join(top, "mounted"));
      chownSync(join(top, "mounted"), THEM, THEIR_GROUP);
      const opening = {
        options: { "docker.image": image, "docker.mounts": [`${elsewhere}:/workspace/mounted`] },
        context: { tree: { top, subfolder: "", outsideGitDirs: [outside] } },
      };
      await withSession(opening, async (session) => {
        const script = `
        mkdir -p made/deep && echo x >made/deep/file && ln -s /etc/passwd made/link && ln made/deep/file made/hard
        printf x >"$(printf 'made/new\\nline')" && echo x >"made/quote'\\"" && echo x >made/-dash && mkfifo made/pipe
        echo more >>src/theirs && touch -t 200001010000 made/backdated && echo x >mounted/inside
        echo x >made/others && chown ${OTHER} made/others
        echo x >${outside}/object && ln -s /workspace/roots-own made/to-roots
        i=0; while [ $i -lt 3000 ]; do : >made/deep/many-$i; i=$((i + 1)); done`;
        expect(await run(session, script)).toMatchObject({ exitCode: 0, err: "" });
        // A copy in the background would make more while they are given back.
        await session.executor.run({ script: "while :; do : >made/deep/late-$(cat /proc/uptime | tr -c 0-9 _); done" });
        expect(ownerOf(top, "made")).toBe(0);
      });
      const theirs = [
        "made",
        "made/deep",
        "made/deep/file",
        "made/link",
        "made/hard",
        "made/new\nline",
        "made/quote'\"",
        "made/-dash",
      ];
      for (const path of [
        ...theirs,
        "made/pipe",
        "made/backdated",
        "made/to-roots",
        "made/deep/many-2999",
        "src/theirs",
      ]) {
        expect(`${path} ${ownerOf(top, path)}:${lstatSync(join(top, path)).gid}`).toBe(
          `${path} ${THEM}:${THEIR_GROUP}`,
        );
      }
      const left = Bun.spawnSync(["find", join(top, "made"), "-uid", "0"]).stdout.toString();
      expect(left).toBe("");
      expect(ownerOf(outside, "object")).toBe(THEM);
      expect(ownerOf(top, "roots-own")).toBe(0);
      expect(ownerOf(top, "made/others")).toBe(OTHER);
      expect(ownerOf(elsewhere, "inside")).toBe(0);
      expect(ownerOf("/etc/passwd")).toBe(0);
    },
    120_000,
  );
}

testNeeding(
  ["image:busybox", "root", "linux"],
  "a container that has died gives its files back as well",
  async () => {
    const top = await theirTree();
    const context = contextWith({ tree: { top, subfolder: "", outsideGitDirs: [] } });
    const options = optionsWith({ "docker.image": IMAGES.busybox });
    const session = await runtime.open(options, context);
    await run(session, "echo x >made");
    docker("kill", session.handle.name);
    await session.close();
    expect(ownerOf(top, "made")).toBe(THEM);
    expect(isThere(context.sessionId)).toBe(false);
  },
  120_000,
);

testNeeding(
  ["image:busybox", "root", "linux"],
  "who releases another's container gives its files back as well",
  async () => {
    const top = await theirTree();
    const context = contextWith({ tree: { top, subfolder: "", outsideGitDirs: [] } });
    const options = optionsWith({ "docker.image": IMAGES.busybox });
    const session = await runtime.open(options, context);
    await run(session, "echo x >made");
    await session.detach();
    await runtime.release(runtime.plan(options, context), options);
    expect(ownerOf(top, "made")).toBe(THEM);
    expect(isThere(context.sessionId)).toBe(false);
  },
  120_000,
);

testNeeding(
  ["image:busybox", "root", "linux"],
  "a container that several release at once, one of them after its removal has begun, is released for all of them",
  async () => {
    const options = optionsWith({ "docker.image": IMAGES.busybox });
    for (const state of ["running", "stopped"]) {
      const top = await theirTree();
      const context = contextWith({ tree: { top, subfolder: "", outsideGitDirs: [] } });
      const session = await runtime.open(options, context);
      await run(session, "echo x >made");
      await session.detach();
      if (state === "stopped") docker("kill", session.handle.name);
      const releases = Array.from({ length: 6 }, async (_, n) => {
        await Bun.sleep(n * 60);
        await runtime.release(session.handle, options);
      });
      expect(await Promise.allSettled(releases)).toEqual(
        releases.map(() => ({ status: "fulfilled", value: undefined })),
      );
      expect(ownerOf(top, "made")).toBe(THEM);
      expect(isThere(context.sessionId)).toBe(false);
    }
  },
  120_000,
);

testNeeding(
  ["image:busybox", "root", "linux"],
  "a dead container whose folder is gone can be released: there is nothing left to give back",
  async () => {
    const top = await theirTree();
    const context = contextWith({ tree: { top, subfolder: "", outsideGitDirs: [] } });
    const options = optionsWith({ "docker.image": IMAGES.busybox });
    const session = await runtime.open(options, context);
    await session.detach();
    docker("kill", session.handle.name);
    rmSync(top, { recursive: true });
    await runtime.release(session.handle, options);
    expect(isThere(context.sessionId)).toBe(false);
  },
  120_000,
);

testNeeding(
  ["image:busybox", "root", "linux"],
  "with a user of one's own there is nothing to give back",
  async () => {
    const top = await theirTree();
    const opening = {
      options: { "docker.image": IMAGES.busybox, "docker.user": `${THEM}:${THEIR_GROUP}` },
      context: { tree: { top, subfolder: "", outsideGitDirs: [] } },
    };
    await withSession(opening, async (session) => {
      expect(await run(session, "echo x >made; id -u")).toMatchObject({ out: `${THEM}\n`, err: "" });
      expect(session.handle.data.owned).toBe("true");
      expect(ownerOf(top, "made")).toBe(THEM);
    });
    expect(ownerOf(top, "roots-own")).toBe(0);
  },
  120_000,
);

testNeeding(["image:busybox", "root", "linux"], "docker.user: host is the caller's user inside", async () => {
  await withSession({ options: { "docker.image": IMAGES.busybox, "docker.user": "host" } }, async (session) => {
    const { out } = await run(session, "id -u; id -g");
    expect(out).toBe(`${process.getuid?.()}\n${process.getgid?.()}\n`);
  });
});

testNeeding(
  ["image:debian-git", "root", "linux"],
  "files that cannot be given back are told, and the container goes all the same",
  async () => {
    const top = await theirTree();
    const context = contextWith({ tree: { top, subfolder: "", outsideGitDirs: [] } });
    const session = await runtime.open(optionsWith({ "docker.image": IMAGES["debian-git"] }), context);
    await run(session, "echo x >made; rm /usr/bin/chown");
    const error = await session.close().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: "permissionDenied" });
    expect(isThere(context.sessionId)).toBe(false);
    await session.close().catch(() => undefined);
  },
  120_000,
);
