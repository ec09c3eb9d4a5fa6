import type { Runtime } from "../contract.ts";
import { ModalRuntime } from "./runtime.ts";

export function createRuntime(): Runtime {
  return new ModalRuntime();
}
