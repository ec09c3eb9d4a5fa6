import { describe, expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gluePath, testNeeding, withTempDir } from "../support/needs.ts";
import { userEnvironment } from "./script.ts";

/** A glue that runs, in a session of its own as a terminal would start it. */
function start(folder: string, args: readonly string[]) {
  const home = join(folder, "home");
  mkdirSync(join(folder, "work"), { recursive: true });
  const child = Bun.spawn([gluePath(), ...args], {
    cwd: join(folder, "work"),
    env: userEnvironment(home, folder),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  return { child, home, reader: child.stdout.getReader() };
}

/** The states of all sessions of a home. */
function states(home: string): string[] {
  return readdirSync(join(home, "sessions")).map((id) => {
    const meta = JSON.parse(readFileSync(join(home, "sessions", id, "meta.json"), "utf8")) as { state: string };
    return meta.state;
  });
}

/** Processes whose command line holds `mark`. */
function processes(mark: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(mark);
    } catch {
      // It ended while we looked.
      return false;
    }
  });
}

describe("an interrupt", () => {
  for (const [signal, title] of [
    ["SIGINT", "Ctrl-C"],
    ["SIGTERM", "SIGTERM"],
    ["SIGHUP", "the end of the terminal"],
  ] as const) {
    testNeeding(
      ["built-binary", "linux"],
      `by ${title} ends the whole tree and the session, and the status is 130`,
      () =>
        withTempDir(async (folder) => {
          const mark = `4242${signal.length}${Math.floor(Math.random() * 1e6)}`;
          const { child, home, reader } = start(folder, [
            "run",
            "--",
            "sh",
            "-c",
            `(sleep ${mark}; :) & echo up; sleep ${mark}`,
          ]);
          expect(new TextDecoder().decode((await reader.read()).value)).toBe("up\n");
          child.kill(signal);
          expect(await child.exited).toBe(130);
          expect(processes(mark)).toEqual([]);
          expect(states(home)).toEqual(["closed"]);
        }),
    );
  }

  testNeeding(["built-binary", "linux"], "ends a command that does not heed it, after the grace", () =>
    withTempDir(async (folder) => {
      const mark = `77${Math.floor(Math.random() * 1e7)}`;
      const script = `trap '' INT TERM; echo up; while :; do sleep 0.${mark}; done`;
      const { child, home, reader } = start(folder, ["run", "--set", "kill_grace_seconds=1", "--", "sh", "-c", script]);
      await reader.read();
      const before = performance.now();
      child.kill("SIGINT");
      expect(await child.exited).toBe(130);
      expect(performance.now() - before).toBeGreaterThan(800);
      expect(processes(mark)).toEqual([]);
      expect(states(home)).toEqual(["closed"]);
    }),
  );

  testNeeding(
    ["built-binary", "linux"],
    "that comes twice ends glue at once by that signal and says what is left",
    () =>
      withTempDir(async (folder) => {
        const mark = `88${Math.floor(Math.random() * 1e7)}`;
        const script = `trap '' INT TERM; echo up; while :; do sleep 0.${mark}; done`;
        const { child, reader } = start(folder, ["run", "--set", "kill_grace_seconds=30", "--", "sh", "-c", script]);
        await reader.read();
        child.kill("SIGINT");
        await Bun.sleep(300);
        const before = performance.now();
        child.kill("SIGINT");
        await child.exited;
        expect(child.signalCode).toBe("SIGINT");
        expect(performance.now() - before).toBeLessThan(20_000);
        // What is left holds our stderr.
        for (const pid of processes(mark)) process.kill(Number(pid), "SIGKILL");
        expect(await child.stderr.text()).toContain("was not ended. glue prune ends what is left of it.");
      }),
  );

  testNeeding(["built-binary", "linux"], "in JSON has its outcome in the last line", () =>
    withTempDir(async (folder) => {
      const { child, reader } = start(folder, ["run", "--json", "--", "sh", "-c", "echo up; sleep 30"]);
      await reader.read();
      child.kill("SIGINT");
      const { value } = await reader.read();
      expect(new TextDecoder().decode(value)).toContain('"exitCode":130,"outcome":"cancelled"');
      expect(await child.exited).toBe(130);
    }),
  );
});
