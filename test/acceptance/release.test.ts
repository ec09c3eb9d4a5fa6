import { expect } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json";
import { ROOT } from "../../scripts/build/compile.ts";
import { TARGETS } from "../../scripts/build/targets.ts";
import { missing, tempDir, testUnless } from "../support/needs.ts";

const tooLong = process.env.GLUE_TEST_FULL === "1" ? undefined : "takes minutes and fetches 400 MB; GLUE_TEST_FULL=1";

testUnless(
  tooLong,
  "every target is built, packed, and described as it was seen",
  async () => {
    const release = Bun.spawn([process.execPath, "scripts/release.ts"], {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "inherit"],
    });
    expect(await release.exited).toBe(0);
    const dist = join(ROOT, "dist");
    const manifest = JSON.parse(readFileSync(join(dist, "manifest.json"), "utf8"));
    expect(manifest.version).toBe(packageJson.version);
    expect(manifest.targets.map((row: { target: string }) => row.target)).toEqual(TARGETS.map((target) => target.name));
    const started = Object.fromEntries(
      manifest.targets.map((row: { target: string; started: string }) => [row.target, row.started]),
    );
    if (process.platform === "linux" && process.arch === "x64") expect(started["linux-x64"]).toBe("native");
    if (missing("qemu-arm64") === undefined) expect(started["linux-arm64"]).toBe("qemu-user");
    expect(started["windows-x64"]).toBe("not started");

    for (const line of readFileSync(join(dist, "SHA256SUMS"), "utf8").trim().split("\n")) {
      const [digest, archive = ""] = line.split("  ");
      const bytes = readFileSync(join(dist, archive));
      expect(createHash("sha256").update(bytes).digest("hex")).toBe(digest ?? "");
    }

    // What a user unpacks is the binary that was looked at, and can be executed.
    const dir = tempDir();
    const name = `glue-${packageJson.version}-linux-x64`;
    expect(Bun.spawnSync(["tar", "-xzf", join(dist, `${name}.tar.gz`), "-C", dir]).exitCode).toBe(0);
    const unpacked = readFileSync(join(dir, name, "glue"));
    const row = manifest.targets.find((candidate: { target: string }) => candidate.target === "linux-x64");
    expect(createHash("sha256").update(unpacked).digest("hex")).toBe(row.sha256);
    if (started["linux-x64"] === "native") {
      expect(Bun.spawnSync([join(dir, name, "glue"), "version"]).exitCode).toBe(0);
    }
  },
  20 * 60_000,
);
