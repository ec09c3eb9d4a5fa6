import type { GlueError } from "../spec/glue-error.ts";
import type { SessionMeta } from "./meta.ts";
import type { Session } from "./session.ts";

/** Why there is no capture, in the words of the message that is always shown. */
export type CaptureGap = "noBootstrapSha" | "gitFailed" | "executorDead" | "runtimeNotGit" | "notSupported";

/** How the change of a session came back, or that it did not. */
export interface CaptureReport {
  /** `nothing`: no change, or a session that works on the user's files directly. */
  readonly status: "nothing" | "captured" | "unavailable";
  /** ISO 8601. */
  readonly at: string;
  /** Only, and always, where it is `unavailable`; `message` says what happened and what to do. */
  readonly reason?: CaptureGap;
  readonly message?: string;
  /** Whether the sandbox may be released: everything in it is on this machine, or nothing of it can ever be had. */
  readonly mayRelease: boolean;
  /** The capture's own facts (commits, files changed, tree ids), plain JSON, kept in meta.json. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** What happens to the session when its change is wanted; a hook may take longer or less trouble by it. */
export type CaptureOccasion = "close" | "prune" | "checkpoint";

/** Brings the change of a session to this machine. The caller holds the session's lock. Throws only for a bug or an interrupt. */
export type CaptureHook = (session: Session, occasion: CaptureOccasion) => Promise<CaptureReport>;

/** Captures where there is something to capture; what that takes is loaded only then. */
export const capture: CaptureHook = async (session, occasion) => {
  if (session.meta.mode === "direct") {
    return { status: "nothing", at: new Date(session.now()).toISOString(), mayRelease: true };
  }
  const { captureSession } = await import("./capture.ts");
  return await captureSession(session, occasion);
};

/** The line that says what there is of a session whose sandbox is gone; undefined where there is nothing. */
export function checkpointLine({ id, checkpoint }: SessionMeta): string | undefined {
  if (checkpoint === undefined) return undefined;
  const what =
    checkpoint.status === "captured" ? `glue session recover ${id} makes the patch from it` : "nothing had changed";
  return `◆ The last checkpoint is of ${checkpoint.at}: ${what}.`;
}

/** The line that says that a capture is missing. */
export function captureGapLine({ reason, message }: { readonly reason?: string; readonly message?: string }): string {
  return `◆ Runtime workspace diff unavailable (${reason}): ${message}`;
}

/** The report of a sandbox that is gone for good, in the words of the runtime. `at` as in the report. */
export function goneReport(gone: GlueError, at: string): CaptureReport {
  const message = `${asPart(gone)}; end-of-session diff cannot be captured`;
  return { status: "unavailable", at, reason: "executorDead", message, mayRelease: true };
}

/** What an error says, with what to do about it, as a part of a sentence. */
export function asPart({ message, hint }: GlueError): string {
  return (hint === undefined ? message : `${message} ${hint}`).replace(/\.$/, "");
}

/** A report as meta.json keeps it. */
export function recordOf({ status, at, reason, message, facts }: CaptureReport): NonNullable<SessionMeta["capture"]> {
  return {
    status,
    at,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(facts === undefined ? {} : { facts: { ...facts } }),
  };
}
