import { readFileSync } from "node:fs";

/** What asks glue to end: a signal, or the death of the process that started it. */
export type Interrupt = "SIGINT" | "SIGTERM" | "SIGHUP" | "parent died";

/** The one handler of this process for everything that asks it to end. */
export interface Interrupts {
  /** Aborted by the first interrupt; its reason is the `Interrupt`. What it stops, and what is still done after that, is the command's. */
  readonly signal: AbortSignal;
  /** Sets what a second interrupt, which ends glue at once, says before: what is left and how to get it. */
  whatIsLeft(lines: () => readonly string[]): void;
  /** Gives the signals back to the system. */
  dispose(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const PARENT_POLL_MS = 500;
/** Closer than this, two are one: timeout(1) signals its child and then the group that both are in, and so do starters of scripts. */
const ONE_MS = 200;

/**
 * Watches for Ctrl-C, SIGTERM, SIGHUP (the terminal was closed) and the death of the parent, which all mean the same. A second one ends the
 * process at once, by that signal, so that whoever waits for it sees how it ended. Started with SIGHUP ignored (nohup), glue is
 * meant to outlive terminal and parent, and does. `parent: false` is for a process whose parent does not stay; with `once` a second one
 * does nothing, for a process that nobody sits in front of.
 */
export function watchInterrupts(
  say: (line: string) => void,
  watch: { readonly parent?: boolean; readonly once?: boolean } = {},
): Interrupts {
  const controller = new AbortController();
  const handlers = new Map<NodeJS.Signals, () => void>();
  let left: () => readonly string[] = () => [];
  const dispose = () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
    handlers.clear();
    clearInterval(parentWatch);
  };
  let first = 0;
  const interrupted = (by: Interrupt) => {
    if (!controller.signal.aborted) {
      first = performance.now();
      controller.abort(by);
      return;
    }
    if (by === "parent died" || watch.once === true || performance.now() - first < ONE_MS) return;
    for (const line of left()) say(line);
    dispose();
    process.kill(process.pid, by);
  };
  const outlivesTerminal = isIgnored(HANGUP);
  for (const signal of SIGNALS) {
    if (signal === "SIGHUP" && outlivesTerminal) continue;
    const handler = () => interrupted(signal);
    handlers.set(signal, handler);
    process.on(signal, handler);
  }
  const parent = process.ppid;
  const parentWatch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(parentWatch);
    interrupted("parent died");
  }, PARENT_POLL_MS);
  // The watch is no reason to stay.
  parentWatch.unref();
  if (watch.parent === false || outlivesTerminal || parent <= 1) clearInterval(parentWatch);
  return {
    signal: controller.signal,
    whatIsLeft(lines) {
      left = lines;
    },
    dispose,
  };
}

const HANGUP = 1;

/** Whether this process was started with a signal ignored: `SigIgn` of proc_pid_status(5), a mask in which bit 0 is signal 1. */
function isIgnored(signal: number): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return mask !== undefined && (BigInt(`0x${mask}`) >> BigInt(signal - 1)) % 2n === 1n;
  } catch {
    // Without /proc nobody can tell; then it counts as it usually is.
    return false;
  }
}
