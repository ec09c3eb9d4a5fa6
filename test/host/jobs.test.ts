import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attachSession } from "../../session/attach.ts";
import { readCommandLog } from "../../session/command-log.ts";
import type { Home } from "../../session/home.ts";
import { jobNumbers } from "../../session/job-record.ts";
import { findJob, killJob, listJobs, openJobs, readJob, readSavedJob, waitJob } from "../../session/jobs.ts";
import { isInUse } from "../../session/judge.ts";
import { keepSession } from "../../session/keeper.ts";
import { liveJobs, liveSessions } from "../../session/live-ids.ts";
import { machineFacts } from "../../session/owner.ts";
import { readMeta } from "../../session/read-meta.ts";
import { startJob } from "../../session/start-job.ts";
import { sessionFolder } from "../../session/store.ts";
import { freshHome, surroundings } from "../session/support.ts";
import { glue, until } from "../support/glue.ts";
import { expectSchema } from "../support/json-schema.ts";
import { tempDir } from "../support/temp-dir.ts";

async function opened() {
  const [home, cwd] = [freshHome(), realpathSync(tempDir())];
  const { stdout } = await glue(home, ["session", "start", "-q", "-r", "host"], { cwd });
  const around = surroundings(home, { facts: machineFacts(home.root), env: process.env });
  const id = stdout.trim();
  return { home, cwd, id, around, attach: () => attachSession(around, { id, cwd }), folder: sessionFolder(home, id) };
}

const run = (home: Home, cwd: string, ...args: string[]) => glue(home, args, { cwd });

describe("a job", () => {
  test("is started by one process, and read, waited for and killed by others", async () => {
    const { home, cwd, id } = await opened();
    const started = await run(home, cwd, "exec", "--detach", "-q", "-c", "echo out; echo err >&2; sleep 0.3; exit 5");
    expect(started).toMatchObject({ code: 0, stdout: `${id}/1\n`, stderr: "" });
    const logs = run(home, cwd, "job", "logs", "-f", "1");
    expect(await run(home, cwd, "job", "wait", "1")).toMatchObject({ code: 5, stdout: "" });
    expect(await logs).toMatchObject({ code: 0, stdout: "out\n", stderr: "err\n" });
    await run(home, cwd, "exec", "-d", "--", "sleep", "300");
    const kills = await Promise.all([run(home, cwd, "job", "kill", "2"), run(home, cwd, "job", "kill", `${id}/2`)]);
    expect(kills.map(({ code }) => code)).toEqual([0, 0]);
    expect((await run(home, cwd, "job", "kill", "2")).stderr).toContain("was over already");
    expect((await run(home, cwd, "job", "wait", "2")).code).toBe(143);
    expect((await run(home, cwd, "session", "close")).code).toBe(0);
    // What it wrote is read when its sandbox is gone.
    expect(await run(home, cwd, "job", "logs", `${id}/1`)).toMatchObject({ code: 0, stdout: "out\n", stderr: "err\n" });
    expect((await run(home, cwd, "job", "wait", `${id}/1`)).code).toBe(5);
    const kill = await run(home, cwd, "job", "kill", `${id}/1`);
    expect(kill).toMatchObject({ code: 0, stderr: expect.stringContaining("was over already") });
  }, 120_000);

  test("tells tools what docs/schemas says", async () => {
    const { home, cwd } = await opened();
    const json = async (schema: string, code: number, ...args: string[]) => {
      const ran = await run(home, cwd, ...args, "--json");
      expect([ran.code, ran.stderr]).toEqual([code, ""]);
      const value = JSON.parse(ran.stdout);
      expectSchema(value, schema);
      return value;
    };
    const exec = ["exec", "--detach", "--json", "--timeout", "1m", "-c", "exit 3"];
    expectSchema(JSON.parse((await run(home, cwd, ...exec)).stdout), "job");
    expect(await json("job", 3, "job", "wait", "1")).toMatchObject({ job: { state: "ended", exitCode: 3 } });
    expect((await json("job-list", 0, "job", "list")).jobs).toHaveLength(1);
    expect(await json("job-kill", 0, "job", "kill", "1")).toMatchObject({ already: true });
    expect((await run(home, cwd, "job", "logs", "1", "--json")).stdout).toBe("");
    await run(home, cwd, "session", "close");
  }, 120_000);

  test("that is unknown, and flags that do not go together, are one clear error", async () => {
    const { home, cwd, id } = await opened();
    for (const [args, code, message] of [
      [["job", "wait", "4"], 2, `There is no job 4 in session ${id}.`],
      [["job", "logs", "x"], 2, `There is no job "x" in session ${id}.`],
      [["job", "kill", `${id}/0`], 2, `There is no job "0" in session ${id}.`],
      [["job", "kill", "nope/1"], 2, "There is no session nope."],
      [["job", "kill", `${id}/1`, "-s", id], 2, "names a session already"],
      [["exec", "-d", "-t", "--", "true"], 2, "A job has no terminal and no input"],
      [["exec", "-d"], 2, "There is no command to run."],
      [["session", "close", "--wait", "--kill-jobs"], 2, "give one"],
    ] as const) {
      const ran = await run(home, cwd, ...args);
      expect([args, ran.code, ran.stderr.split("\n").filter((line) => line.startsWith("error:")).length]).toEqual([
        args,
        code,
        1,
      ]);
      expect(ran.stderr).toContain(message);
    }
    expect(jobNumbers(sessionFolder(home, id))).toEqual([]);
    await run(home, cwd, "session", "close");
  }, 120_000);

  test("is numbered apart by thirty that start at once, and the session's log has each", async () => {
    const { attach, folder, around, home, cwd } = await opened();
    const session = await attach();
    const jobs = await Promise.all(
      Array.from({ length: 30 }, (_, i) => startJob(session, { argv: ["sh", "-c", `exit ${i}`] })),
    );
    expect(jobs.map(({ number }) => number).sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    const ended = await Promise.all(jobs.map(({ number }) => waitJob(session, number)));
    expect(ended.map(({ exitCode }) => exitCode)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    const log = readCommandLog(folder.events, around.facts);
    expect(log.commands.map(({ job, state }) => `${job} ${state}`).sort()).toEqual(
      jobs.map(({ number }) => `${number} ended`).sort(),
    );
    await run(home, cwd, "session", "close");
  }, 120_000);

  test("is in use as long as nobody saw it end; a wait that is over in time leaves it running", async () => {
    const { attach, folder, around, home, cwd } = await opened();
    const session = await attach();
    const { number } = await startJob(session, { argv: ["sh", "-c", "printf abcdef; sleep 300"] });
    expect((await waitJob(session, number, { waitMs: 100 })).state).toBe("running");
    await until("the job has written", async () => (await findJob(session, number)).stdoutBytes === 6);
    expect(new TextDecoder().decode(await readJob(session, number, "stdout", { offset: 2, length: 3 }))).toBe("cde");
    expect([isInUse(around, folder), openJobs(folder)]).toEqual([true, [1]]);
    expect(await killJob(session, number)).toMatchObject({ state: "ended", outcome: "cancelled", exitCode: 143 });
    expect([isInUse(around, folder), openJobs(folder)]).toEqual([false, []]);
    await run(home, cwd, "session", "close");
    const saved = readSavedJob(folder, number, "stdout", { offset: 2, length: 100 });
    expect(new TextDecoder().decode(saved)).toBe("cdef");
    await until("it is gone", () => !existsSync(join(folder.path, "private")));
  }, 120_000);

  test("of a sandbox that is gone is of unknown end, and says so", async () => {
    const { home, cwd, id, folder } = await opened();
    await run(home, cwd, "exec", "-d", "--", "sh", "-c", "sleep 300");
    await run(home, cwd, "job", "kill", "1");
    rmSync(join(folder.jobs, "1", "end.json"));
    rmSync(join(folder.path, "private", "jobs"), { recursive: true });
    expect(JSON.parse((await run(home, cwd, "job", "list", "--json")).stdout).jobs[0].state).toBe("unknown");
    const waited = await run(home, cwd, "job", "wait", "1");
    expect(waited).toMatchObject({ code: 125, stderr: expect.stringContaining(`Nobody saw how job ${id}/1 ended.`) });
    expect(await run(home, cwd, "job", "logs", "1")).toMatchObject({ code: 1, stdout: "" });
    expect((await run(home, cwd, "session", "close", "--kill-jobs")).code).toBe(0);
  }, 120_000);
});

describe("closing a session with jobs that run", () => {
  test("is refused where nobody can be asked, and --wait waits for them", async () => {
    const { home, cwd, id, attach } = await opened();
    await run(home, cwd, "exec", "-d", "-c", "until [ -e go ]; do sleep 0.05; done; echo done");
    const refused = await run(home, cwd, "session", "close");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`A job runs in session ${id}: ${id}/1 (until [ -e go ]`);
    expect(refused.stderr).toContain("--kill-jobs ends them, --wait waits for them.");
    expect((await listJobs(await attach())).map(({ state }) => state)).toEqual(["running"]);
    const closing = run(home, cwd, "session", "close", "--wait");
    await Bun.sleep(300);
    writeFileSync(join(cwd, "go"), "");
    expect((await closing).code).toBe(0);
    expect((await run(home, cwd, "job", "logs", `${id}/1`)).stdout).toBe("done\n");
  }, 120_000);
});

describe("a job that nobody asks about", () => {
  test("keeps its session from being closed as idle, until it is over", async () => {
    const { home, cwd, id, around, folder } = await opened();
    await run(home, cwd, "exec", "-d", "-c", "until [ -e go ]; do sleep 0.05; done; echo last words");
    const kept = keepSession(around, id, new AbortController().signal, { renewMs: 50, idleMs: 200 });
    await Bun.sleep(1_000);
    expect(readMeta(folder).state).toBe("open");
    writeFileSync(join(cwd, "go"), "");
    expect(await kept).toBe("idle");
    expect(readMeta(folder).state).toBe("closed");
    expect((await run(home, cwd, "job", "logs", `${id}/1`)).stdout).toBe("last words\n");
  }, 120_000);

  test("keeps its session from being pruned by age, until it is over", async () => {
    const { home, cwd, id } = await opened();
    await run(home, cwd, "exec", "-d", "-c", "until [ -e go ]; do sleep 0.05; done");
    const prune = async () => {
      await Bun.sleep(1_100);
      const { stdout } = await run(home, cwd, "prune", "--older-than", "1s", "--json");
      return JSON.parse(stdout).items.map(({ outcome, why }: Record<string, string>) => [outcome, why]);
    };
    expect(await prune()).toEqual([["kept", "a command runs in it"]]);
    writeFileSync(join(cwd, "go"), "");
    await Bun.sleep(500);
    // That it ended was seen now, which is a use of the session.
    await prune();
    expect(await prune()).toEqual([["released", expect.stringContaining("it was not used")]]);
    expect(readMeta(sessionFolder(home, id)).state).toBe("closed");
  }, 120_000);
});

describe("what completions offer", () => {
  test("are the sessions that are open and their jobs, from the disk, with nothing written", async () => {
    const { home, cwd, id } = await opened();
    const closed = (await run(home, realpathSync(tempDir()), "session", "start", "-q", "-r", "host")).stdout.trim();
    await run(home, cwd, "session", "close", closed);
    await run(home, cwd, "exec", "-d", "-c", "true");
    await run(home, cwd, "job", "wait", "1");
    await run(home, cwd, "exec", "-d", "--", "sleep", "300");
    const before = filesOf(home.root);
    expect(liveSessions(home)).toEqual([id]);
    expect(liveJobs(home)).toEqual([
      { id: `${id}/2`, running: true, text: "sleep 300" },
      { id: `${id}/1`, running: false, text: "true" },
    ]);
    const ask = async (...words: string[]) => {
      const { stdout } = await run(home, cwd, "__complete", "--", ...words);
      return stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t")[0]]));
    };
    expect(await ask("exec", "-s", "")).toEqual([id]);
    expect(await ask("job", "kill", "")).toEqual([`${id}/2`]);
    expect(await ask("job", "logs", "-f", "")).toEqual([`${id}/2`, `${id}/1`]);
    expect(await ask("session", "show", "")).toEqual([closed, id]);
    expect(filesOf(home.root)).toEqual(before);
    await run(home, cwd, "session", "close", "--kill-jobs");
    expect(await ask("job", "kill", "")).toEqual([]);
  }, 120_000);

  test("is nothing, and no folder is made, where there is no home", async () => {
    const root = join(tempDir(), "none");
    const home = { root, sessions: join(root, "sessions"), cache: join(root, "cache") };
    expect([liveSessions(home), liveJobs(home)]).toEqual([[], []]);
    mkdirSync(join(root, "sessions", "torn"), { recursive: true });
    writeFileSync(join(root, "sessions", "torn", "meta.json"), "{");
    expect(liveSessions(home)).toEqual([]);
    const { stdout, code } = await run(
      { ...home, root: join(root, "other") },
      tempDir(),
      "__complete",
      "--",
      "job",
      "kill",
      "",
    );
    expect([code, stdout, existsSync(join(root, "other"))]).toEqual([0, "", false]);
  });
});

function filesOf(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => !name.includes("private"));
  return names.map((name) => `${name} ${statSync(join(folder, name)).mtimeMs}`).sort();
}
