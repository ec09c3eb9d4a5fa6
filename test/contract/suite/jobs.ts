import { expect } from "bun:test";
import { join } from "node:path";
import { newCommandId } from "../../../runtimes/common/command-id.ts";
import {
  type JobPlace,
  type JobRunOptions,
  jobFolder,
  killJob,
  lookAtJobs,
  outputFile,
  outputOfJob,
  startJob,
} from "../../../runtimes/common/jobs.ts";
import type { ByteStream, Command } from "../../../runtimes/contract.ts";
import { type Bench, GRACE_MS, type Place, uniqueSeconds, until } from "../bench.ts";

let jobs = 0;

function newPlace({ session }: Place): JobPlace {
  return { folder: jobFolder(session, `test ${++jobs}`), command: newCommandId("contract-job") };
}

async function started(place: Place, command: Command, options: JobRunOptions = {}): Promise<JobPlace> {
  const job = newPlace(place);
  await startJob(place.session, job, command, { graceMs: GRACE_MS, ...options });
  return job;
}

async function lookAt({ session }: Place, job: JobPlace, waitMs?: number) {
  const [look] = await lookAtJobs(session, [job], waitMs === undefined ? {} : { waitMs });
  if (look === undefined) throw new Error("no answer about the job");
  return look;
}

async function output({ session }: Place, job: JobPlace, options: Parameters<typeof outputOfJob>[2] = {}) {
  const { stdout, stderr, done } = await outputOfJob(session, job, options);
  const [out, err] = await Promise.all([bytesOf(stdout), bytesOf(stderr)]);
  await done;
  return { out, err, text: new TextDecoder().decode(out), errText: new TextDecoder().decode(err) };
}

const bytesOf = async (stream: ByteStream) => new Uint8Array(await new Response(stream).arrayBuffer());

/** Commands that outlive the call that started them. */
export function backgroundJobs(bench: Bench): void {
  const shows = (title: string, run: (place: Place) => Promise<void>) => bench.shows("background_jobs", title, run);

  bench.showsAlone(
    "background_jobs",
    "a job outlives the process that started it, and another one reads all of it, byte for byte",
    async () => {
      const place = await bench.shared();
      const { session, started: target } = place;
      const job = newPlace(place);
      const script =
        'i=0; while [ $i -lt 40 ]; do printf "%s\\000\\377\\n" "$i"; printf "e%s\\n" "$i" >&2; i=$((i+1)); sleep 0.05; done; exit 7';
      const start = { runtime: bench.target.runtime, set: target.set, handle: session.handle, place: job, script };
      const child = Bun.spawn(
        [process.execPath, join(import.meta.dir, "../programs/start-job.ts"), JSON.stringify(start)],
        { env: { ...process.env, ...target.env }, stdin: "ignore", stdout: "inherit", stderr: "inherit" },
      );
      expect(await child.exited).toBe(0);
      expect((await lookAt(place, job)).state).toBe("running");
      const { out, errText } = await output(place, job, { follow: true });
      const lines = Array.from({ length: 40 }, (_, i) => Buffer.from(`${i}\0\xff\n`, "latin1"));
      expect(Buffer.compare(Buffer.from(out), Buffer.concat(lines))).toBe(0);
      expect(errText).toBe(lines.map((_, i) => `e${i}\n`).join(""));
      const look = await lookAt(place, job);
      expect(look).toMatchObject({ state: "over", result: { exitCode: 7, outcome: "exited" } });
      expect([look.stdoutBytes, look.stderrBytes]).toEqual([out.length, errText.length]);
      const took = (look.endedAt?.getTime() ?? 0) - (look.startedAt?.getTime() ?? 0);
      expect(took).toBeGreaterThan(999);
      // The same again, from the first byte and from in between, after its end.
      expect((await output(place, job)).text.length).toBe(new TextDecoder().decode(out).length);
      expect((await output(place, job, { from: { stdout: out.length - 5, stderr: 3 } })).out).toEqual(out.slice(-5));
      const range = await session.workspace.read(outputFile(job, "stderr"), { offset: 3, length: 2 });
      expect(new TextDecoder().decode(range)).toBe("e1");
    },
  );

  shows("a job's output is followed while it runs, and its end is told to all who wait", async (place) => {
    const { workspace } = place.session;
    const job = await started(place, {
      script: "echo one; until [ -e go ]; do sleep 0.05; done; echo two",
      shell: "sh",
    });
    const waiting = [lookAt(place, job, 60_000), lookAt(place, job, 60_000)];
    expect((await lookAt(place, job, 100)).state).toBe("running");
    const { stdout, done } = await outputOfJob(place.session, job, { follow: true });
    const reader = stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("one\n");
    expect((await output(place, job)).text).toBe("one\n");
    await workspace.write("go", new Uint8Array());
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("two\n");
    expect((await reader.read()).done).toBe(true);
    await done;
    for (const look of await Promise.all(waiting))
      expect(look).toMatchObject({ state: "over", result: { exitCode: 0 } });
    await workspace.remove("go");
  });

  shows("killing a job ends its whole tree, also when two do it at once, and when it is over", async (place) => {
    const seconds = uniqueSeconds();
    const script = `sleep ${seconds} & sh -c 'sleep ${seconds}; :' & (setsid sh -c 'sleep ${seconds} & ' &) ; echo up; sleep ${seconds}`;
    const job = await started(place, { script, shell: "sh" });
    await until(async () => (await place.processes(seconds)) > 3);
    const kill = () => killJob(place.session, job, { graceMs: GRACE_MS });
    const both = await Promise.all([kill(), kill()]);
    for (const look of both) expect(look).toMatchObject({ state: "over", result: { outcome: "cancelled" } });
    expect(await place.processes(seconds)).toBe(0);
    expect((await output(place, job)).text).toBe("up\n");
    expect((await kill()).result?.outcome).toBe("cancelled");
  });

  shows("a job keeps its deadline by itself", async (place) => {
    const seconds = uniqueSeconds();
    const job = await started(
      place,
      { script: `trap '' TERM; echo so far; sleep ${seconds}; sleep ${seconds}`, shell: "sh" },
      { timeoutMs: 700 },
    );
    const look = await lookAt(place, job, 20_000);
    expect(look).toMatchObject({ state: "over", result: { exitCode: 124, outcome: "timeout" } });
    expect(await place.processes(seconds)).toBe(0);
    expect((await output(place, job)).text).toBe("so far\n");
  });

  shows(
    "a job finds its folder, its variables and its words as a command does, and stdin at its end",
    async (place) => {
      await place.session.workspace.makeDirectory("job here");
      const env = { PLAIN: "a 'b'\n$c", "npm.config": "dots", PATH: "/nowhere:/usr/bin:/bin" };
      const argv = [
        "sh",
        "-c",
        'pwd; echo "$PLAIN"; echo "$PATH"; cat; printf "%s|" "$@"',
        "sh",
        "a b",
        "",
        "*",
      ] as const;
      const job = await started(place, { argv: [...argv] }, { cwd: "job here", env });
      expect((await lookAt(place, job, 20_000)).result?.exitCode).toBe(0);
      expect((await output(place, job)).text).toBe(
        `${place.session.paths.workspace}/job here\na 'b'\n$c\n${env.PATH}\na b||*|`,
      );
      // A name that a shell would drop.
      const all = await started(place, { argv: ["env"] }, { env: { "npm.config": "dots" } });
      await lookAt(place, all, 20_000);
      expect((await output(place, all)).text).toContain("npm.config=dots\n");
      const none = await started(place, { argv: ["no-such-program"] });
      expect(await lookAt(place, none, 20_000)).toMatchObject({ state: "over", result: { exitCode: 127 } });
      await expect(started(place, { argv: ["true"] }, { cwd: "missing" })).rejects.toMatchObject({
        code: "cwdInvalid",
      });
    },
  );

  shows("a job heeds an interrupt, and a death by a signal is told", async (place) => {
    const job = await started(place, { script: "kill -s INT $$; echo alive", shell: "sh" });
    expect(await lookAt(place, job, 20_000)).toMatchObject({ result: { exitCode: 130, outcome: "signalled" } });
    expect((await output(place, job)).text).toBe("");
  });

  shows("twenty million bytes of a job arrive, none missing", async (place) => {
    const job = await started(place, { script: "head -c 20000000 /dev/zero; echo end >&2", shell: "sh" });
    const { out, errText } = await output(place, job, { follow: true });
    expect([out.length, out.every((byte) => byte === 0), errText]).toEqual([20_000_000, true, "end\n"]);
  });

  shows("where nobody saw how a job ended, no end is made up", async (place) => {
    const seconds = uniqueSeconds();
    const job = await started(place, { argv: ["sleep", seconds] });
    // What watches over the job dies with it, as in a loss of power.
    const script = 'read -r a b c d launcher rest <"$1" && kill -s KILL "$launcher" "$a"';
    await place.run({ argv: ["sh", "-c", script, "sh", `${job.folder}/${job.command}.pid`] });
    const look = await lookAt(place, job, 20_000);
    expect(look.state).toBe("lost");
    expect(look.result).toBeUndefined();
    expect((await lookAt(place, newPlace(place))).state).toBe("gone");
  });
}
