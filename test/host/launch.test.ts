import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { newCommandId } from "../../runtimes/common/command-id.ts";
import { jobArgv, killAllArgv, killArgv, LAUNCHER, launchArgv, sweepArgv } from "../../runtimes/common/launch.ts";
import {
  inShell,
  lacking,
  launch,
  processesWith,
  recordOf,
  SHELLS,
  start,
  until,
} from "../runtimes/common/launcher.ts";
import { missing, tempDir, testUnless } from "../support/needs.ts";

/** A `sleep` that no other test starts, so that its processes can be told. */
let sleeps = 0;
function uniqueSleep(): string {
  sleeps++;
  return `sleep 8600${process.pid}.${sleeps}`;
}

// A test that fails must leave nothing behind either.
afterEach(() => {
  for (const pid of processesWith(`sleep\x008600${process.pid}`)) process.kill(pid, "SIGKILL");
});

const needsProc = process.platform === "linux" ? undefined : "needs /proc";

test("the launcher is sent without its comments", () => {
  expect(LAUNCHER).not.toMatch(/^\s*#/m);
  expect(LAUNCHER).toContain("glue_run()");
});

test("a deadline is never rounded down to none", () => {
  expect(launchArgv({ id: "a", spool: "/s", argv: ["true"], timeoutMs: 0.2 })).toContain("1");
});

for (const shell of Object.keys(SHELLS)) {
  const reason = lacking(shell) ?? needsProc;
  const it = (title: string, run: () => Promise<void>) => testUnless(reason, title, run);
  const fresh = (argv: string[], more: Record<string, unknown> = {}) => ({
    id: newCommandId("unit"),
    spool: tempDir(),
    argv,
    graceMs: 300,
    ...more,
  });

  describe(`in ${shell}`, () => {
    const endings: [what: string, argv: string[], code: number, how: string][] = [
      ["status 0", ["true"], 0, "exit"],
      ["its own status", ["sh", "-c", "exit 3"], 3, "exit"],
      ["the status 137 of a command that says so", ["sh", "-c", "exit 137"], 137, "exit"],
      ["the status 255", ["sh", "-c", "exit 255"], 255, "exit"],
      ["a death by KILL", ["sh", "-c", "kill -s KILL $$"], 137, "signal"],
      ["a death by TERM", ["sh", "-c", "kill -s TERM $$"], 143, "signal"],
      ["a death by SEGV", ["sh", "-c", "kill -s SEGV $$"], 139, "signal"],
      ["a death by INT, of which shells do not speak", ["sh", "-c", "kill -s INT $$"], 130, "signal"],
      ["a program that is not there", ["no-such-program"], 127, "exit"],
      ["a file that is no program", ["/etc/passwd"], 126, "exit"],
    ];
    for (const [what, argv, code, how] of endings) {
      it(`tells ${what}`, async () => {
        const { record, ...ended } = await launch(shell, fresh(argv));
        expect(ended.code).toBe(code);
        expect(record).toEqual({ how, code } as typeof record);
      });
    }

    it("leaves stdout and stderr as the command wrote them, also when it is killed", async () => {
      const ended = await launch(shell, fresh(["sh", "-c", "printf out; printf err >&2; kill -s KILL $$"]));
      expect([ended.stdout, ended.stderr]).toEqual(["out", "err"]);
    });

    it("gives the command three descriptors and no more, and signals as they were", async () => {
      const script = "for fd in 0 1 2 3 4 5 6 7 8 9 10 11; do [ ! -e /proc/$$/fd/$fd ] || echo $fd; done";
      const ended = await launch(shell, fresh(["sh", "-c", script], { timeoutMs: 60_000 }));
      expect(ended.stdout).toBe("0\n1\n2\n");
      const signals = await launch(shell, fresh(["cat", "/proc/self/status"], { timeoutMs: 60_000 }));
      expect(signals.stdout).toMatch(/SigBlk:\s+0+\nSigIgn:\s+0+\n/);
    });

    it("keeps variables of the environment that a script would be tempted to use itself", async () => {
      const env = { id: "1", spool: "2", code: "3", pid: "4", IFS_: ":", mode: "5" };
      const ended = await launch(shell, fresh(["env"]), env);
      for (const [name, value] of Object.entries(env)) expect(ended.stdout).toContain(`${name}=${value}\n`);
      expect(ended.stdout).not.toMatch(/^glue_/m);
    });

    it("enters the folder it is given, and says so when it cannot", async () => {
      const folder = `${tempDir()}/with space`;
      mkdirSync(folder);
      expect((await launch(shell, fresh(["pwd"], { cwd: folder }))).stdout).toBe(`${folder}\n`);
      const ended = await launch(shell, fresh(["pwd"], { cwd: `${folder}/gone` }));
      expect([ended.code, ended.record?.how, ended.stdout, ended.stderr]).toEqual([125, "cwd", "", ""]);
    });

    it("ends the whole tree at the deadline, also what left its session, and keeps the output", async () => {
      const sleep = uniqueSleep();
      const tree = `echo before; ${sleep} & setsid ${sleep} & (setsid sh -c '${sleep} & (${sleep} &)' &); ${sleep}`;
      const ended = await launch(shell, fresh(["sh", "-c", tree], { timeoutMs: 200 }));
      expect([ended.code, ended.record?.how, ended.stdout, ended.stderr]).toEqual([124, "timeout", "before\n", ""]);
      expect(ended.ms).toBeGreaterThan(190);
      expect(ended.ms).toBeLessThan(20_000);
      expect(processesWith(sleep.replace(" ", "\0"))).toEqual([]);
    });

    it("kills what does not heed TERM once the grace is over", async () => {
      const sleep = uniqueSleep();
      const deaf = `trap '' TERM; echo deaf; while :; do ${sleep}; done`;
      const ended = await launch(shell, fresh(["sh", "-c", deaf], { timeoutMs: 200 }));
      expect([ended.record?.how, ended.stdout]).toEqual(["timeout", "deaf\n"]);
      expect(ended.ms).toBeGreaterThan(490);
      expect(processesWith(sleep.replace(" ", "\0"))).toEqual([]);
    });

    it("takes its watchdog along when the command is fast", async () => {
      const what = fresh(["sh", "-c", "exit 5"], { timeoutMs: 3_600_000 });
      const ended = await launch(shell, what);
      expect([ended.code, ended.record?.how]).toEqual([5, "exit"]);
      expect(ended.ms).toBeLessThan(20_000);
      expect(processesWith(what.id)).toEqual([]);
      expect(processesWith("sleep\x003600.00")).toEqual([]);
    });

    it("keeps the deadline when the launcher itself is killed", async () => {
      const sleep = uniqueSleep();
      const launcher = start(shell, fresh(sleep.split(" "), { timeoutMs: 300 }));
      await until(() => processesWith(sleep.replace(" ", "\0")).length > 1);
      launcher.kill("SIGKILL");
      await launcher.exited;
      await until(() => processesWith(sleep.replace(" ", "\0")).length === 0, 30_000);
    });

    it("ends a tree on request, and the record says that it was cancelled", async () => {
      const sleep = uniqueSleep();
      const what = fresh(["sh", "-c", `${sleep} & setsid ${sleep} & ${sleep}`]);
      const launcher = start(shell, what);
      await until(() => processesWith(sleep.replace(" ", "\0")).length >= 3);
      const killer = Bun.spawn(inShell(shell, killArgv(what)), { env: { PATH: process.env.PATH ?? "" } });
      expect(await killer.exited).toBe(0);
      expect(processesWith(sleep.replace(" ", "\0"))).toEqual([]);
      expect(await launcher.exited).toBe(143);
      expect(recordOf(what)).toEqual({ how: "cancel", code: 143 });
    });

    it("does not start a command that is cancelled already", async () => {
      const what = fresh(["echo", "ran"]);
      writeFileSync(`${what.spool}/${what.id}.cancel`, ".\n");
      const ended = await launch(shell, what);
      expect([ended.stdout, ended.record?.how]).toEqual(["", "cancel"]);
    });

    it("sweeps one session and leaves another with a longer name alone", async () => {
      const [mine, other] = [uniqueSleep(), uniqueSleep()];
      const spool = tempDir();
      const launchers = [
        start(shell, { id: newCommandId("s1"), spool, argv: mine.split(" ") }),
        start(shell, { id: newCommandId("s1"), spool, argv: ["sh", "-c", `setsid ${mine} & exit 0`] }),
        start(shell, { id: newCommandId("s1x"), spool, argv: other.split(" ") }),
      ];
      const running = (sleep: string) => processesWith(sleep.replace(" ", "\0")).length;
      await until(() => running(mine) >= 3 && running(other) >= 2);
      const sweep = (prefix: string) =>
        Bun.spawn(inShell(shell, sweepArgv({ prefix, spool, graceMs: 300 })), {
          env: { PATH: process.env.PATH ?? "" },
        });
      expect(await sweep("s1_").exited).toBe(0);
      expect([running(mine), running(other) > 0]).toEqual([0, true]);
      expect(await sweep("s1x_").exited).toBe(0);
      expect(running(other)).toBe(0);
      await Promise.all(launchers.map((launcher) => launcher.exited));
    });

    it("runs a job with its output in the spool", async () => {
      const what = fresh(["sh", "-c", "echo out; echo err >&2; cat; exit 4"]);
      const job = Bun.spawn(inShell(shell, jobArgv(what)), { stdin: "pipe", detached: true });
      expect(await job.exited).toBe(4);
      const text = (kind: string) => Bun.file(`${what.spool}/${what.id}.${kind}`).text();
      expect([await text("out"), await text("err"), recordOf(what)?.how]).toEqual(["out\n", "err\n", "exit"]);
    });
  });
}

// A process namespace of its own, for a mode that ends everything but PID 1.
for (const shell of ["dash", "bash", "busybox"]) {
  const reason = lacking(shell) ?? missing("root") ?? missing("linux") ?? lacking("unshare");
  for (const spared of [false, true]) {
    const title = `in ${shell}, everything can be ended but PID 1${spared ? " and what is to be spared" : ""}`;
    testUnless(reason, title, async () => {
      const init = `sleep 301 & spared=$!
sleep 302 & setsid env -i sleep 303 & sh -c 'trap "" TERM; while :; do sleep 304; done' &
sleep 0.2
"$@" ${spared ? "$spared" : ""}
echo "status $?"
for file in /proc/[0-9]*/cmdline; do
  words=$(cat $file | tr '\\0' ' ')
  case $words in 'sleep 30'* | 'sh -c trap'*) echo "$words" ;; esac
done`;
      const argv = inShell(shell, killAllArgv({ graceMs: 300 }));
      const run = Bun.spawn(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", init, "init", ...argv],
        { stdin: "ignore", stdout: "pipe", stderr: "ignore" },
      );
      const lines = (await new Response(run.stdout).text())
        .trim()
        .split("\n")
        .map((line) => line.trim());
      expect(lines).toEqual(spared ? ["status 0", "sleep 301"] : ["status 0"]);
      await run.exited;
    });
  }
}

testUnless(lacking("busybox") ?? needsProc, "where there is no grep, marks are found all the same", async () => {
  const sleep = uniqueSleep();
  const what = { id: newCommandId("unit"), spool: tempDir(), graceMs: 300, timeoutMs: 300 };
  const path = tempDir();
  for (const name of ["sleep", "cat", "sh", "setsid"])
    Bun.spawnSync(["ln", "-s", Bun.which(name) ?? "", `${path}/${name}`]);
  const argv = ["sh", "-c", `setsid ${sleep} </dev/null >/dev/null 2>&1 & exit 0`];
  const script = LAUNCHER.replaceAll("/usr/local/bin:/usr/bin:/bin", path);
  expect(script).not.toBe(LAUNCHER);
  const dash = Bun.which("dash") ?? "/bin/sh";
  const words = launchArgv({ ...what, argv }).slice(3);
  const run = Bun.spawn([dash, "-c", script, ...words], { env: { PATH: path }, stdout: "ignore", detached: true });
  expect(await run.exited).toBe(0);
  await until(() => processesWith(sleep.replace(" ", "\0")).length === 1);
  const kill = Bun.spawn([dash, "-c", script, ...killArgv(what).slice(3)], { env: { PATH: path } });
  expect(await kill.exited).toBe(0);
  expect(processesWith(sleep.replace(" ", "\0"))).toEqual([]);
});

testUnless(
  Bun.which("ps") === null ? "no ps on PATH" : needsProc,
  "where there is no /proc, ps finds the tree",
  async () => {
    const sleep = uniqueSleep();
    const what = { id: newCommandId("unit"), spool: tempDir(), graceMs: 300, timeoutMs: 500 };
    const script = LAUNCHER.replaceAll("/proc/", "/no-proc/");
    const argv = ["sh", "-c", `echo out; ${sleep} & ${sleep}`];
    const words = launchArgv({ ...what, argv }).slice(3);
    const run = Bun.spawn(["dash", "-c", script, ...words], { stdout: "pipe", detached: true });
    expect(await new Response(run.stdout).text()).toBe("out\n");
    expect(await run.exited).toBe(124);
    expect(processesWith(sleep.replace(" ", "\0"))).toEqual([]);
  },
);
