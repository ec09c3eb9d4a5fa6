import { expect } from "bun:test";
import type { Bench } from "../bench.ts";

/** How commands end, and what is said of it. */
export function endings(bench: Bench): void {
  const signals: [name: string, code: number][] = [
    ["HUP", 129],
    ["INT", 130],
    ["KILL", 137],
    ["SEGV", 139],
    ["PIPE", 141],
    ["TERM", 143],
  ];
  bench.shows(
    "command_capture",
    "a death by a signal is 128 and its number, and told from the same exit status",
    async ({ run }) => {
      for (const [name, code] of signals) {
        const ended = await run({ argv: ["sh", "-c", `kill -s ${name} $$; sleep 5`] });
        expect([name, ended.exitCode, ended.outcome]).toEqual([name, code, "signalled"]);
      }
      const said = await run({ argv: ["sh", "-c", "exit 137"] });
      expect([said.exitCode, said.outcome]).toEqual([137, "exited"]);
    },
  );

  bench.shows(
    "command_capture",
    "the words of a shell about a killed command are not in the command's stderr",
    async ({ run }) => {
      const ended = await run({ argv: ["sh", "-c", "printf mine >&2; kill -s KILL $$"] });
      expect(ended.err).toBe("mine");
    },
  );

  bench.shows(
    "command_capture",
    "a program that is not there ends with 127, one that cannot be executed with 126",
    async ({ run, session }) => {
      await session.workspace.write("no-program", new TextEncoder().encode("text"), { mode: 0o644 });
      expect((await run({ argv: ["no-such-program-anywhere"] })).exitCode).toBe(127);
      expect((await run({ argv: ["./not/there"] })).exitCode).toBe(127);
      expect((await run({ argv: ["./no-program"] })).exitCode).toBe(126);
      expect((await run({ argv: ["/"] })).exitCode).toBe(126);
    },
  );

  bench.shows(
    "command_capture",
    "a script without an interpreter line runs as in a shell",
    async ({ run, session }) => {
      await session.workspace.write("plain", new TextEncoder().encode('echo "ran $1"; exit 4\n'), { mode: 0o755 });
      const ended = await run({ argv: ["./plain", "it"] });
      expect([ended.out, ended.exitCode]).toEqual(["ran it\n", 4]);
    },
  );
}
