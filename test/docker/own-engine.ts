import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { IMAGES } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";

/**
 * A Docker Engine of a test's own, to be stopped and killed at will. It lives in a network namespace of its own: an engine without a
 * bridge removes the machine's docker0, on which every other engine here depends.
 */
export class OwnEngine {
  readonly socket: string;
  readonly env: Record<string, string>;
  readonly #folder = tempDir();
  readonly #words: readonly string[];
  readonly #path: string | undefined;
  #process: Bun.Subprocess | undefined;

  /** `words`: more options of dockerd. `path`: the PATH it is started with. */
  constructor(words: readonly string[] = [], path?: string) {
    this.socket = join(this.#folder, "docker.sock");
    this.env = { DOCKER_HOST: `unix://${this.socket}` };
    this.#words = words;
    this.#path = path;
  }

  /** Starts it and waits until it answers; the first time it gets the busybox image. */
  async start(): Promise<this> {
    const inside = ["data-root", "exec-root"].flatMap((name) => [`--${name}`, join(this.#folder, name)]);
    const words = ["--pidfile", join(this.#folder, "pid"), "-H", `unix://${this.socket}`];
    const network = ["--bridge=none", "--iptables=false", "--ip6tables=false"];
    const programs = [Bun.which("unshare") ?? "unshare", "--net", Bun.which("dockerd") ?? "/usr/sbin/dockerd"];
    this.#process = Bun.spawn([...programs, ...inside, ...words, ...network, ...this.#words], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(join(this.#folder, "log")),
      ...(this.#path === undefined ? {} : { env: { ...process.env, PATH: this.#path } }),
    });
    const until = performance.now() + 30_000;
    while (this.docker("version").code !== 0) {
      if (performance.now() > until) throw new Error(`dockerd did not start: ${this.log()}`);
      await Bun.sleep(100);
    }
    if (this.docker("image", "inspect", IMAGES.busybox).code !== 0) {
      const done = spawnSync("sh", [
        "-c",
        `docker save ${IMAGES.busybox} | DOCKER_HOST=unix://${this.socket} docker load`,
      ]);
      if (done.status !== 0) throw new Error(`the image could not be loaded: ${done.stderr}`);
    }
    return this;
  }

  /** TERM, as a restart of the service would; `KILL` as a crash. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined) return;
    running.kill(signal);
    await running.exited;
    if (signal === "SIGKILL") this.#killContainerd();
  }

  /** Ends it with its containers, and removes what it kept. */
  async dispose(): Promise<void> {
    for (const id of this.docker("ps", "-aq").out.split(/\s+/).filter(Boolean)) this.docker("rm", "-f", id);
    await this.stop();
    const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
    for (const path of mounts.map((line) => line.split(" ")[1] ?? "").filter((path) => path.startsWith(this.#folder))) {
      spawnSync("umount", ["--lazy", path], { stdio: "ignore" });
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  docker(...words: string[]): { code: number; out: string } {
    const done = spawnSync("docker", words, {
      encoding: "utf8",
      timeout: 30_000,
      env: { ...process.env, ...this.env },
    });
    return { code: done.status ?? -1, out: `${done.stdout}${done.stderr}`.trim() };
  }

  log(): string {
    return readFileSync(join(this.#folder, "log"), "utf8").slice(-2_000);
  }

  /** A killed dockerd leaves its containerd, which its successor would take over; here it crashes as well. */
  #killContainerd(): void {
    try {
      const pid = Number(readFileSync(join(this.#folder, "exec-root/containerd/containerd.pid"), "utf8"));
      if (pid > 1) process.kill(pid, "SIGKILL");
    } catch {
      // It had gone with it.
    }
  }
}
