/** The double leaves nothing of a test that was killed. */
import { expect } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runs, until } from "../support/glue.ts";
import { testWithDouble } from "./double.ts";

testWithDouble("sprites of a process that is killed end with it, and the next double removes their files", async () => {
  // Nobody else on this machine sleeps as long.
  const seconds = 1_000_000 + process.pid;
  const server = join(import.meta.dir, "../doubles/sprite/server.ts");
  const script = `
    const { startDouble } = await import(${JSON.stringify(server)});
    const double = startDouble();
    const body = JSON.stringify({ name: "orphan" });
    await fetch(double.url + "/v1/sprites", { method: "POST", body, headers: { authorization: "Bearer " + double.token } });
    await double.find("orphan").tool(["sh", "-c", "sleep ${seconds} >/dev/null 2>&1 &"]);
    const { readFileSync } = await import("node:fs");
    let inside = [];
    // What a shell has put into the background may not have begun.
    for (let tries = 0; inside.length === 0 && tries < 200; tries++) {
      await Bun.sleep(10);
      const list = [...new Bun.Glob("[0-9]*").scanSync({ cwd: "/proc", onlyFiles: false })];
      inside = list.filter((pid) => {
        try { return readFileSync("/proc/" + pid + "/cmdline", "latin1").startsWith("sleep\\0" + "${seconds}\\0"); } catch { return false; }
      });
    }
    console.log(JSON.stringify({ folder: double.env.FAKE_SPRITE_STATE, inside: inside.map(Number) }));
    await Bun.sleep(60_000);`;
  const start = async () => {
    const child = Bun.spawn([process.execPath, "-e", script], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    const { value } = await child.stdout.getReader().read();
    return { child, ...(JSON.parse(new TextDecoder().decode(value)) as { folder: string; inside: number[] }) };
  };
  const { child, folder, inside } = await start();
  expect(inside.length).toBeGreaterThan(0);
  child.kill("SIGKILL");
  await child.exited;
  await until("the sprite's processes are gone", () => !inside.some(runs));
  expect(existsSync(folder)).toBe(true);
  const next = await start();
  expect(existsSync(folder)).toBe(false);
  next.child.kill("SIGKILL");
  await next.child.exited;
  await until("the next one's are gone, too", () => !next.inside.some(runs));
  rmSync(next.folder, { recursive: true });
});
