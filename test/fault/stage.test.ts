import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { sh } from "../workspace/hand-stage.ts";
import { expectExact, makeCase, print, take } from "../workspace/snapshot-case.ts";

/** How many times; more for a long run. */
const KILLS = Number(process.env.GLUE_TEST_KILLS ?? 12);

test(`SIGKILL at ${KILLS} moments of snapshot and staging: the repository is intact, and the next snapshot is exact`, async () => {
  const of =
    makeCase(`git init -q -b main .; mkdir d; for n in $(seq 300); do seq $n >d/$n; done; head -c 3000000 /dev/urandom >big; git add .; git commit -qm first
    for n in $(seq 100); do echo changed >>d/$n; done; head -c 2000000 /dev/urandom >new; rm d/7`);
  let longest = 1_500;
  let whole = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    // Something is new each time, so that no snapshot is answered from the one before.
    of.here(`echo ${kill} >>d/1; head -c 100000 /dev/urandom >new-${kill}`);
    const before = print(of.user);
    const sessionDir = join(of.root, `killed-${kill}`);
    mkdirSync(sessionDir);
    // A cap makes every second one go in pieces.
    const cap = kill % 2 === 0 ? [] : ["1000000"];
    const args = [of.user, of.home, sessionDir, join(of.root, `box-${kill}`), ...cap];
    const startedAt = performance.now();
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "kill-stage.ts"), ...args], {
      env: of.env,
      stdout: "pipe",
      stderr: "inherit",
    });
    // The first runs to its end and tells how long that takes; the others are killed at moments spread over it.
    const timer = kill === 0 ? undefined : setTimeout(() => child.kill("SIGKILL"), (kill * longest) / KILLS);
    const said = await new Response(child.stdout).text();
    await child.exited;
    clearTimeout(timer);
    if (kill === 0) longest = performance.now() - startedAt;
    if (/^[0-9a-f]{40}\n$/.test(said)) whole++;
    expect(print(of.user)).toBe(before);
    expectExact(of, await take(of));
    sh(of.root, `rm -rf killed-${kill} box-${kill} session-*`);
  }
  expect(whole).toBeGreaterThan(0);
  expect(whole).toBeLessThan(KILLS);
}, 300_000);
