import type { Runtime } from "../contract.ts";
import { HostRuntime } from "./runtime.ts";

/** The adapter of the host; what the factory asks every adapter for. */
export function createRuntime(): Runtime {
  return new HostRuntime();
}
