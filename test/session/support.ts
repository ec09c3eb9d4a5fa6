import { join, resolve } from "node:path";
import type { Owner, RuntimeId } from "../../runtimes/contract.ts";
import { type Home, openHome } from "../../session/home.ts";
import { FORMAT_VERSION, GLUE_VERSION, type SessionMeta } from "../../session/meta.ts";
import type { MachineFacts } from "../../session/owner.ts";
import type { Surroundings } from "../../session/session.ts";
import { tempDir } from "../support/temp-dir.ts";

export const ROOT = resolve(import.meta.dir, "../..");

/** A home of its own for one test. */
export function freshHome(): Home {
  return openHome({ GLUE_HOME: join(tempDir(), "home") });
}

/** A machine whose processes are those in the table, by pid; all others are gone. */
export function machineWith(processes: Readonly<Record<number, string | undefined>> = {}): MachineFacts {
  return {
    host: "machine-a",
    boot: "boot-1",
    startOf: (pid) => (pid === process.pid ? "self" : pid in processes ? processes[pid] : "gone"),
  };
}

export function ownerOn(facts: MachineFacts, changes: Partial<Owner> = {}): Owner {
  return { kind: "process", host: facts.host, boot: facts.boot, pid: process.pid, pidStart: "self", ...changes };
}

/** What was said to people. */
export interface Said {
  readonly warnings: string[];
  readonly notices: string[];
}

export function surroundings(home: Home, changes: Partial<Surroundings> = {}): Surroundings & { said: Said } {
  const said: Said = { warnings: [], notices: [] };
  return {
    home,
    facts: machineWith(),
    voice: { warn: (line) => said.warnings.push(line), notice: (line) => said.notices.push(line) },
    progress: () => undefined,
    env: {},
    now: Date.now,
    ...changes,
    said,
  };
}

/** A record in working order. */
export function metaOf(id: string, changes: Partial<SessionMeta> = {}): SessionMeta {
  const at = "2026-11-22T10:00:00.000Z";
  const runtime: RuntimeId = "host";
  return {
    formatVersion: FORMAT_VERSION,
    glueVersion: GLUE_VERSION,
    id,
    state: "open",
    createdAt: at,
    stateAt: at,
    requestedRuntime: runtime,
    runtime,
    mode: "direct",
    owner: ownerOn(machineWith(), { kind: "open" }),
    tree: { top: "/nowhere", subfolder: "", outsideGitDirs: [] },
    options: { values: { runtime }, secrets: {} },
    handle: { runtime, name: `glue-${id}`, data: {} },
    ...changes,
  };
}
