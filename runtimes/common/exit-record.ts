/** What the launcher leaves in `<id>.exit`: the whole of it or nothing, since a line without its end mark is not there yet. */
import type { CommandResult } from "../contract.ts";

export interface ExitRecord {
  /** `cwd`: the folder to work in could not be entered, and the command was never started. */
  readonly how: "exit" | "signal" | "timeout" | "cancel" | "cwd";
  /** 0–255, as a shell reports it. */
  readonly code: number;
}

/** Undefined where the record is not written, or not whole, yet. */
export function parseExitRecord(text: string): ExitRecord | undefined {
  const match = /^(exit|signal|timeout|cancel|cwd) (\d{1,3}) \.\n?$/.exec(text);
  if (match === null) return undefined;
  return { how: match[1] as ExitRecord["how"], code: Number(match[2]) };
}

/** Whether the launcher's status leaves open how the command ended: 124, 125, and from 129 on it can be the command's own. */
export function needsRecord(status: number): boolean {
  return status === 124 || status === 125 || status > 128;
}

/** The result of a command whose record is known; `cwd` is none, so the caller deals with that first. */
export function resultOfRecord(record: ExitRecord): CommandResult {
  switch (record.how) {
    case "timeout":
      return { exitCode: 124, outcome: "timeout" };
    case "cancel":
      return { exitCode: record.code, outcome: "cancelled" };
    case "signal":
      return { exitCode: record.code, outcome: "signalled" };
    case "exit":
    case "cwd":
      return { exitCode: record.code, outcome: "exited" };
  }
}
