import type { Owner } from "../runtimes/contract.ts";
import { bootId, machineId, processState } from "./machine.ts";

/** Whether the process behind an `Owner` still runs. `unknown` is an answer: nothing may be done to what it owns. */
export interface Liveness {
  readonly state: "alive" | "dead" | "unknown";
  /** Why nothing can be said, or how the death is known: half a sentence for people. */
  readonly why: string;
}

/** What is asked of the machine; given by tests to stage a reboot, a cloned machine or a reused pid. */
export interface MachineFacts {
  readonly host: string;
  readonly boot: string;
  /** The start time of a process in the platform's own unit; "gone" when there is none, undefined when it cannot be told. */
  readonly startOf: (pid: number) => string | "gone" | undefined;
}

/** The facts of this machine. `home` is where an id is kept on a machine that has none of its own. */
export function machineFacts(home: string): MachineFacts {
  return { host: machineId(home), boot: bootId(), startOf: processState };
}

/** This process as an owner. */
export function currentOwner(kind: Owner["kind"], facts: MachineFacts): Owner {
  return {
    kind,
    host: facts.host,
    boot: facts.boot,
    pid: process.pid,
    pidStart: facts.startOf(process.pid) ?? "unknown",
  };
}

/** Tells a live owner from a dead one; a pid counts only together with machine, boot and start time. */
export function isAlive(owner: Owner, facts: MachineFacts): Liveness {
  if (owner.host !== facts.host) return { state: "unknown", why: "it belongs to another machine" };
  if (owner.boot !== facts.boot) {
    return { state: "unknown", why: "it belongs to another boot or another container of this machine" };
  }
  const start = facts.startOf(owner.pid);
  if (start === "gone") return { state: "dead", why: `process ${owner.pid} is gone` };
  if (start === undefined || owner.pidStart === "unknown") {
    return { state: "unknown", why: `the start time of process ${owner.pid} cannot be read` };
  }
  if (start !== owner.pidStart) return { state: "dead", why: `pid ${owner.pid} is another process by now` };
  return { state: "alive", why: `process ${owner.pid} runs` };
}
