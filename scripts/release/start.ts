import { existsSync } from "node:fs";
import { startCheck } from "../build/start-check.ts";
import { nativeTarget, type Target } from "../build/targets.ts";

const ARM64_LIBRARIES = "/usr/aarch64-linux-gnu";

/**
 * Starts a release binary where this machine can: natively, or arm64 Linux under QEMU's user emulation with the cross C library.
 * Returns how it was started, or undefined where it was not; throws when it starts and is wrong.
 */
export async function startIfPossible(target: Target, binary: string): Promise<"native" | "qemu-user" | undefined> {
  const launcher = launcherFor(target);
  if (launcher === undefined) return undefined;
  const problem = await startCheck(binary, target.name, launcher);
  if (problem !== undefined) throw new Error(problem);
  return launcher.length === 0 ? "native" : "qemu-user";
}

function launcherFor(target: Target): readonly string[] | undefined {
  if (target.name === nativeTarget()) return [];
  const qemu = Bun.which("qemu-aarch64-static") ?? Bun.which("qemu-aarch64");
  if (target.name === "linux-arm64" && process.platform === "linux" && qemu && existsSync(ARM64_LIBRARIES)) {
    return [qemu, "-L", ARM64_LIBRARIES];
  }
  return undefined;
}
