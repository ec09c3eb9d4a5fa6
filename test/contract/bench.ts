/** A target with a session opened on it, and what tests do there. */
import { mkdirSync } from "node:fs";
import type {
  Capability,
  Command,
  CommandResult,
  OpenContext,
  Options,
  RunningCommand,
  RunOptions,
  RuntimeSession,
} from "../../runtimes/contract.ts";
import { loadRuntime } from "../../runtimes/factory.ts";
import { resolveOptions } from "../../spec/resolve.ts";
import { missing, tempDir, testUnless } from "../support/needs.ts";
import { report } from "./report.ts";
import type { ContractTarget, StartedTarget } from "./target.ts";

export interface Ended extends CommandResult {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** The same as text. */
  readonly out: string;
  readonly err: string;
  readonly ms: number;
}

/** An opened session. */
export interface Place {
  readonly session: RuntimeSession;
  readonly options: Options;
  readonly started: StartedTarget;
  /** The folder on this machine that a `direct` session works on. */
  readonly tree: string;
  /** Starts a command. */
  start(command: Command, options?: RunOptions): Promise<RunningCommand>;
  /** Runs a command to its end and takes all of its output. */
  run(command: Command, options?: RunOptions): Promise<Ended>;
  /** How many processes in the sandbox, zombies left out, have `text` in their command line. */
  processes(text: string): Promise<number>;
}

/** How long between TERM and KILL in these tests. */
export const GRACE_MS = 500;

let sessions = 0;

export class Bench {
  readonly target: ContractTarget;
  readonly #places: Place[] = [];
  #started: Promise<StartedTarget> | undefined;
  #shared: Promise<Place> | undefined;

  constructor(target: ContractTarget) {
    this.target = target;
  }

  /** Registers a test that shows `capability`, in the session that the tests of this target share. */
  shows(capability: Capability, title: string, run: (place: Place) => Promise<void>, timeoutMs = 120_000): void {
    this.showsAlone(capability, title, async () => run(await this.shared()), timeoutMs);
  }

  /** Registers a test that shows `capability` and opens what it needs itself. */
  showsAlone(
    capability: Capability,
    title: string,
    run: () => Promise<void>,
    timeoutMs = 120_000,
    reason: string | undefined = undefined,
  ): void {
    const { runtime, needs } = this.target;
    const lacking = reason ?? needs.map(missing).find((why) => why !== undefined);
    const body = async () => {
      const { against } = await this.started();
      report({ runtime, capability, title, against, event: "started" });
      await run();
      report({ runtime, capability, title, against, event: "passed" });
    };
    testUnless(lacking, title, body, timeoutMs);
  }

  started(): Promise<StartedTarget> {
    this.#started ??= this.target.start();
    return this.#started;
  }

  shared(): Promise<Place> {
    this.#shared ??= this.open();
    return this.#shared;
  }

  /** A session of its own, with these options besides the target's; closed at the end of the file. */
  async open(set: Readonly<Record<string, string>> = {}): Promise<Place> {
    const started = await this.started();
    const { runtime: id } = this.target;
    const { options } = await resolveOptions({
      flags: { runtime: id, kill_grace_seconds: String(GRACE_MS / 1000), ...started.set, ...set },
      env: started.env,
      configPath: `${tempDir()}/none.yaml`,
    });
    const context = openContext(started.mode);
    const runtime = await loadRuntime(id);
    const session = await runtime.open(options, context);
    const place = placeOf(session, options, started, context.tree.top);
    this.#places.push(place);
    return place;
  }

  /** Closes every session and what the target started. */
  async close(): Promise<void> {
    for (const { session } of this.#places.splice(0)) {
      await session.killAll();
      await session.close();
    }
    await (await this.#started)?.stop();
  }
}

function openContext(mode: "direct" | "copy"): OpenContext {
  const sessionId = `contract-${process.pid.toString(36)}-${(++sessions).toString(36)}`;
  const sessionDir = `${tempDir()}/${sessionId}`;
  mkdirSync(sessionDir, { mode: 0o700 });
  const top = tempDir();
  return {
    sessionId,
    owner: { kind: "process", host: "contract", boot: "contract", pid: process.pid, pidStart: "0" },
    tree: { top, subfolder: "", outsideGitDirs: [] },
    mode,
    sessionDir,
    progress: () => undefined,
  };
}

function placeOf(session: RuntimeSession, options: Options, started: StartedTarget, tree: string): Place {
  const start = (command: Command, run: RunOptions = {}) =>
    session.executor.run(command, { graceMs: GRACE_MS, ...run });
  const run = async (command: Command, runOptions?: RunOptions) => finish(await start(command, runOptions));
  const processes = async (text: string) => {
    const { out } = await run({ script: COUNT, shell: "sh" }, { env: { GLUE_TEST_NEEDLE: text } });
    return Number(out);
  };
  return { session, options, started, tree, start, run, processes };
}

/** The needle stands in the environment, because this script's own command line must not hold it. */
const COUNT = `n=0; for f in /proc/[0-9]*/cmdline; do
  case $(cat "$f" 2>/dev/null) in *"$GLUE_TEST_NEEDLE"*) n=$((n + 1)) ;; esac
done 2>/dev/null; echo $n`;

/** Takes all that a command writes, and its result. */
export async function finish(running: RunningCommand): Promise<Ended> {
  const began = performance.now();
  const [stdout, stderr, result] = await Promise.all([
    bytesOf(running.stdout),
    bytesOf(running.stderr),
    running.wait(),
  ]);
  const decoder = new TextDecoder();
  return {
    ...result,
    stdout,
    stderr,
    out: decoder.decode(stdout),
    err: decoder.decode(stderr),
    ms: performance.now() - began,
  };
}

export async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Waits until `holds`; fails when it does not within `ms`. */
export async function until(holds: () => Promise<boolean>, ms = 60_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`still not so after ${ms} ms`);
    await Bun.sleep(50);
  }
}

/** A number that no other test gives to `sleep`, so that its processes can be told. */
export function uniqueSeconds(): string {
  return String(900_000_000 + Math.floor(Math.random() * 99_999_999));
}
