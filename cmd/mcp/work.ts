import { join } from "node:path";
import type { CommandResult } from "../../runtimes/contract.ts";
import { findJob, killJob, readJob, waitJob } from "../../session/jobs.ts";
import type { Session, SessionCommand } from "../../session/session.ts";
import { Spool } from "./spool.ts";

export type Stream = "stdout" | "stderr";

/** What is known of a command. */
export interface WorkState {
  readonly running: boolean;
  /** Left out while it runs, and where nobody saw how it ended. */
  readonly result?: Pick<CommandResult, "exitCode" | "outcome"> & { readonly outputLost?: boolean };
  readonly stdout: number;
  readonly stderr: number;
}

/** A command that a tool started: a call that waits for it, and any later one, can read it and end it. */
export interface Work {
  readonly id: string;
  /** What was told of each stream already. Bytes. */
  readonly told: Record<Stream, number>;
  /** Resolves when it is over, after `ms`, or with an abort, whichever is first. */
  wait(ms: number, signal?: AbortSignal): Promise<WorkState>;
  read(stream: Stream, offset: number, length: number): Promise<Uint8Array>;
  kill(): Promise<WorkState>;
}

/** A command whose output this process takes. Its end is `outcomeUnknown` where nobody can say how it ended. */
export class OwnWork implements Work {
  readonly told = { stdout: 0, stderr: 0 };
  readonly id: string;
  readonly #spools: Record<Stream, Spool>;
  readonly #end: Promise<CommandResult>;
  readonly #stop = new AbortController();
  #result: CommandResult | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** `start` runs the command with the output going to the sink and the signal ending it. `folder` is there. */
  constructor(
    id: string,
    folder: string,
    start: (how: {
      signal: AbortSignal;
      sink: { write: (stream: Stream, bytes: Uint8Array) => undefined };
    }) => Promise<SessionCommand>,
  ) {
    this.id = id;
    this.#spools = {
      stdout: new Spool(join(folder, `${id}.stdout`)),
      stderr: new Spool(join(folder, `${id}.stderr`)),
    };
    const sink = {
      write: (stream: Stream, bytes: Uint8Array) => {
        this.#spools[stream].write(bytes);
        return undefined;
      },
    };
    this.#end = start({ signal: this.#stop.signal, sink }).then(async (running) => {
      const drain = async (stream: Stream) => {
        for await (const bytes of running[stream]) this.#spools[stream].write(bytes);
      };
      const [result] = await Promise.all([running.wait(), drain("stdout"), drain("stderr")]);
      running.carried({ stdout: this.#spools.stdout.size, stderr: this.#spools.stderr.size });
      this.#result = result;
      return result;
    });
    // Whoever asks next is told.
    this.#end.catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  async wait(ms: number, signal?: AbortSignal): Promise<WorkState> {
    await within(this.#end, ms, signal);
    if (this.#failure !== undefined) throw this.#failure.error;
    const { stdout, stderr } = this.#spools;
    return {
      running: this.#result === undefined,
      ...(this.#result === undefined ? {} : { result: this.#result }),
      stdout: stdout.size,
      stderr: stderr.size,
    };
  }

  async read(stream: Stream, offset: number, length: number): Promise<Uint8Array> {
    return this.#spools[stream].read(offset, length);
  }

  async kill(): Promise<WorkState> {
    this.#stop.abort();
    return await this.wait(KILL_MS);
  }

  close(): void {
    this.#spools.stdout.close();
    this.#spools.stderr.close();
  }
}

/** Longer than the grace between TERM and KILL. */
const KILL_MS = 15_000;

/** A job of the session. */
export class JobWork implements Work {
  readonly told = { stdout: 0, stderr: 0 };
  readonly id: string;
  readonly #session: Session;
  readonly #number: number;

  constructor(session: Session, number: number) {
    this.id = String(number);
    this.#session = session;
    this.#number = number;
  }

  async wait(ms: number, signal?: AbortSignal): Promise<WorkState> {
    if (ms > 0) await waitJob(this.#session, this.#number, { waitMs: ms, signal });
    return stateOf(await findJob(this.#session, this.#number));
  }

  async read(stream: Stream, offset: number, length: number): Promise<Uint8Array> {
    return await readJob(this.#session, this.#number, stream, { offset, length });
  }

  async kill(): Promise<WorkState> {
    await killJob(this.#session, this.#number);
    return await this.wait(0);
  }
}

function stateOf(job: Awaited<ReturnType<typeof findJob>>): WorkState {
  const { exitCode, outcome } = job;
  return {
    running: job.state === "running",
    ...(exitCode === undefined || outcome === undefined ? {} : { result: { exitCode, outcome } }),
    stdout: job.stdoutBytes ?? 0,
    stderr: job.stderrBytes ?? 0,
  };
}

/** Resolves when `promise` settles, after `ms`, or with an abort. */
export async function within(promise: Promise<unknown>, ms: number, signal?: AbortSignal): Promise<void> {
  const settled = promise.then(
    () => undefined,
    () => undefined,
  );
  let timer: Timer | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, ms));
  });
  const aborted = new Promise<void>((resolve) => {
    if (signal?.aborted) resolve();
    else signal?.addEventListener("abort", () => resolve(), { once: true });
  });
  try {
    await Promise.race([settled, late, aborted]);
  } finally {
    clearTimeout(timer);
  }
}
