import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gluePath, type Need, testNeeding, withTempDir } from "../support/needs.ts";
import { Typist, worksIn } from "../support/typist.ts";
import { userEnvironment } from "./script.ts";

/** Somebody who types in a folder of the test's, with the built glue on PATH. */
function typistIn(folder: string, command: readonly string[], env: Readonly<Record<string, string>> = {}): Typist {
  const cwd = join(folder, "work");
  mkdirSync(cwd, { recursive: true });
  return new Typist(command, { cwd, env: { ...userEnvironment(join(folder, "home"), folder), ...env } });
}

const built = ["built-binary", "linux"] as const;
const hostShell = { GLUE_SHELL: "bash", INPUTRC: "/dev/null" };

describe("glue shell", () => {
  testNeeding(built, "on the host is a real terminal, and leaves ours as it was", () =>
    withTempDir(async (folder) => {
      const script = `${gluePath()} shell -r host --set shell.executable=bash; echo "sta""tus $?"; stty -a`;
      const typist = typistIn(folder, ["sh", "-c", script], hostShell);
      await typist.sees("In a session of its own, on host");
      await worksIn(typist);
      typist.type("exit 7\r");
      await typist.sees("status 7");
      await typist.ended();
      expect(typist.shown).toMatch(/[^-]icanon/);
      expect(typist.shown).toMatch(/[^-]isig/);
    }),
  );

  testNeeding([...built, "vim", "less"], "runs vim and less", () =>
    withTempDir(async (folder) => {
      mkdirSync(join(folder, "work"));
      writeFileSync(join(folder, "work", "long"), Array.from({ length: 500 }, (_, i) => `line number ${i}\n`).join(""));
      const typist = typistIn(folder, [gluePath(), "shell", "-r", "host"], hostShell);
      await typist.does("PS1='re''ady> '", "ready> ");
      typist.type("vim -u NONE -N made\r");
      await typist.sees("made");
      typist.type("ihello from vim ✓\x1b:wq\r");
      await typist.sees("ready> ");
      expect(readFileSync(join(folder, "work", "made"), "utf8")).toBe("hello from vim ✓\n");
      typist.type("less long\r");
      await typist.sees("line number 20");
      typist.type("G");
      await typist.sees("line number 499");
      typist.type("q");
      await typist.does("echo ba''ck", "back");
      typist.type("exit\r");
      expect(await typist.ended()).toBe(0);
    }),
  );

  testNeeding(built, "in an open session starts in the caller's subfolder, and leaves the session open", () =>
    withTempDir(async (folder) => {
      mkdirSync(join(folder, "work", "sub"), { recursive: true });
      const glue = gluePath();
      const script = `id=$(${glue} session start -q -r host) && cd sub && ${glue} shell -e NAME=val; ${glue} session list -q; ${glue} session close -q`;
      const typist = typistIn(folder, ["sh", "-c", script], hostShell);
      await typist.sees("it stays when the shell ends");
      await typist.does('echo "at ${PWD##*/} with $NAME"', "at sub with val");
      typist.type("\x04");
      expect(await typist.ended()).toBe(0);
      expect(typist.shown.trimEnd().split("\r\n").at(-1)).toMatch(/^[a-z0-9]{8}-[a-z0-9]{6}$/);
    }),
  );

  testNeeding(built, "needs a terminal, and says so before anything is opened", () =>
    withTempDir(async (folder) => {
      mkdirSync(join(folder, "work"));
      const child = Bun.spawn([gluePath(), "shell", "-r", "host"], {
        cwd: join(folder, "work"),
        env: userEnvironment(join(folder, "home"), folder),
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const [stderr, code] = await Promise.all([child.stderr.text(), child.exited]);
      expect([code, stderr]).toEqual([2, expect.stringContaining("A shell needs a terminal")]);
      expect(existsSync(join(folder, "home", ".glue", "sessions"))).toBe(false);
    }),
  );

  for (const [image, need] of [
    ["glue-test/debian:git", "image:debian-git"],
    ["glue-test/busybox:latest", "image:busybox"],
  ] as const satisfies readonly (readonly [string, Need])[]) {
    testNeeding([...built, need], `in a container of ${image} is a real terminal`, () =>
      withTempDir(async (folder) => {
        const docker = { DOCKER_HOST: process.env.DOCKER_HOST ?? "unix:///var/run/docker.sock" };
        const words = ["shell", "-r", "docker", "--copy", "--set", `docker.image=${image}`];
        const typist = typistIn(folder, [gluePath(), ...words], docker);
        await typist.sees("In a session of its own, on docker");
        await worksIn(typist);
        const editor = image.includes("busybox") ? "vi" : undefined;
        if (editor !== undefined) {
          typist.type(`${editor} made\r`);
          await typist.sees("made");
          typist.type("ihello\x1b");
          // What follows an escape at once is taken for a key of the keyboard.
          await Bun.sleep(500);
          typist.type(":wq\r");
          await Bun.sleep(300);
          await typist.does('echo "[$(cat made)]"', "[hello]");
          typist.type("seq 500 | less\r");
          await Bun.sleep(500);
          typist.type("G");
          await typist.sees("500");
          typist.type("q");
        }
        await typist.does("echo ba''ck", "back");
        typist.type("exit 9\r");
        expect(await typist.ended()).toBe(9);
      }),
    );
  }
});
