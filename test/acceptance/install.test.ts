import { expect } from "bun:test";
import { gluePath, IMAGES, testNeeding } from "../support/needs.ts";

testNeeding(
  ["built-binary", "image:debian-nogit", "linux"],
  "the binary alone works in a root without Node, Bun or git",
  () => {
    const inside =
      "! command -v node && ! command -v bun && ! command -v git && glue version && glue run -r host -- echo works";
    const mount = `${gluePath()}:/usr/local/bin/glue:ro`;
    const run = Bun.spawnSync([
      "docker",
      "run",
      "--rm",
      "-v",
      mount,
      "-w",
      "/tmp",
      IMAGES["debian-nogit"],
      "sh",
      "-c",
      inside,
    ]);
    expect(run.stderr.toString()).toBe("");
    expect(run.stdout.toString()).toMatch(/^glue \d+\.\d+\.\d+ \(.*\)\nworks\n$/);
    expect(run.exitCode).toBe(0);
  },
);
