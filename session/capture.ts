import { existsSync } from "node:fs";
import { isGlueError } from "../spec/glue-error.ts";
import { type CaptureRequest, type CaptureResult, capture } from "../workspace/capture.ts";
import { CAPTURE_FILES, type StorePlace } from "../workspace/capture-store.ts";
import type { CapturedUnits } from "../workspace/capture-units.ts";
import { savedSource } from "../workspace/farewell.ts";
import type { StagedBase } from "../workspace/snapshot-types.ts";
import { asPart, type CaptureGap, type CaptureHook, type CaptureReport, goneReport } from "./capture-hook.ts";
import { changeFolder } from "./change-folder.ts";
import { farewellFile } from "./farewell.ts";
import type { Home } from "./home.ts";
import type { Session, Surroundings } from "./session.ts";
import { stagedBase } from "./staged.ts";

/**
 * Brings the change of a session here. Never throws for what can be said in a report; only an interrupt and a bug pass through.
 * A sandbox is given up only when it is proven to be gone: whatever else fails, it is kept and the capture can be tried again.
 */
export const captureSession: CaptureHook = async (session, occasion) => {
  const at = new Date(session.now()).toISOString();
  const base = stagedBase(session.meta);
  if (base === undefined) {
    const message = "the tree was never brought in whole, so that no command ran on it; there is nothing to bring back";
    return gap("noBootstrapSha", message, at, true);
  }
  if (base.base === null) {
    const message = `neither this machine nor the sandbox has git; copy what you need with glue cp ${session.id}:/workspace/… .`;
    return gap("runtimeNotGit", message, at, false);
  }
  try {
    const { result, inner } = await bringBack(session, base);
    if (occasion !== "checkpoint") tell(session, result, inner);
    const changed = [result, ...inner.units.map((unit) => unit.result)].some(({ status }) => status === "captured");
    const units = inner.units.length === 0 ? {} : { units: inner.facts };
    return { status: changed ? "captured" : "nothing", at, mayRelease: true, facts: { ...factsOf(result), ...units } };
  } catch (error) {
    return unavailable(error, at, session);
  }
};

/** From the sandbox; from what was saved before it ended, where it is gone. */
async function bringBack(session: Session, base: StagedBase): Promise<{ result: CaptureResult; inner: Inner }> {
  try {
    const request = requestFor(session, session, base);
    const result = await capture(session.runtime, request);
    return { result, inner: base.units.length === 0 ? NO_UNITS : await capturedUnits(session, request) };
  } catch (error) {
    const file = farewellFile(session.folder);
    if (!isGlueError(error, "sandboxGone") || !existsSync(file)) throw error;
    const result = await capture(savedSource(file), requestFor(session, session, base));
    const paths = base.units.filter(({ staged }) => staged?.sandbox.gitDir).map(({ path }) => path);
    const lost = `What changed since the last checkpoint in repositories inside the tree is not in what was saved: ${paths.join(", ")}.`;
    return { result, inner: { ...NO_UNITS, warnings: paths.length === 0 ? [] : [lost] } };
  }
}

/** What a session is, as far as a capture asks. */
type Captured = Pick<Session, "id" | "folder" | "meta" | "options">;

export function requestFor(around: Surroundings, session: Captured, base: StagedBase): CaptureRequest {
  return {
    ...changePlace(around.home, session.id, session.folder.path, base),
    runtimeId: session.meta.runtime,
    sandboxId: session.meta.handle.id ?? session.meta.handle.name,
    capBytes: session.options.capture_cap_mb * 1_000_000,
    now: new Date(around.now()),
    progress: around.progress,
  };
}

interface Inner extends CapturedUnits {
  readonly facts: readonly Record<string, unknown>[];
}

const NO_UNITS: Inner = { units: [], warnings: [], facts: [] };

/** Loaded only where there are repositories inside the tree. */
async function capturedUnits(session: Session, request: CaptureRequest): Promise<Inner> {
  const { captureUnits, unitFacts } = await import("../workspace/capture-units.ts");
  const captured = await captureUnits(session.runtime, request);
  return { ...captured, facts: captured.units.map(unitFacts) };
}

/** What came back, where it is, and the command that lands it. */
function tell(session: Session, result: CaptureResult, inner: Inner): void {
  const { id, voice } = session;
  for (const warning of [...result.warnings, ...inner.warnings]) voice.warn(warning);
  if (result.status === "captured") tellChange(session, result);
  let changed = result.status === "captured";
  for (const { path, result: own } of inner.units) {
    if (own.status === "nothing") continue;
    changed = true;
    const { commits, files_changed, head_tree } = own.facts;
    voice.notice(
      `◆ ${path}: ${counted(commits, "commit")}, ${counted(files_changed, "file")} changed · tree ${head_tree}`,
    );
  }
  if (changed) voice.notice(`  glue session apply ${id}`);
  else voice.notice("◆ No change: the workspace is as it was when the session opened, so there is no patch.");
}

function tellChange({ voice, folder }: Session, result: CaptureResult & { status: "captured" }): void {
  const { commits, files_changed, head_tree, truncated, mbox_exact } = result.facts;
  voice.notice(`◆ ${counted(commits, "commit")}, ${counted(files_changed, "file")} changed · tree ${head_tree}`);
  if (truncated) {
    voice.warn(
      `The patch is larger than 50 MiB: ${folder.path}/${CAPTURE_FILES.truncated} is only its beginning. What lands it takes all of it.`,
    );
  } else {
    voice.notice(
      `  ${folder.path}/${CAPTURE_FILES.mbox}${mbox_exact ? "" : " (git am cannot make all of it; this can:)"}`,
    );
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** Where the change of a session is worked with on this machine. */
export function changePlace(home: Home, id: string, sessionDir: string, base: StagedBase): StorePlace {
  return { sessionDir, gitDir: changeFolder(home, id), base };
}

export function factsOf(result: CaptureResult): Record<string, unknown> {
  const { tree, bytes, warnings } = result;
  return result.status === "nothing"
    ? { tree, bytes, warnings }
    : { tree, bytes, warnings, head: result.head, refs: result.refs.length, ...result.facts };
}

function unavailable(error: unknown, at: string, session: Session): CaptureReport {
  if (!isGlueError(error) || error.code === "cancelled" || error.code === "internal") throw error;
  const what = asPart(error);
  switch (error.code) {
    case "sandboxGone":
      return goneReport(error, at);
    case "runtimeUnreachable":
    case "outcomeUnknown":
      return gap(
        "executorDead",
        `${what}; whether the sandbox lives is unknown, so it is kept: ${again(session)}`,
        at,
        false,
      );
    case "notSupported":
      return gap("notSupported", what, at, false);
    default:
      return gap("gitFailed", `${what}; the sandbox is kept: ${again(session)}`, at, false);
  }
}

function again(session: Session): string {
  return `glue session close ${session.id} tries again`;
}

function gap(reason: CaptureGap, message: string, at: string, mayRelease: boolean): CaptureReport {
  return { status: "unavailable", at, reason, message, mayRelease };
}
