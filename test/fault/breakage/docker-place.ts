import { OwnEngine } from "../../docker/own-engine.ts";
import { REAL_ENGINE } from "../../support/glue.ts";
import { IMAGES } from "../../support/needs.ts";
import type { Place } from "./place.ts";

export const ENGINE_KILLED = "the engine killed, and started again";

/** Containers of this machine's engine; of one of its own where the engine is what breaks. The stranger is a container without glue's labels. */
export async function dockerPlace(kind: string): Promise<Place> {
  const own = kind === ENGINE_KILLED ? await new OwnEngine().start() : undefined;
  const env = own?.env ?? REAL_ENGINE;
  const docker = async (...words: string[]): Promise<string> => {
    const child = Bun.spawn(["docker", ...words], { env: { ...process.env, ...env }, stdout: "pipe", stderr: "pipe" });
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (code !== 0) throw new Error(`docker ${words.join(" ")}: ${err}`);
    return out.trim();
  };
  const image = own === undefined ? IMAGES["debian-git"] : IMAGES.busybox;
  const stranger = await docker("run", "--detach", "--network=none", IMAGES.busybox, "sleep", "600");
  const running = async () => (await docker("inspect", "--format={{.State.Running}}", stranger)) === "true";
  return {
    args: ["-r", "docker", "--copy", "--set", `docker.image=${image}`, "--set", "docker.fallback_to_host=false"].concat(
      own === undefined ? [] : ["--set", "docker.network=none"],
    ),
    env,
    async breakIt(kind, { meta }) {
      if (own !== undefined) {
        await own.stop("SIGKILL");
        return async () => void (await own.start());
      }
      if (kind === "the container killed") await docker("kill", meta.handle.name);
      else if (kind === "the container removed") await docker("rm", "--force", meta.handle.name);
      else throw new Error(kind);
      return undefined;
    },
    left: async (id) =>
      (await docker("ps", "--all", "--filter", `label=dev.glue.session=${id}`, "--format={{.Names}} {{.Status}}"))
        .split("\n")
        .filter((line) => line !== ""),
    // A container of an engine that was killed does not run any more; it is still there.
    strangerLives: async () => (own === undefined ? await running() : (await docker("inspect", stranger)) !== ""),
    async stop() {
      if (own !== undefined) return await own.dispose();
      await docker("rm", "--force", stranger);
    },
  };
}
