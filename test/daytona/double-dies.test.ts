/** The double leaves no process of a test that was killed. */
import { expect } from "bun:test";
import { join } from "node:path";
import { runs, until } from "../support/glue.ts";
import { testWithDouble } from "./double.ts";

testWithDouble("sandboxes of a process that is killed end with it, with all that runs in them", async () => {
  const at = (path: string) => JSON.stringify(join(import.meta.dir, path));
  const script = `
    const { startDouble } = await import(${at("../doubles/daytona/server.ts")});
    const { openOn } = await import(${at("support.ts")});
    const double = startDouble();
    const session = await openOn(double);
    const running = await session.executor.run({ script: "sleep 4321 & wait" });
    const pids = () => Bun.spawnSync(["pgrep", "-x", "-f", "sleep 4321"]).stdout.toString().trim();
    while (pids() === "") await Bun.sleep(20);
    const [sandbox] = double.sandboxes();
    console.log(JSON.stringify({ folder: sandbox.rootFolder, inside: pids().split("\\n").map(Number) }));
    await running.wait();`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  const { folder, inside } = JSON.parse(new TextDecoder().decode(value)) as { folder: string; inside: number[] };
  expect(inside.length).toBeGreaterThan(0);
  child.kill("SIGKILL");
  await child.exited;
  await until("the sandbox's processes are gone", () => !inside.some(runs));
  // The kernel lets go of the mounts with the last process; what is left are files of this test alone.
  Bun.spawnSync(["rm", "-rf", "--one-file-system", join(folder, "../..")]);
});
