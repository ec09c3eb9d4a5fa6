// Attaches to a session and runs one command in it, its stdout to ours. The tests kill this process to see what outlives it.
import { writeSync } from "node:fs";
import type { RuntimeId, SandboxHandle } from "../../../runtimes/contract.ts";
import { loadRuntime } from "../../../runtimes/factory.ts";
import { resolveOptions } from "../../../spec/resolve.ts";

interface Job {
  readonly runtime: RuntimeId;
  readonly set: Record<string, string>;
  readonly handle: SandboxHandle;
  readonly argv: [string, ...string[]];
  readonly timeoutMs: number;
  readonly graceMs: number;
}

const job = JSON.parse(process.argv[2] ?? "") as Job;
const flags = { runtime: job.runtime, ...job.set };
const { options } = await resolveOptions({ flags, env: process.env, configPath: "/nonexistent/glue.yaml" });
const session = await (await loadRuntime(job.runtime)).attach(job.handle, options);
const { timeoutMs, graceMs } = job;
const running = await session.executor.run({ argv: job.argv }, { timeoutMs, graceMs });
for await (const chunk of running.stdout) writeSync(1, chunk);
const result = await running.wait();
process.exitCode = result.exitCode;
await session.detach();
