import { ModalDouble, pythonOf } from "../../modal/double.ts";
import { type Place, processesWith, signalled } from "./place.ts";
import { startRelay } from "./relay.ts";
import { breakService } from "./service.ts";

/** A sandbox of the double, by Modal's own SDK. The stranger is a sandbox in the same App without glue's tags. */
export async function modalPlace(): Promise<Place> {
  const relays = await Promise.all([startRelay(), startRelay()]);
  const [control, worker] = relays;
  const double = await ModalDouble.start();
  const { router } = await double.stranger("glue");
  control.to(Number(new URL(double.url).port));
  worker.to(Number(new URL(router).port));
  await double.routerAt(`https://127.0.0.1:${worker.port}`);
  const sandboxes = async () => (await double.state()).sandboxes.filter(({ running }) => running);
  return {
    args: ["-r", "modal"],
    env: {
      ...double.env(),
      MODAL_PYTHON: pythonOf("newest"),
      MODAL_SERVER_URL: `http://127.0.0.1:${control.port}`,
    },
    async breakIt(kind, { home, meta }) {
      const broken = await breakService({ pid: double.pid, relays }, kind);
      if (broken !== undefined) return broken.mend;
      if (kind === "the sidecar killed") {
        const mine = `\0GLUE_HOME=${home.root}\0`;
        for (const { pid } of processesWith(
          (environ) => environ.includes(mine) && environ.includes("\0GLUE_SIDECAR_LOG="),
        ))
          signalled(pid, "SIGKILL");
      } else if (kind === "the sandbox at the end of its lifetime") await double.end("timeout", meta.handle.id);
      else throw new Error(kind);
      return undefined;
    },
    left: async (id) => (await sandboxes()).flatMap((box) => (box.tags["glue-session"] === id ? [box.id] : [])),
    strangerLives: async () => (await sandboxes()).some(({ tags }) => tags["glue-session"] === undefined),
    async stop() {
      await Promise.all(relays.map((relay) => relay.stop()));
      await double.stop();
    },
  };
}
