// One side of a comparison: does something in a Modal sandbox so often. Arguments: exec, output or upload; how often; the sandbox's handle.
import type { SandboxHandle } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/modal/index.ts";
import { resolveOptions } from "../../spec/resolve.ts";

const [what, count = "1", handle = ""] = process.argv.slice(2);
const { options } = await resolveOptions({ flags: { runtime: "modal" }, env: process.env, configPath: "none.yaml" });
const session = await createRuntime().attach(JSON.parse(handle) as SandboxHandle, options);
const content = new Uint8Array(25_000_000).fill(7);

async function once(): Promise<void> {
  if (what === "upload") {
    await session.workspace.write("/tmp/glue-bench", content);
    return;
  }
  const argv = what === "exec" ? (["true"] as const) : (["head", "-c", "100000000", "/dev/zero"] as const);
  const running = await session.executor.run({ argv: [...argv] });
  let bytes = 0;
  for await (const piece of running.stdout) bytes += piece.length;
  const { exitCode } = await running.wait();
  if (exitCode !== 0 || bytes !== (what === "exec" ? 0 : 100_000_000)) throw new Error(`${exitCode}, ${bytes} bytes`);
}

for (let left = Number(count); left > 0; left--) await once();
await session.detach();
