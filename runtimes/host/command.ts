/** A command that runs on the host. */
import { existsSync, readFileSync } from "node:fs";
import { needsRecord, parseExitRecord, resultOfRecord } from "../common/exit-record.ts";
import { type ByteStream, type CommandResult, GlueError, type RunningCommand } from "../contract.ts";
import { endTree } from "./end-tree.ts";
import { LAUNCHER_FILES, removeRecords } from "./records.ts";
import type { Child } from "./spawn.ts";

export interface HostCommandFacts {
  readonly id: string;
  readonly spool: string;
  readonly graceMs: number;
  /** Set where the launcher runs the command, because a deadline has to be kept; a timer of ours stands behind it. */
  readonly timeoutMs: number | undefined;
  /** Whether the launcher runs the command; else the child is the command itself. */
  readonly launched: boolean;
  /** Whether its script is in a file of the spool. */
  readonly staged: boolean;
}

/** How much later than the launcher's watchdog ours acts: only a missing `sleep` or a killed watchdog gets that far. */
const SECOND_WATCHDOG_MS = 1000;

export class HostCommand implements RunningCommand {
  readonly id: string;
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  readonly #child: Child;
  readonly #facts: HostCommandFacts;
  readonly #result: Promise<CommandResult>;
  #over = false;
  /** Why we ended it, once we began to. */
  #reason: "cancelled" | "timeout" | undefined;
  #ending: Promise<void> | undefined;

  constructor(child: Child, facts: HostCommandFacts, signal: AbortSignal | undefined) {
    this.id = facts.id;
    this.stdout = child.stdout;
    this.stderr = child.stderr;
    this.#child = child;
    this.#facts = facts;
    this.#result = this.#settle(signal);
    // A caller may never ask; whoever does ask gets the rejection.
    this.#result.catch(() => undefined);
  }

  wait(): Promise<CommandResult> {
    return this.#result;
  }

  kill(): Promise<void> {
    return this.#end("cancelled");
  }

  async resize(size: { columns: number; rows: number }): Promise<void> {
    this.#child.resize(size.columns, size.rows);
  }

  #end(reason: "cancelled" | "timeout"): Promise<void> {
    if (!this.#over) this.#reason ??= reason;
    this.#ending ??= this.#endTree();
    return this.#ending;
  }

  async #endTree(): Promise<void> {
    const { spool, graceMs } = this.#facts;
    await endTree("kill", this.id, spool, graceMs);
    if (this.#over) this.#forget();
  }

  #forget(): void {
    const { launched, staged, spool } = this.#facts;
    // The usual command leaves its record and nothing else, and looking for more takes time.
    const more = launched || staged || this.#ending !== undefined || this.#child.killed();
    removeRecords(spool, this.id, this.#child.pid, more ? LAUNCHER_FILES : []);
  }

  async #settle(signal: AbortSignal | undefined): Promise<CommandResult> {
    const { timeoutMs, spool } = this.#facts;
    // A failure to end the tree is told by `wait`, below.
    const onAbort = (): void => void this.#end("cancelled").catch(() => undefined);
    signal?.addEventListener("abort", onAbort);
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            if (!existsSync(`${spool}/${this.id}.timeout`)) void this.#end("timeout").catch(() => undefined);
          }, timeoutMs + SECOND_WATCHDOG_MS);
    let unfed: unknown;
    this.#child.fed.catch((error: unknown) => {
      unfed = error;
      void this.#end("cancelled").catch(() => undefined);
    });
    try {
      const code = await this.#child.exited;
      this.#over = true;
      // Cancelled or late, the result comes when nothing of the tree is left.
      await this.#ending;
      if (unfed !== undefined) throw unfed;
      return this.#resultOf(code);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      this.#forget();
    }
  }

  #resultOf(code: number): CommandResult {
    if (this.#reason === "timeout") return { exitCode: 124, outcome: "timeout" };
    if (this.#reason === "cancelled") return { exitCode: code, outcome: "cancelled" };
    const { spool, launched } = this.#facts;
    if (!launched) {
      if (!this.#child.killed()) return { exitCode: code, outcome: "exited" };
      // Another glue process may have ended it.
      const cancelled = existsSync(`${spool}/${this.id}.cancel`);
      return { exitCode: code, outcome: cancelled ? "cancelled" : "signalled" };
    }
    if (!this.#child.killed() && !needsRecord(code)) return { exitCode: code, outcome: "exited" };
    const record = this.#record();
    if (record === undefined && code === 125) {
      throw new GlueError("startFailed", `The command was not started: the launcher cannot write to ${spool}`);
    }
    if (record === undefined) {
      throw new GlueError("outcomeUnknown", "The command's launcher was killed: nobody saw how the command ended.", {
        hint: `Its process may still be running, with GLUE_COMMAND=${this.id} in its environment.`,
      });
    }
    return resultOfRecord(record);
  }

  #record(): ReturnType<typeof parseExitRecord> {
    try {
      return parseExitRecord(readFileSync(`${this.#facts.spool}/${this.id}.exit`, "utf8"));
    } catch {
      return undefined; // not written
    }
  }
}
