import { join } from "node:path";
import { linesOf } from "../../support/lines.ts";
import type { Place } from "./place.ts";
import { startRelay } from "./relay.ts";
import { breakService } from "./service.ts";

/** A sandbox of the double. The stranger is a sandbox without glue's labels. */
export async function daytonaPlace(folder: string): Promise<Place> {
  const relay = await startRelay();
  const main = join(import.meta.dir, "../../doubles/daytona/main.ts");
  const publicUrl = `http://127.0.0.1:${relay.port}`;
  const double = Bun.spawn([process.execPath, main, JSON.stringify({ publicUrl })], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { url, apiKey } = JSON.parse((await linesOf(double.stdout).next()).value ?? "") as Record<string, string>;
  relay.to(Number(new URL(url ?? "").port));
  const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json().catch(() => undefined)) as T;
  };
  const stranger = await ask<{ id: string }>("POST", "/sandbox", { name: "somebody-elses" });
  return {
    args: ["-r", "daytona"],
    env: { DAYTONA_API_KEY: apiKey ?? "", DAYTONA_API_BASE_URL: `${publicUrl}/api` },
    async breakIt(kind, { meta }) {
      const broken = await breakService({ pid: double.pid, relays: [relay] }, kind);
      if (broken !== undefined) return broken.mend;
      if (kind === "the sandbox stopped") await ask("POST", `/sandbox/${meta.handle.id}/stop`);
      else if (kind === "the sandbox deleted") await ask("DELETE", `/sandbox/${meta.handle.id}`);
      else throw new Error(kind);
      return undefined;
    },
    left: async (id) =>
      (await ask<{ items: { name: string; state: string }[] }>("GET", "/sandbox")).items.flatMap(({ name, state }) =>
        name.includes(id) ? [`${name} ${state}`] : [],
      ),
    strangerLives: async () => (await ask<{ state: string }>("GET", `/sandbox/${stranger.id}`)).state === "started",
    async stop() {
      await relay.stop();
      await double.stdin.end();
      await double.exited;
    },
  };
}
