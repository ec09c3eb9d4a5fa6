import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gluePath, type Need, testNeeding, withTempDir } from "../support/needs.ts";
import { userEnvironment } from "./script.ts";

/** A person at a terminal: types, and looks at what is shown. */
class Typist {
  shown = "";
  readonly #child;
  #seen = 0;

  constructor(folder: string, command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    mkdirSync(join(folder, "work"), { recursive: true });
    this.#child = Bun.spawn([...command], {
      cwd: join(folder, "work"),
      env: { ...userEnvironment(join(folder, "home"), folder), TERM: "xterm-256color", ...env },
      terminal: {
        cols: 80,
        rows: 24,
        data: (_terminal, bytes) => {
          this.shown += new TextDecoder().decode(bytes, { stream: true });
        },
      },
    });
  }

  type(keys: string): void {
    this.#child.terminal?.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#child.terminal?.resize(columns, rows);
  }

  /** Waits until `text` is shown after what was waited for last. */
  async sees(text: string): Promise<void> {
    const deadline = performance.now() + 30_000;
    for (;;) {
      const at = this.shown.indexOf(text, this.#seen);
      if (at >= 0) {
        this.#seen = at + text.length;
        return;
      }
      if (performance.now() > deadline)
        throw new Error(`"${text}" was not shown, but: ${this.shown.slice(this.#seen)}`);
      await Bun.sleep(10);
    }
  }

  /** Types a line and waits for what it shows; the line itself does not hold `text` as it stands. */
  async does(line: string, text: string): Promise<void> {
    this.type(`${line}\r`);
    await this.sees(text);
  }

  async ended(): Promise<number> {
    const code = await this.#child.exited;
    this.#child.terminal?.close();
    return code;
  }
}

/** What every shell is put to. */
async function worksIn(typist: Typist): Promise<void> {
  await typist.does("PS1='re''ady> '", "ready> ");
  await typist.does("stty size; test -t 0 && test -t 1 && echo termi''nal", "24 80");
  await typist.sees("terminal");
  typist.resize(101, 33);
  await Bun.sleep(500);
  await typist.does("stty size", "33 101");
  // A child is interrupted, and the shell goes on.
  await typist.does("echo be''gun; sleep 300", "begun");
  await Bun.sleep(300);
  typist.type("\x03");
  await typist.does("echo sta''tus $?", "status 130");
  // One that is stopped can be gone on with.
  await typist.does("echo a''gain; sleep 1.5 && echo sle''pt", "again");
  await Bun.sleep(300);
  typist.type("\x1a");
  await typist.sees("topped");
  await typist.does("jobs", "topped");
  typist.type("fg\r");
  await Bun.sleep(1_600);
  await typist.does("echo grü''ße ✓ 日''本", "grüße ✓ 日本");
  await typist.does("printf '\\033[31m%s\\033[0m\\n' r''ed", "\x1b[31mred\x1b[0m");
}

const built = ["built-binary", "linux"] as const;
const hostShell = { GLUE_SHELL: "bash", INPUTRC: "/dev/null" };

describe("glue shell", () => {
  testNeeding(built, "on the host is a real terminal, and leaves ours as it was", () =>
    withTempDir(async (folder) => {
      const script = `${gluePath()} shell -r host --set shell.executable=bash; echo "sta""tus $?"; stty -a`;
      const typist = new Typist(folder, ["sh", "-c", script], hostShell);
      await typist.sees("In a session of its own, on host");
      await worksIn(typist);
      typist.type("exit 7\r");
      await typist.sees("status 7");
      await typist.ended();
      expect(typist.shown).toMatch(/[^-]icanon/);
      expect(typist.shown).toMatch(/[^-]isig/);
    }),
  );

  testNeeding(built, "runs vim and less", () =>
    withTempDir(async (folder) => {
      if (Bun.which("vim") === null || Bun.which("less") === null) return;
      mkdirSync(join(folder, "work"));
      writeFileSync(join(folder, "work", "long"), Array.from({ length: 500 }, (_, i) => `line number ${i}\n`).join(""));
      const typist = new Typist(folder, [gluePath(), "shell", "-r", "host"], hostShell);
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
      const typist = new Typist(folder, ["sh", "-c", script], hostShell);
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
        const typist = new Typist(folder, [gluePath(), ...words], docker);
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
