import type { Runtime } from "../contract.ts";
import { DaytonaRuntime } from "./runtime.ts";

export function createRuntime(): Runtime {
  return new DaytonaRuntime();
}
