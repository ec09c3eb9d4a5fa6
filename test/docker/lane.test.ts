import { expect, setDefaultTimeout } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { OpenContext, RuntimeSession } from "../../runtimes/contract.ts";
import { IMAGES, testNeeding } from "../support/needs.ts";
import { run } from "../support/session-run.ts";
import { docker, withSession } from "./support.ts";

setDefaultTimeout(120_000);

const lane = ({ sessionDir }: OpenContext) => join(sessionDir, "lane");

/** What `docker top` shows with a script in which `mark` stands. */
function pidOf(session: RuntimeSession, mark: string, butNot?: string): string | undefined {
  const { out } = docker("top", session.handle.name, "-eo", "pid,args");
  return out
    .split("\n")
    .find((line) => line.includes(mark) && (butNot === undefined || !line.includes(butNot)))
    ?.trim()
    .split(/\s+/)[0];
}

/** What keeps the lane open in the container. */
const lanePid = (session: RuntimeSession) => pidOf(session, "exec 3<>");
/** The shell that is ready for the next command. */
const readyPid = (session: RuntimeSession) => pidOf(session, "glue_x_name", "exec 3<>");

/** What lies in the lane's folder; which shell is ready stands there only once one has been. */
const left = (context: OpenContext) =>
  readdirSync(lane(context))
    .filter((name) => name !== "ready")
    .sort();

/** The commands that were started by execs of the engine's while `work` ran. */
async function execsDuring(session: RuntimeSession, work: () => Promise<void>): Promise<number> {
  // Apart from what opened the session.
  await Bun.sleep(100);
  const since = Date.now() / 1_000;
  await work();
  const until = Date.now() / 1_000;
  return execsOf(session.handle.name, since, until).length;
}

/** What the engine tells of execs in a container, between two times in seconds. */
function execsOf(container: string, since: number, until: number): string[] {
  const filter = ["--filter", `container=${container}`, "--filter", "event=exec_start"];
  const { out } = docker("events", "--since", since.toFixed(3), "--until", until.toFixed(3), ...filter);
  return out.split("\n").filter((line) => line.includes("exec_start"));
}

testNeeding(
  ["image:debian-git"],
  "commands of a container of this machine go by the lane, one after the other and at once",
  async () => {
    await withSession({}, async (session, context) => {
      const execs = await execsDuring(session, async () => {
        expect(await run(session, "echo out; echo err >&2; exit 7")).toMatchObject({
          exitCode: 7,
          out: "out\n",
          err: "err\n",
        });
        const many = await Promise.all(
          Array.from({ length: 40 }, (_, index) => run(session, `echo ${index}; exit ${index}`)),
        );
        expect(many.map(({ exitCode, out }) => `${exitCode} ${out}`)).toEqual(
          many.map((_, index) => `${index} ${index}\n`),
        );
      });
      // A machine that is too busy to take a request up within two seconds sends it the other way.
      expect(execs).toBeLessThan(5);
      expect(left(context)).toEqual(["next", "requests"]);
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "a container is prepared by its first process, and by the engine where that is not root's; it waits after a restart too",
  async () => {
    for (const user of ["root", "1000:1000"]) {
      const since = Date.now() / 1_000;
      await withSession({ options: { "docker.user": user }, context: { mode: "copy" } }, async (session) => {
        const { name } = session.handle;
        expect(execsOf(name, since, Date.now() / 1_000)).toHaveLength(user === "root" ? 0 : 1);
        docker("restart", "-t", "0", name);
        expect(await run(session, "echo here")).toMatchObject({ exitCode: 0, out: "here\n" });
      });
    }
  },
);

testNeeding(
  ["image:debian-git"],
  "by the lane a command finds the environment, the mask and the signals of an exec",
  async () => {
    const script =
      'env | grep -v GLUE_COMMAND | sort; umask; grep -E "^(Sig(Ign|Blk)|Cap|Groups|NoNewPrivs|Seccomp:)" /proc/self/status; ulimit -a';
    await withSession({}, async (session) => {
      const byLane = await run(session, script);
      const pid = lanePid(session);
      expect(pid).toBeDefined();
      process.kill(Number(pid), "SIGKILL");
      const byExec = await run(session, script);
      expect(byExec.out.length).toBeGreaterThan(200);
      expect(byLane.out).toBe(byExec.out);
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "where the lane is dead or stopped, a command goes by the engine and runs once",
  async () => {
    await withSession({}, async (session, context) => {
      const pid = Number(lanePid(session));
      process.kill(Number(readyPid(session)), "SIGKILL");
      process.kill(pid, "SIGSTOP");
      expect(await run(session, "echo once >>/tmp/once; cat /tmp/once")).toMatchObject({ exitCode: 0, out: "once\n" });
      process.kill(pid, "SIGCONT");
      // The request that it finds now was withdrawn.
      await Bun.sleep(300);
      expect(await run(session, "cat /tmp/once")).toMatchObject({ out: "once\n" });
      process.kill(Number(lanePid(session)), "SIGKILL");
      expect(await execsDuring(session, async () => void (await run(session, "true")))).toBe(1);
      expect(left(context)).toEqual(["next", "requests"]);
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "large output goes by the lane whole; a command with an input goes by the engine, and may open it by name",
  async () => {
    await withSession({}, async (session) => {
      const counted = "seq 1 2000000";
      const execs = await execsDuring(session, async () => {
        const { out } = await run(session, counted);
        expect(Bun.hash(out)).toBe(
          Bun.hash(Array.from({ length: 2_000_000 }, (_, index) => `${index + 1}\n`).join("")),
        );
      });
      expect(execs).toBeLessThan(2);
      const stdin = new TextEncoder().encode("input");
      expect(await run(session, "sleep 0.2; cat /dev/stdin", { stdin })).toMatchObject({ out: "input" });
      expect(await run(session, "cat /dev/stdin; echo more >/dev/stdout; echo no >/dev/stderr")).toMatchObject({
        out: "more\n",
        err: "no\n",
      });
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "a shell that waits is ready for the next command; where it is stopped or dead, the lane or the engine has the command, once",
  async () => {
    await withSession({}, async (session) => {
      const first = readyPid(session);
      expect(first).toBeDefined();
      const script = "echo $PPID; echo once >>/tmp/once; cat /tmp/once";
      expect(await run(session, script)).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^\d+\nonce\n$/) });
      await Bun.sleep(300);
      const second = readyPid(session);
      expect(second).toBeDefined();
      expect(second).not.toBe(first);
      process.kill(Number(second), "SIGKILL");
      const execs = await execsDuring(session, async () => {
        expect(await run(session, "rm /tmp/once; echo once >>/tmp/once; cat /tmp/once")).toMatchObject({
          out: "once\n",
        });
      });
      expect(execs).toBe(0);
    });
    await withSession({}, async (session) => {
      const ready = Number(readyPid(session));
      process.kill(ready, "SIGSTOP");
      expect(await run(session, "echo once >>/tmp/once; cat /tmp/once")).toMatchObject({ out: "once\n" });
      process.kill(ready, "SIGCONT");
      await Bun.sleep(300);
      expect(await run(session, "cat /tmp/once")).toMatchObject({ out: "once\n" });
    });
  },
);

testNeeding(["image:debian-git"], "what a killed caller leaves of the lane goes with the session", async () => {
  let folder = "";
  await withSession({}, async (_, context) => {
    folder = lane(context);
    expect(existsSync(folder)).toBe(true);
  });
  expect(existsSync(folder)).toBe(false);
});

testNeeding(["image:busybox"], "an image whose setsid cannot let go has no lane, and needs none", async () => {
  await withSession({ options: { "docker.image": IMAGES.busybox } }, async (session) => {
    expect(session.handle.data.lane).toBeUndefined();
    expect(await execsDuring(session, async () => void (await run(session, "true")))).toBe(1);
  });
});

testNeeding(
  ["image:debian-git"],
  "a container whose user is not root has no lane: whoever writes there would be root",
  async () => {
    await withSession({ options: { "docker.user": "1000:1000" } }, async (session) => {
      expect(session.handle.data.lane).toBeUndefined();
      expect((await run(session, "id -u; ls /var/lib/glue/lane 2>&1", { cwd: "/" })).out).toMatch(
        /^1000\n.*[Pp]ermission denied/,
      );
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "files and inputs that are read once go by the lane, and so does the end of everything, which leaves the lane",
  async () => {
    await withSession({ context: { mode: "copy" } }, async (session) => {
      const bytes = new Uint8Array(5_000_000).map((_, at) => (at * 7919) >> 3);
      const before = lanePid(session);
      const execs = await execsDuring(session, async () => {
        await session.workspace.write("a/file", bytes, { mode: 0o600 });
        expect(Bun.hash(await session.workspace.read("a/file"))).toBe(Bun.hash(bytes));
        const counted = await run(session, "wc -c; cat", { stdin: bytes, stdinOnce: true });
        expect(counted).toMatchObject({ exitCode: 0, out: `${bytes.length}\n` });
        // Who does not read its input does not hold anything up.
        expect(await run(session, "exit 3", { stdin: bytes, stdinOnce: true })).toMatchObject({ exitCode: 3 });
        await run(session, "setsid sleep 600 >/dev/null 2>&1 & :");
        await session.killAll();
        expect((await run(session, "grep -ls sleep /proc/[0-9]*/comm || echo none")).out).toBe("none\n");
      });
      expect(execs).toBe(0);
      expect(lanePid(session)).toBe(before);
    });
  },
);

testNeeding(
  ["image:debian-git"],
  "an input of the lane ends when it fails, and its command with it, not with what had come",
  async () => {
    await withSession({ context: { mode: "copy" } }, async (session) => {
      const broken = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("half\n"));
          controller.error(new Error("the source broke"));
        },
      });
      const failed = session.workspace.upload("file", broken, { size: 100 }).then(
        () => "written",
        (error: Error) => error.message,
      );
      expect(await failed).toBe("the source broke");
      expect(await session.workspace.stat("file")).toBeUndefined();
    });
  },
);
