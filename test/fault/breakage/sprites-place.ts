import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../support/glue.ts";
import { type Place, processesWith, signalled } from "./place.ts";
import { startRelay } from "./relay.ts";
import { breakService } from "./service.ts";

/** A sprite of the double, by the double's own `sprite` program. The stranger is a sprite of another name. */
export async function spritesPlace(folder: string): Promise<Place> {
  const relay = await startRelay();
  const file = join(folder, "double.json");
  const double = Bun.spawn([process.execPath, join(import.meta.dir, "../../doubles/sprite/service/main.ts"), file], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["pipe", "ignore", "inherit"],
  });
  await until("the double is there", () => existsSync(file), 30_000);
  const { cli, env } = JSON.parse(readFileSync(file, "utf8")) as { cli: string; env: Record<string, string> };
  const configured = join(env.FAKE_SPRITE_STATE ?? "", "server.json");
  const { url, token } = JSON.parse(readFileSync(configured, "utf8")) as { url: string; token: string };
  relay.to(Number(new URL(url).port));
  writeFileSync(configured, JSON.stringify({ url: `http://127.0.0.1:${relay.port}`, token }));
  const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const answer = await fetch(`${url}/v1/sprites${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json().catch(() => undefined)) as T;
  };
  await ask("POST", "", { name: "somebody-elses" });
  return {
    args: ["-r", "sprites"],
    env: { ...env, SPRITES_CLI: cli, GLUE_TEST_BUN: process.execPath },
    async breakIt(kind, { meta }) {
      const broken = await breakService({ pid: double.pid, relays: [relay] }, kind);
      if (broken !== undefined) return broken.mend;
      if (kind === "the sprite destroyed") await ask("DELETE", `/${meta.handle.name}`);
      else if (kind === "the `sprite` program killed") {
        const mine = `\0FAKE_SPRITE_STATE=${env.FAKE_SPRITE_STATE}\0`;
        for (const { pid } of processesWith(
          (environ, line) => environ.includes(mine) && line.includes("/sprite/main.ts"),
        ))
          signalled(pid, "SIGKILL");
      } else throw new Error(kind);
      return undefined;
    },
    left: async (id) =>
      (await ask<{ sprites: { name: string; status: string }[] }>("GET", "")).sprites.flatMap(({ name, status }) =>
        name.includes(id) ? [`${name} ${status}`] : [],
      ),
    strangerLives: async () => (await ask<{ status: string }>("GET", "/somebody-elses")).status === "running",
    async stop() {
      await relay.stop();
      await double.stdin.end();
      await double.exited;
    },
  };
}
