import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { readMeta } from "../../session/read-meta.ts";
import { sessionFolder, sessionIds } from "../../session/store.ts";
import { freshHome, ROOT } from "../session/support.ts";
import { glue, runs, startGlue, until } from "../support/glue.ts";
import { testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A command that writes its pid, ignores nothing, and does not end. */
function sleeper(pidFile: string): string[] {
  return ["--", "sh", "-c", `echo $$ > ${pidFile}; exec sleep 300`];
}

function pidIn(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, "utf8");
  return text.endsWith("\n") ? Number(text) : undefined;
}

async function running(pidFile: string): Promise<number> {
  await until("the command runs", () => pidIn(pidFile) !== undefined);
  return pidIn(pidFile) ?? 0;
}

function place() {
  const cwd = realpathSync(tempDir());
  return { home: freshHome(), cwd, pidFile: join(cwd, "pid") };
}

describe("the first interrupt", () => {
  for (const signal of SIGNALS) {
    test(`of a run (${signal}) ends the command, then the session`, async () => {
      const { home, cwd, pidFile } = place();
      const child = startGlue(home, ["run", "-r", "host", ...sleeper(pidFile)], { cwd });
      const pid = await running(pidFile);
      child.kill(signal);
      expect(await child.exited).toBe(130);
      expect(runs(pid)).toBe(false);
      const [id = ""] = sessionIds(home);
      expect(readMeta(sessionFolder(home, id)).state).toBe("closed");
      expect(readFileSync(sessionFolder(home, id).events, "utf8")).toContain('"type":"cancelled"');
    }, 120_000);

    test(`of an exec (${signal}) ends the command and leaves the session open`, async () => {
      const { home, cwd, pidFile } = place();
      const { stdout } = await glue(home, ["session", "start", "-q", "-r", "host"], { cwd });
      const child = startGlue(home, ["exec", ...sleeper(pidFile)], { cwd });
      const pid = await running(pidFile);
      child.kill(signal);
      expect(await child.exited).toBe(130);
      expect(runs(pid)).toBe(false);
      expect(await glue(home, ["exec", "--", "echo", "open"], { cwd })).toMatchObject({ code: 0, stdout: "open\n" });
      await glue(home, ["session", "close", stdout.trim()], { cwd });
    }, 120_000);
  }

  testNeeding(
    ["linux"],
    "is also the death of the process that started glue",
    async () => {
      const { home, cwd, pidFile } = place();
      const script = `"$0" ${join(ROOT, "cmd/main.ts")} run -r host -- sh -c 'echo $$ > ${pidFile}; exec sleep 300' & wait`;
      const parent = shell(script, home.root, cwd);
      const pid = await running(pidFile);
      parent.kill("SIGKILL");
      await until("the command is ended", () => !runs(pid));
      const [id = ""] = sessionIds(home);
      await until("the session is closed", () => readMeta(sessionFolder(home, id)).state === "closed");
    },
    120_000,
  );

  testNeeding(
    ["linux"],
    "is not the end of the terminal or of the parent for a glue under nohup",
    async () => {
      const { home, cwd, pidFile } = place();
      const script = `nohup "$0" ${join(ROOT, "cmd/main.ts")} run -r host -- sh -c 'echo $$ > ${pidFile}; exec sleep 2' >/dev/null 2>&1 & wait`;
      const parent = shell(script, home.root, cwd);
      const pid = await running(pidFile);
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      expect(stat).not.toBe("");
      parent.kill("SIGKILL");
      await Bun.sleep(900);
      expect(runs(pid)).toBe(true);
      const [id = ""] = sessionIds(home);
      await until("the session is closed", () => readMeta(sessionFolder(home, id)).state === "closed");
      expect(readFileSync(sessionFolder(home, id).events, "utf8")).toContain('"exitCode":0');
    },
    120_000,
  );
});

describe("the second interrupt", () => {
  test("is none where it comes with the first, as from timeout", async () => {
    const { home, cwd, pidFile } = place();
    const child = startGlue(home, ["run", "-r", "host", "--", "sh", "-c", `echo $$ > ${pidFile}; sleep 300`], { cwd });
    const pid = await running(pidFile);
    for (const wait of [0, 20, 20, 20]) {
      await Bun.sleep(wait);
      child.kill("SIGTERM");
    }
    expect(await child.exited).toBe(130);
    expect(runs(pid)).toBe(false);
    const [id = ""] = sessionIds(home);
    expect(readMeta(sessionFolder(home, id)).state).toBe("closed");
  }, 120_000);

  const stubborn = (pidFile: string) => [
    ...["--set", "kill_grace_seconds=8", "--", "sh", "-c"],
    `trap "" TERM INT HUP; echo $$ > ${pidFile}; while :; do sleep 1; done`,
  ];
  test("leaves at once by that signal, having said what is left and how to get it", async () => {
    const { home, cwd, pidFile } = place();
    const child = startGlue(home, ["run", "-r", "host", ...stubborn(pidFile)], { cwd });
    const pid = await running(pidFile);
    child.kill("SIGINT");
    await Bun.sleep(300);
    const before = performance.now();
    child.kill("SIGTERM");
    await child.exited;
    expect(performance.now() - before).toBeLessThan(7_000);
    expect(child.signalCode).toBe("SIGTERM");
    const [id = ""] = sessionIds(home);
    // The command still holds our stderr: it is not read to its end.
    const { value } = await child.stderr.getReader().read();
    expect(new TextDecoder().decode(value)).toContain(
      `Session ${id} was not ended. glue prune ends what is left of it.`,
    );
    expect(runs(pid)).toBe(true);
    const pruned = JSON.parse((await glue(home, ["prune", "--json"], { cwd })).stdout);
    expect(pruned.items).toEqual([expect.objectContaining({ session: id, outcome: "released" })]);
    expect(runs(pid)).toBe(false);
  }, 120_000);
});

function shell(script: string, home: string, cwd: string) {
  return Bun.spawn(["sh", "-c", script, process.execPath], {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: join(home, "nobody"), GLUE_HOME: home },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
}
