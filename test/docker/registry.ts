import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "../support/temp-dir.ts";

export const USER = "someone";
export const PASSWORD = "a: pass word";

/** A real registry on this machine that lets nobody in without the password. */
export interface Registry {
  /** `127.0.0.1:PORT`, which engines reach without TLS. */
  readonly address: string;
  stop(): Promise<void>;
}

export async function startRegistry(): Promise<Registry> {
  const folder = tempDir();
  const port = freePort();
  const hash = await Bun.password.hash(PASSWORD, { algorithm: "bcrypt", cost: 4 });
  writeFileSync(join(folder, "htpasswd"), `${USER}:${hash}\n`);
  const config = {
    version: "0.1",
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: `127.0.0.1:${port}` },
    auth: { htpasswd: { realm: "test", path: join(folder, "htpasswd") } },
  };
  // JSON is YAML.
  writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
  const program = existsSync("/usr/bin/docker-registry") ? "/usr/bin/docker-registry" : "docker-registry";
  const child = Bun.spawn([program, "serve", join(folder, "config.yml")], { stdout: "ignore", stderr: "ignore" });
  const address = `127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`http://${address}/v2/`).catch(() => undefined);
    if (answer?.status === 401) break;
    if (tries > 100) throw new Error("docker-registry did not start");
    await Bun.sleep(50);
  }
  return {
    address,
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}

/** A folder as the docker CLI keeps it, with these credentials for a registry. */
export function dockerConfig(address: string, user: string, password: string): string {
  const folder = join(tempDir(), "docker");
  mkdirSync(folder);
  const auth = Buffer.from(`${user}:${password}`).toString("base64");
  writeFileSync(join(folder, "config.json"), JSON.stringify({ auths: { [address]: { auth } } }), { mode: 0o600 });
  return folder;
}

/** A port that nobody listens on. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
