import type { Options, OwnedSandbox, SandboxHandle } from "../contract.ts";
import { readTags } from "./labels.ts";
import { nameOf } from "./place.ts";
import type { Sidecar } from "./sidecar.ts";

/** Every sandbox in the App that carries glue's tags. */
export async function listed(sidecar: Sidecar, options: Options): Promise<OwnedSandbox[]> {
  const params = { app: options["modal.app_name"], environment: options["modal.environment"] };
  const { sandboxes } = await sidecar.request("list the sandboxes", "list", params);
  const found: OwnedSandbox[] = [];
  for (const { sandbox, tags } of sandboxes as { sandbox: string; tags: Record<string, string> }[]) {
    const read = readTags(tags);
    if (read === undefined) continue;
    const { sessionId, owner, kept } = read;
    const data = { sessionId, ...(kept ? { kept: "true" } : {}) };
    const handle: SandboxHandle = { runtime: "modal", id: sandbox, name: nameOf(sessionId), data };
    found.push({ handle, sessionId, owner, state: "running" });
  }
  return found;
}
