// Attaches to a session, starts one job in it and ends: what the tests find afterwards has outlived it.

import { type JobPlace, startJob } from "../../../runtimes/common/jobs.ts";
import type { RuntimeId, SandboxHandle } from "../../../runtimes/contract.ts";
import { loadRuntime } from "../../../runtimes/factory.ts";
import { resolveOptions } from "../../../spec/resolve.ts";

interface Start {
  readonly runtime: RuntimeId;
  readonly set: Record<string, string>;
  readonly handle: SandboxHandle;
  readonly place: JobPlace;
  readonly script: string;
}

const { runtime, set, handle, place, script } = JSON.parse(process.argv[2] ?? "") as Start;
const { options } = await resolveOptions({
  flags: { runtime, ...set },
  env: process.env,
  configPath: "/nonexistent/glue.yaml",
});
const session = await (await loadRuntime(runtime)).attach(handle, options);
await startJob(session, place, { script, shell: "sh" });
await session.detach();
