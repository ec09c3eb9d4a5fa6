import type { CommandExecutor, RuntimeSession, Workspace } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import type { Lock } from "./lock.ts";

/** How long somebody waits for a lock whose holder could do its work later. A capture takes less where nothing is wrong. Milliseconds. */
const PATIENCE_MS = 2_000;
const LOOK_MS = 100;

/** Runs out when another process has waited for `lock` for a while, or when `signal` aborts. */
export function untilWanted(lock: Lock, signal?: AbortSignal): { readonly over: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let since: number | undefined;
  const timer = setInterval(() => {
    if (since === undefined && lock.isWanted()) since = performance.now();
    if (since !== undefined && performance.now() - since >= PATIENCE_MS) abort();
  }, LOOK_MS);
  timer.unref();
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  return {
    over: controller.signal,
    stop() {
      clearInterval(timer);
      signal?.removeEventListener("abort", abort);
    },
  };
}

/**
 * The same sandbox, of which nothing is waited for any more once `over` aborts: every call that is under way or to come is then `cancelled`. What
 * it had begun in the sandbox may go on there, as it does when the process that asked for it dies.
 */
export function unwaited<Ports extends Pick<RuntimeSession, "executor" | "workspace">>(
  runtime: Ports,
  over: AbortSignal,
): Ports {
  const wait = <T>(call: () => Promise<T>): Promise<T> => {
    if (over.aborted) return Promise.reject(givenUp());
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(givenUp());
      over.addEventListener("abort", giveUp, { once: true });
      call()
        .then(resolve, reject)
        .finally(() => over.removeEventListener("abort", giveUp));
    });
  };
  const { executor, workspace } = runtime;
  const commands: CommandExecutor = {
    ...(executor.shell === undefined ? {} : { shell: executor.shell }),
    async run(command, options) {
      const running = await wait(() => executor.run(command, options));
      return {
        id: running.id,
        stdout: unwaitedStream(running.stdout, wait),
        stderr: unwaitedStream(running.stderr, wait),
        wait: () => wait(() => running.wait()),
        kill: () => wait(() => running.kill()),
        resize: (size) => wait(() => running.resize(size)),
      };
    },
  };
  const files: Workspace = {
    pieceBytes: workspace.pieceBytes,
    read: (...words) => wait(() => workspace.read(...words)),
    write: (...words) => wait(() => workspace.write(...words)),
    download: async (...words) => unwaitedStream(await wait(() => workspace.download(...words)), wait),
    upload: (...words) => wait(() => workspace.upload(...words)),
    list: (...words) => wait(() => workspace.list(...words)),
    stat: (...words) => wait(() => workspace.stat(...words)),
    makeDirectory: (...words) => wait(() => workspace.makeDirectory(...words)),
    remove: (...words) => wait(() => workspace.remove(...words)),
    move: (...words) => wait(() => workspace.move(...words)),
  };
  return new Proxy(runtime, {
    get(target, name) {
      if (name === "executor") return commands;
      if (name === "workspace") return files;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function unwaitedStream(
  stream: ReadableStream<Uint8Array>,
  wait: <T>(call: () => Promise<T>) => Promise<T>,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await wait(() => reader.read());
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

function givenUp(): GlueError {
  return new GlueError("cancelled", "The change was not saved: another process wanted the session.");
}
