/** Where adapters are chosen. Each is loaded when it is used: what a command does not need, it does not pay for at its start. */
import { GlueError, type Runtime, type RuntimeId } from "./contract.ts";

interface Adapter {
  createRuntime(): Runtime;
}

/** One line a runtime; one that is missing is planned and not in yet. */
const ADAPTERS: Readonly<Partial<Record<RuntimeId, () => Promise<Adapter>>>> = {
  host: () => import("./host/index.ts"),
  daytona: () => import("./daytona/index.ts"),
  docker: () => import("./docker/index.ts"),
  modal: () => import("./modal/index.ts"),
  sprites: () => import("./sprites/index.ts"),
};

/** The adapter of a runtime. `runtimeNotAvailable` for one that is not part of this version. */
export async function loadRuntime(id: RuntimeId): Promise<Runtime> {
  const load = ADAPTERS[id];
  if (load === undefined) {
    throw new GlueError("runtimeNotAvailable", `The runtime ${id} is not part of this version of glue.`, {
      hint: "Choose another runtime; glue capabilities lists them.",
    });
  }
  return (await load()).createRuntime();
}
