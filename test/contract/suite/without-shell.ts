import { expect } from "bun:test";
import { IMAGES, missing } from "../../support/needs.ts";
import type { Bench } from "../bench.ts";

/** An image that cannot be a sandbox is said to be one, by name. */
export function withoutShell(bench: Bench): void {
  if (bench.target.id !== "docker-debian-git") return;
  bench.showsAlone(
    "command_capture",
    "an image without sh is refused by name, and nothing of it stays",
    async () => {
      const containers = () =>
        Bun.spawnSync(["docker", "ps", "-aq", "--filter", `ancestor=${IMAGES.nosh}`]).stdout.toString();
      const before = containers();
      const opening = bench.open({ "docker.image": IMAGES.nosh });
      await expect(opening).rejects.toMatchObject({ code: "sandboxUnusable" });
      const error = await opening.then(
        () => undefined,
        (failure: unknown) => failure,
      );
      expect(String(error)).toContain(IMAGES.nosh);
      expect(containers()).toBe(before);
    },
    60_000,
    missing("image:nosh"),
  );
}
