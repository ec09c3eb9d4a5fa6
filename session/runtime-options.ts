import { RUNTIME_IDS, RUNTIMES, type RuntimeId } from "../spec/generated/capabilities.ts";
import type { OptionKey, Options } from "../spec/generated/options.ts";
import type { SessionMeta } from "./meta.ts";

/** The runtime that stands in for one where nothing listens: the option `<runtime>.fallback_to_<other>` allows it. */
export function fallbackOf(runtime: RuntimeId, options: Options): RuntimeId | undefined {
  return RUNTIME_IDS.find((other) => options[`${runtime}.fallback_to_${other}` as OptionKey] === true);
}

/**
 * Whether a session works on the user's files or on a copy, where the caller does not say: on a copy where the option
 * `<runtime>.workspace` says so, and wherever the runtime cannot reach folders of this machine.
 */
export function modeOf(runtime: RuntimeId, options: Options): "direct" | "copy" {
  if (options[`${runtime}.workspace` as OptionKey] === "copy") return "copy";
  const reaches = RUNTIMES.find((row) => row.id === runtime)?.capabilities.mount_host_paths;
  return reaches === "no" ? "copy" : "direct";
}

/** Whether the sandbox outlives its session: the option `<runtime>.delete_on_close` says so, or it was there before the session. */
export function keepsSandbox(
  { runtime, attached }: Pick<SessionMeta, "runtime" | "attached">,
  options: Options,
): boolean {
  return attached === true || options[`${runtime}.delete_on_close` as OptionKey] === false;
}
