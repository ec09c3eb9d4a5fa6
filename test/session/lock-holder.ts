/** A process of the lock tests: takes the lock at argv[2] again and again, and counts in the file at argv[3] what it alone may count. */
import { readFileSync, writeFileSync } from "node:fs";
import { takeLock } from "../../session/lock.ts";
import { machineFacts } from "../../session/owner.ts";

const [, , path = "", counter = "", rounds = "1", ending = "release"] = process.argv;
const facts = machineFacts("/nonexistent");
for (let round = 0; round < Number(rounds); round++) {
  const lock = await takeLock({ path, doing: "counting", facts, waitMs: 60_000 });
  const before = Number(readFileSync(counter, "utf8"));
  // Long enough for another holder, if there could be one, to read the same number.
  await Bun.sleep(Math.random() * 3);
  writeFileSync(counter, String(before + 1));
  // A crash in the middle: the kernel has to give the lock to the next.
  if (ending === "crash" && round === Number(rounds) - 1) process.kill(process.pid, "SIGKILL");
  lock.release();
}
