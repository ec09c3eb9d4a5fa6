import { expect } from "bun:test";
import { join } from "node:path";
import { type Bench, finish, type Place, uniqueSeconds, until } from "../bench.ts";

/** A tree: a child, a grandchild, one with a session of its own, and one that was daemonised by a double fork. */
function tree(seconds: string): string {
  return `echo before; sleep ${seconds} & sh -c 'sleep ${seconds}; :' & setsid sleep ${seconds} & (setsid sh -c 'sleep ${seconds} & ' &) ; sleep ${seconds}; echo after`;
}

/** Commands that have to end. */
export function killing(bench: Bench): void {
  const shows = (title: string, run: (place: Place) => Promise<void>) => bench.shows("command_capture", title, run);

  shows("a timeout ends the whole tree, on time, and keeps the output so far", async ({ start, processes }) => {
    const seconds = uniqueSeconds();
    const running = await start({ argv: ["sh", "-c", tree(seconds)] }, { timeoutMs: 1000 });
    const ended = await finish(running);
    expect(ended).toMatchObject({ exitCode: 124, outcome: "timeout", out: "before\n", err: "" });
    expect(ended.ms).toBeLessThan(30_000);
    expect(await processes(seconds)).toBe(0);
  });

  shows("a timeout ends what does not heed TERM, once the grace is over", async ({ start, processes }) => {
    const seconds = uniqueSeconds();
    const script = `trap '' TERM; sleep ${seconds} & while :; do sleep ${seconds}; done`;
    const ended = await finish(await start({ argv: ["sh", "-c", script] }, { timeoutMs: 500 }));
    expect(ended).toMatchObject({ exitCode: 124, outcome: "timeout" });
    expect(await processes(seconds)).toBe(0);
  });

  shows("a command that ends before its deadline has no part in it", async ({ run }) => {
    const ended = await run({ argv: ["sh", "-c", "echo quick; exit 3"] }, { timeoutMs: 60_000 });
    expect(ended).toMatchObject({ exitCode: 3, outcome: "exited", out: "quick\n" });
    expect(ended.ms).toBeLessThan(30_000);
    const killed = await run({ argv: ["sh", "-c", "kill -s KILL $$"] }, { timeoutMs: 60_000 });
    expect(killed).toMatchObject({ exitCode: 137, outcome: "signalled" });
    expect(await run({ argv: ["sh", "-c", "exit 124"] }, { timeoutMs: 60_000 })).toMatchObject({ outcome: "exited" });
  });

  shows("a cancelled command ends with its whole tree, and says so", async ({ start, processes }) => {
    const seconds = uniqueSeconds();
    const running = await start({ argv: ["sh", "-c", tree(seconds)] });
    const reader = running.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("before\n");
    await running.kill();
    expect(await processes(seconds)).toBe(0);
    expect((await running.wait()).outcome).toBe("cancelled");
    expect((await reader.read()).done).toBe(true);
  });

  shows("so does one whose signal is aborted, at any moment", async ({ start, processes }) => {
    const seconds = uniqueSeconds();
    for (const after of [0, 1, 20, 100]) {
      const abort = new AbortController();
      const starting = start({ argv: ["sh", "-c", tree(seconds)] }, { signal: abort.signal });
      setTimeout(() => abort.abort(), after);
      try {
        expect((await finish(await starting)).outcome).toBe("cancelled");
      } catch (error) {
        expect(error).toMatchObject({ code: "cancelled" });
      }
    }
    await expect(start({ argv: ["true"] }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
    await until(async () => (await processes(seconds)) === 0, 30_000);
  });

  shows("killing a command that is over, or twice, is no error", async ({ start }) => {
    const running = await start({ argv: ["sh", "-c", "exit 3"] });
    expect((await finish(running)).exitCode).toBe(3);
    await running.kill();
    const other = await start({ argv: ["sleep", uniqueSeconds()] });
    await Promise.all([other.kill(), other.kill()]);
    expect((await finish(other)).outcome).toBe("cancelled");
  });

  bench.showsAlone("command_capture", "the deadline holds when glue is killed", async () => {
    const { session, started, processes } = await bench.shared();
    const seconds = uniqueSeconds();
    const job = {
      runtime: bench.target.runtime,
      set: started.set,
      handle: session.handle,
      argv: ["sh", "-c", tree(seconds)],
      timeoutMs: 6000,
      graceMs: 500,
    };
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, "../programs/run-command.ts"), JSON.stringify(job)],
      {
        env: { ...process.env, ...started.env },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "inherit",
      },
    );
    const { value } = await child.stdout.getReader().read();
    expect(new TextDecoder().decode(value)).toBe("before\n");
    child.kill("SIGKILL");
    await child.exited;
    await until(async () => (await processes(seconds)) > 3, 30_000);
    await until(async () => (await processes(seconds)) === 0, 60_000);
  });

  bench.showsAlone("command_capture", "everything of a session can be ended, and nothing beside it", async () => {
    const [mine, other] = [await bench.open(), await bench.open()];
    const [seconds, others] = [uniqueSeconds(), uniqueSeconds()];
    const running = await mine.start({ argv: ["sh", "-c", tree(seconds)] });
    // Its result comes and goes; a child of its own stays.
    await mine.run({ argv: ["sh", "-c", `setsid sleep ${seconds} >/dev/null 2>&1 &`] });
    const beside = await other.start({ argv: ["sleep", others] });
    await until(async () => (await mine.processes(seconds)) > 4);
    await mine.session.killAll();
    expect(await mine.processes(seconds)).toBe(0);
    expect(await other.processes(others)).toBeGreaterThan(0);
    expect((await finish(running)).exitCode).not.toBe(0);
    await beside.kill();
  });
}
