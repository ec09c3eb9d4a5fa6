import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { IMAGES, missing, tempDir, withTempDir } from "../support/needs.ts";

test("what every machine has is never missing", () => {
  expect(missing("git")).toBeUndefined();
});

test("an image is missing exactly when the engine does not know it", () => {
  if (missing("docker") !== undefined) {
    expect(missing("image:busybox")).toBe(missing("docker"));
    return;
  }
  const known = Bun.spawnSync(["docker", "image", "inspect", IMAGES.busybox]).exitCode === 0;
  expect(missing("image:busybox") === undefined).toBe(known);
});

test("temporary folders are new each time and one for a function goes with it", async () => {
  const first = tempDir();
  expect(tempDir()).not.toBe(first);
  const seen = await withTempDir((dir) => {
    expect(existsSync(dir)).toBe(true);
    return dir;
  });
  expect(existsSync(seen)).toBe(false);
  expect(existsSync(first)).toBe(true);
});
