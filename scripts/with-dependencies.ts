// `bun scripts/with-dependencies.ts SCRIPT ARGS…`: installs the locked dependencies when they are missing or older than the lock file,
// then runs SCRIPT, so that every `bun run …` works in a fresh clone. Imports nothing that would have to be installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "..");
const marker = join(root, "node_modules", ".installed-for");

const wanted = createHash("sha256");
for (const file of ["package.json", "bun.lock"]) wanted.update(readFileSync(join(root, file)));
const stamp = wanted.digest("hex");

if (!existsSync(marker) || readFileSync(marker, "utf8") !== stamp) {
  // On stderr, so that a script's own stdout stays clean.
  const install = spawnSync(process.execPath, ["install", "--frozen-lockfile"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (install.status !== 0) process.exit(install.status ?? 1);
  writeFileSync(marker, stamp);
}

// Whichever bun started us runs the rest, also where none is on PATH; a Ctrl-C reaches the script, which ends as it sees fit.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => script.kill("SIGTERM"));
const script = Bun.spawn([process.execPath, ...process.argv.slice(2)], { stdio: ["inherit", "inherit", "inherit"] });
process.exit(await script.exited);
