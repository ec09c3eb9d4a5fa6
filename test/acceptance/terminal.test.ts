import { describe, expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { gluePath, testNeeding, withTempDir } from "../support/needs.ts";
import { userEnvironment } from "./script.ts";

/** What a user sees who types `keys` (each after the text before it has shown) in a terminal of the given width. */
async function inTerminal(
  folder: string,
  command: readonly string[],
  keys: readonly (readonly [after: string, keys: string])[] = [],
  cols = 80,
): Promise<{ shown: string; exit: number }> {
  let shown = "";
  mkdirSync(join(folder, "work"), { recursive: true });
  const child = Bun.spawn([...command], {
    cwd: join(folder, "work"),
    env: userEnvironment(join(folder, "home"), folder),
    terminal: { cols, rows: 24, data: (_terminal, bytes) => (shown += new TextDecoder().decode(bytes)) },
  });
  const deadline = performance.now() + 20_000;
  for (const [after, press] of keys) {
    while (!shown.includes(after)) {
      if (performance.now() > deadline) throw new Error(`"${after}" was not shown, but: ${shown}`);
      await Bun.sleep(10);
    }
    child.terminal?.write(press);
  }
  const exit = await child.exited;
  await Bun.sleep(50);
  child.terminal?.close();
  return { shown, exit };
}
const built = ["built-binary", "linux"] as const;

describe("in a terminal", () => {
  for (const columns of [40, 80]) {
    testNeeding(built, `of ${columns} columns the matrix and the help fit`, () =>
      withTempDir(async (folder) => {
        for (const words of [["capabilities"], ["run", "--help"], ["doctor", "-r", "host"]]) {
          const { shown } = await inTerminal(folder, [gluePath(), ...words], [], columns);
          const long = Bun.stripANSI(shown)
            .split("\r\n")
            .filter((line) => Bun.stringWidth(line) > columns);
          // What is there to be copied is not broken.
          expect(long.filter((line) => !/^ {2}glue |→ |^Usage:/.test(line))).toEqual([]);
        }
      }),
    );
  }

  testNeeding(built, "a command gets no keys without -i", () =>
    withTempDir(async (folder) => {
      const { shown, exit } = await inTerminal(folder, [gluePath(), "run", "--", "sh", "-c", "cat; echo end"]);
      expect({ shown, exit }).toEqual({ shown: "end\r\n", exit: 0 });
    }),
  );

  testNeeding(built, "a command gets what is typed with -i", () =>
    withTempDir(async (folder) => {
      const script = 'echo ready; read line; echo "got $line"';
      const { shown, exit } = await inTerminal(
        folder,
        [gluePath(), "run", "-i", "--", "sh", "-c", script],
        [["ready", "hello\n"]],
      );
      expect(shown).toContain("got hello\r\n");
      expect(exit).toBe(0);
    }),
  );

  testNeeding(built, "-t gives the command a terminal of the same size", () =>
    withTempDir(async (folder) => {
      const { shown, exit } = await inTerminal(
        folder,
        [gluePath(), "run", "-it", "--", "sh", "-c", "test -t 0 && test -t 1 && stty size"],
        [],
        57,
      );
      expect({ shown, exit }).toEqual({ shown: "24 57\r\n", exit: 0 });
    }),
  );

  testNeeding(built, "with -it Ctrl-C is the command's, and our terminal is put back as it was", () =>
    withTempDir(async (folder) => {
      const inner = `trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done`;
      const script = `${gluePath()} run -it -- sh -c "${inner}"; echo "status $?"; stty -a`;
      const { shown } = await inTerminal(folder, ["sh", "-c", script], [["ready", "\x03"]]);
      expect(shown).toContain("caught\r\n");
      expect(shown).toContain("status 9\r\n");
      expect(shown).toMatch(/[^-]icanon/);
      expect(shown).toMatch(/[^-]isig/);
    }),
  );

  testNeeding(built, "without -t Ctrl-C ends glue and the command with 130", () =>
    withTempDir(async (folder) => {
      const script = `${gluePath()} run -- sh -c 'echo ready; sleep 30'; echo "status $?"`;
      const { shown } = await inTerminal(folder, ["sh", "-c", `trap : INT; ${script}`], [["ready", "\x03"]]);
      expect(shown).toContain("status 130");
    }),
  );

  testNeeding(
    built,
    "closing a session in which a job runs asks; no and Ctrl-C leave it open, and yes ends the job",
    () =>
      withTempDir(async (folder) => {
        const glue = gluePath();
        const script = `trap : INT; ${glue} session start -q -r host >id; ${glue} exec -q -d -- sleep 300; for n in 1 2 3; do ${glue} session close; echo "status $?"; done`;
        const { shown } = await inTerminal(
          folder,
          ["sh", "-c", script],
          [
            ["End it? [y/N] ", "n\r"],
            ["status 1", ""],
            ["status 1\r\nA job runs in session", "\x03"],
            ["status 130\r\nA job runs in session", "y\r"],
          ],
        );
        expect(Bun.stripANSI(shown)).toContain("error: The session stays open.");
        expect(shown).toContain("is closed.\r\nstatus 0");
      }),
  );

  testNeeding(built, "color is for a terminal only, and NO_COLOR takes it away", () =>
    withTempDir(async (folder) => {
      const colored = await inTerminal(folder, [gluePath(), "capabilities"]);
      expect(colored.shown).toContain("\x1b[");
      const plain = await inTerminal(folder, ["env", "NO_COLOR=1", gluePath(), "capabilities"]);
      expect(plain.shown).not.toContain("\x1b[");
    }),
  );

  testNeeding(built, "bash completes what is typed", () =>
    withTempDir(async (folder) => {
      const { shown } = await inTerminal(
        folder,
        [
          "bash",
          "--norc",
          "--noprofile",
          "-c",
          "exec bash --rcfile <(echo 'PS1=ready:; eval \"$(glue completions bash)\"') -i",
        ],
        [
          ["ready:", "glue conf\tsh\t--set docker.workspace=c\t\n"],
          ["cannot be used", "exit\n"],
        ],
      );
      expect(Bun.stripANSI(shown)).toContain("glue config show --set docker.workspace=copy");
    }),
  );
});
