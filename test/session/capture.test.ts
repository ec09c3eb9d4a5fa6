import { expect, test } from "bun:test";
import type { CommandExecutor } from "../../runtimes/contract.ts";
import { captureSession } from "../../session/capture.ts";
import { captureGapLine } from "../../session/capture-hook.ts";
import type { Session } from "../../session/session.ts";
import { sessionFolder } from "../../session/store.ts";
import { defaultOptions } from "../../spec/defaults.ts";
import { GlueError } from "../../spec/glue-error.ts";
import { tempDir } from "../support/temp-dir.ts";
import { handStage } from "../workspace/hand-stage.ts";
import { freshHome, metaOf, surroundings } from "./support.ts";

/** A staged session on a copy, whose sandbox answers every command with this. */
function sessionWith(run: CommandExecutor["run"], stage?: Record<string, unknown>): Session {
  const home = freshHome();
  const staged = handStage(tempDir(), "echo a >a; git add -A; git commit -qm start");
  const meta = metaOf("s1", { mode: "copy", stage: stage ?? { base: staged.base } });
  const runtime = { ...staged.sandbox, executor: { run } } as unknown as Session["runtime"];
  const folder = { ...sessionFolder(home, "s1"), path: staged.request.sessionDir };
  return { ...surroundings(home), id: "s1", folder, meta, options: defaultOptions(), runtime } as unknown as Session;
}

function failing(error: Error): CommandExecutor["run"] {
  return () => Promise.reject(error);
}

const MODAL =
  "modal sidecar is no longer reachable (sandbox may have auto-terminated on sandbox_timeout_seconds, or the python process exited)";

test.each([
  ["a sandbox that is gone", new GlueError("sandboxGone", MODAL), "executorDead", true],
  [
    "a sandbox that does not answer",
    new GlueError("runtimeUnreachable", "the service does not answer"),
    "executorDead",
    false,
  ],
  ["a lost connection", new GlueError("outcomeUnknown", "the connection broke"), "executorDead", false],
  ["a runtime that cannot", new GlueError("notSupported", "no commands here"), "notSupported", false],
  ["a transfer that broke", new GlueError("transferFailed", "half of it arrived"), "gitFailed", false],
  ["git that fails", new GlueError("gitFailed", "fatal: no"), "gitFailed", false],
] as const)(
  "%s is a report with a typed reason, and releases only what is proven gone",
  async (_, error, reason, mayRelease) => {
    const report = await captureSession(sessionWith(failing(error)), "close");
    expect(report).toMatchObject({ status: "unavailable", reason, mayRelease });
    expect(captureGapLine(report)).toStartWith(`◆ Runtime workspace diff unavailable (${reason}): ${error.message}`);
  },
);

test("the line for a sandbox that is gone is the one that users know", async () => {
  const report = await captureSession(sessionWith(failing(new GlueError("sandboxGone", `${MODAL}.`))), "close");
  expect(captureGapLine(report)).toBe(
    `◆ Runtime workspace diff unavailable (executorDead): ${MODAL}; end-of-session diff cannot be captured`,
  );
});

test("a session that was never staged has nothing to bring back; one without git anywhere is kept", async () => {
  const never = failing(new Error("must not be asked"));
  expect(await captureSession(sessionWith(never, {}), "close")).toMatchObject({
    reason: "noBootstrapSha",
    mayRelease: true,
  });
  const nowhere = sessionWith(never, { base: { version: 1, base: null } });
  expect(await captureSession(nowhere, "close")).toMatchObject({ reason: "runtimeNotGit", mayRelease: false });
});

test("an interrupt and a bug pass through", async () => {
  for (const error of [new GlueError("cancelled", "stopped"), new TypeError("a bug")]) {
    await expect(captureSession(sessionWith(failing(error)), "close")).rejects.toBe(error);
  }
});
