// One side of a comparison: 100 MB of output of a command in a Modal sandbox. Arguments: how often; the sandbox's handle.
import type { SandboxHandle } from "../../runtimes/contract.ts";
import { createRuntime } from "../../runtimes/modal/index.ts";
import { resolveOptions } from "../../spec/resolve.ts";

const [count = "1", handle = ""] = process.argv.slice(2);
const { options } = await resolveOptions({ flags: { runtime: "modal" }, env: process.env, configPath: "none.yaml" });
const session = await createRuntime().attach(JSON.parse(handle) as SandboxHandle, options);

for (let left = Number(count); left > 0; left--) {
  const running = await session.executor.run({ argv: ["head", "-c", "100000000", "/dev/zero"] });
  let bytes = 0;
  for await (const piece of running.stdout) bytes += piece.length;
  const { exitCode } = await running.wait();
  if (exitCode !== 0 || bytes !== 100_000_000) throw new Error(`${exitCode}, ${bytes} bytes`);
}
await session.detach();
