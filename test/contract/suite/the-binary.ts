import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { gluePath, missing, tempDir } from "../../support/needs.ts";
import { type Bench, bytesOf, uniqueSeconds, until } from "../bench.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** How a command is given to the binary: in a session of its own, or in one that stays, from another process each time. */
type Way = "run" | "exec";

/** The same promises from outside: the built binary, by its command line. */
export function theBinary(bench: Bench): void {
  for (const way of ["run", "exec"] as const) theBinaryBy(bench, way);
}

function theBinaryBy(bench: Bench, way: Way): void {
  const tree = tempDir();
  const home = tempDir();
  let opened: Promise<string> | undefined;

  async function glue(
    words: readonly string[],
    more: { stdin?: Uint8Array; env?: Record<string, string> } = {},
  ): Promise<Ran> {
    const child = await startGlue(words, more);
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { code, out, err };
  }

  async function startGlue(words: readonly string[], more: { stdin?: Uint8Array; env?: Record<string, string> } = {}) {
    const first = way === "run" ? ["run", "-q", ...(await opening())] : ["exec", "-q", "-s", await session()];
    return await spawnGlue([...first, ...words], more);
  }

  async function opening(): Promise<string[]> {
    const { set } = await bench.started();
    const options = Object.entries({ kill_grace_seconds: "0.5", ...set });
    return ["-r", bench.target.runtime, ...options.flatMap(([key, value]) => ["--set", `${key}=${value}`])];
  }

  async function spawnGlue(words: readonly string[], more: { stdin?: Uint8Array; env?: Record<string, string> } = {}) {
    const { env } = await bench.started();
    return Bun.spawn([gluePath(), ...words], {
      cwd: tree,
      env: { PATH: process.env.PATH ?? "", HOME: home, GLUE_HOME: `${home}/.glue`, ...env, ...more.env },
      stdin: more.stdin ?? "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  }

  /** The id of the session that stays; opened with the first command. */
  function session(): Promise<string> {
    opened ??= (async () => {
      const child = await spawnGlue(["session", "start", "-q", ...(await opening())]);
      const [id, problem] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      if ((await child.exited) !== 0) throw new Error(`session start: ${problem}`);
      return id.trim();
    })();
    return opened;
  }

  const shows = (title: string, run: () => Promise<void>) =>
    bench.showsAlone("command_capture", `glue ${way}: ${title}`, run, 60_000, missing("built-binary"));

  shows("the status, stdout and stderr are the command's", async () => {
    const ran = await glue(["--", "sh", "-c", "echo out; echo err >&2; exit 3"]);
    expect(ran).toEqual({ code: 3, out: "out\n", err: "err\n" });
    expect((await glue(["--", "no-such-program-anywhere"])).code).toBe(127);
    expect((await glue(["--", "/"])).code).toBe(126);
    expect((await glue(["--", "sh", "-c", "kill -s TERM $$; sleep 5"])).code).toBe(143);
  });

  shows("bytes pass through as they are, in both directions", async () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
    const child = await startGlue(["--", "cat"], { stdin: bytes });
    const [out] = await Promise.all([bytesOf(child.stdout), child.exited]);
    expect(Buffer.from(out).equals(bytes)).toBe(true);
  });

  shows("a script, a variable, a folder and words of any kind arrive", async () => {
    expect(await glue(["-c", "set -e\ncat <<'E'\nit's $HOME\nE\nexit 5"])).toMatchObject({
      code: 5,
      out: "it's $HOME\n",
    });
    expect((await glue(["-e", "A=b, 'c'\nd", "--", "sh", "-c", 'printf %s "$A"'])).out).toBe("b, 'c'\nd");
    expect((await glue(["-e", "PASSED", "--", "sh", "-c", 'printf %s "$PASSED"'], { env: { PASSED: "on" } })).out).toBe(
      "on",
    );
    const words = ["", " ", "$HOME", "*", "new\nline", "--help", "-c"];
    const printed = await glue(["--", "sh", "-c", 'for w; do printf "[%s]" "$w"; done', "sh", ...words]);
    expect(printed.out).toBe(words.map((word) => `[${word}]`).join(""));
  });

  shows("stdin is forwarded to its end without a flag", async () => {
    expect((await glue(["--", "cat"], { stdin: new TextEncoder().encode("typed") })).out).toBe("typed");
    expect((await glue(["--", "cat"])).out).toBe("");
  });

  shows("a timeout is 124, with the output so far and nothing left running", async () => {
    const seconds = uniqueSeconds();
    const began = performance.now();
    const ran = await glue([
      "--timeout",
      "1s",
      "--",
      "sh",
      "-c",
      `echo before; setsid sleep ${seconds} & sleep ${seconds}`,
    ]);
    expect([ran.code, ran.out]).toEqual([124, "before\n"]);
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(await processesHere(seconds)).toBe(0);
  });

  shows("an interrupt ends the command, and is 130", async () => {
    const seconds = uniqueSeconds();
    const child = await startGlue(["--", "sh", "-c", `echo started; sleep ${seconds}`]);
    await child.stdout.getReader().read();
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await processesHere(seconds)).toBe(0);
  });

  shows("a background child that holds stdout does not hold the result", async () => {
    const began = performance.now();
    const ran = await glue(["--", "sh", "-c", "sleep 120 & echo done; exit 4"]);
    expect(performance.now() - began).toBeLessThan(60_000);
    expect([ran.code, ran.out]).toEqual([4, "done\n"]);
  });

  shows("the deadline holds when glue is killed", async () => {
    const seconds = uniqueSeconds();
    const child = await startGlue([
      "--timeout",
      "3s",
      "--",
      "sh",
      "-c",
      `echo started; setsid sleep ${seconds} & sleep ${seconds}`,
    ]);
    await child.stdout.getReader().read();
    await until(async () => (await processesHere(seconds)) > 1);
    child.kill("SIGKILL");
    await child.exited;
    expect(await processesHere(seconds)).toBeGreaterThan(1);
    await until(async () => (await processesHere(seconds)) === 0, 60_000);
  });

  shows("the work is done on the folder given", async () => {
    const { mode } = await bench.started();
    writeFileSync(`${tree}/input`, "in");
    const script = "cat input 2>/dev/null; printf out >output";
    // An open session on a copy does not see what came to the folder since.
    expect((await glue(["--", "sh", "-c", script])).out).toBe(way === "exec" && mode === "copy" ? "" : "in");
    if (mode === "direct") expect(readFileSync(`${tree}/output`, "utf8")).toBe("out");
  });

  if (way === "run") return;
  shows("the session that served all of these is closed, and takes no more", async () => {
    const child = await spawnGlue(["session", "close", "-q", await session()]);
    expect([await child.exited, await child.stderr.text()]).toEqual([0, ""]);
    expect((await glue(["--", "true"])).code).toBe(125);
  });
}

/** Processes of this machine (a container's are among them) that have `text` in their command line, glue's own left out. */
async function processesHere(text: string): Promise<number> {
  let found = 0;
  for (const pid of new Bun.Glob("[0-9]*").scanSync({ cwd: "/proc", onlyFiles: false })) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith(`sleep\0${text}`)) found++;
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}
