import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** Commands run as `sprite`; the file API writes as `ubuntu`, as users of the service report. */
export const UIDS = { sprite: 1001, ubuntu: 1000 } as const;
export type SpriteUser = keyof typeof UIDS;

const DEFAULT_PATH = "/.sprite/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** What a checkpoint saves: all that the sprite itself can write and that outlives a cold start. */
const KEPT = ["home", "root", "opt", "srv", "var", "workspace"];

/** The files and processes of one sprite: a root of its own, whose programs are those of this machine, read-only. */
export class SpriteRoot {
  readonly folder: string;
  /** A folder of this machine that it has, too, under the same path. */
  readonly #shared: string | undefined;
  #init: Bun.Subprocess | undefined;
  #pid: number | undefined;
  #starting: Promise<void> | undefined;

  constructor(folder: string, shared?: string) {
    this.folder = folder;
    this.#shared = shared;
    const root = this.root;
    for (const name of [
      "usr",
      "etc",
      "proc",
      "dev",
      "sys",
      "tmp",
      "run",
      "opt",
      "srv",
      "root",
      ".sprite/bin",
      "home/sprite",
      "var/lib",
      "var/tmp",
    ]) {
      mkdirSync(`${root}/${name}`, { recursive: true });
    }
    for (const name of ["bin", "sbin", "lib", "lib32", "lib64"]) {
      if (existsSync(`/${name}`) && lstatSync(`/${name}`).isSymbolicLink())
        symlinkSync(readlinkSync(`/${name}`), `${root}/${name}`);
    }
    chownSync(`${root}/home/sprite`, UIDS.sprite, UIDS.sprite);
    // What is shared belongs to somebody else, whose repositories git would not enter, nor be given by path.
    if (shared !== undefined)
      writeFileSync(`${root}/home/sprite/.gitconfig`, '[safe]\n\tdirectory = *\n[protocol "file"]\n\tallow = always\n');
    const write = (name: string, mode: number, ...lines: string[]) =>
      writeFileSync(`${folder}/${name}`, `${lines.join("\n")}\n`, { mode });
    const people = Object.entries(UIDS);
    write(
      "passwd",
      0o644,
      "root:x:0:0::/root:/bin/bash",
      ...people.map(([name, id]) => `${name}:x:${id}:${id}::/home/${name}:/bin/bash`),
    );
    write(
      "group",
      0o644,
      "root:x:0:",
      "tty:x:5:",
      "sudo:x:27:sprite",
      ...people.map(([name, id]) => `${name}:x:${id}:`),
    );
    write("shadow", 0o640, "root:*:19000:0:99999:7:::", ...people.map(([name]) => `${name}:*:19000:0:99999:7:::`));
    write("sudoers", 0o440, "root ALL=(ALL) ALL", "sprite ALL=(ALL) NOPASSWD: ALL");
  }

  get root(): string {
    return `${this.folder}/root`;
  }

  get running(): boolean {
    return this.#pid !== undefined;
  }

  /** Wakes it, where it sleeps. */
  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    if (this.#pid !== undefined) return;
    rmSync(`${this.folder}/ready`, { force: true });
    const log = `${this.folder}/init.log`;
    const init = Bun.spawn(
      // It dies with this process, however that ends.
      [
        ...["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"],
        ...["sh", join(import.meta.dir, "enter.sh"), this.folder, this.#shared ?? ""],
      ],
      {
        cwd: "/",
        env: { PATH: process.env.PATH ?? "" },
        stdio: ["ignore", "ignore", Bun.file(log)],
      },
    );
    this.#init = init;
    for (let tries = 0; tries < 2_000 && init.exitCode === null; tries++) {
      const [child] = existsSync(`${this.folder}/ready`) ? childrenOf(init.pid) : [];
      if (child !== undefined) {
        this.#pid = child;
        return;
      }
      await Bun.sleep(5);
    }
    throw new Error(`a sprite did not start: ${existsSync(log) ? readFileSync(log, "utf8") : ""}`);
  }

  /** The argv that runs a command inside. `env` replaces the default one. */
  enter(
    argv: readonly string[],
    how: { user?: SpriteUser; dir?: string; env?: readonly string[]; tty?: boolean } = {},
  ): string[] {
    const { user = "sprite", dir = "/home/sprite", tty = false } = how;
    const env = how.env ?? [
      `PATH=${DEFAULT_PATH}`,
      `HOME=/home/${user}`,
      `USER=${user}`,
      "LANG=C.UTF-8",
      "SHELL=/bin/bash",
    ];
    return [
      ...["nsenter", "-t", String(this.#pid), "-m", "-p", "-r", "--"],
      // What brings it in must not be hit by what is typed, so the command's session takes the terminal over.
      ...(tty ? ["setsid", "-c"] : ["setsid"]),
      ...["setpriv", "--reuid", user, "--regid", user, "--init-groups", "env", "-i", "-C", dir, ...env, ...argv],
    ];
  }

  /** Ends every process; the files stay, but for those in /tmp. */
  async stop(): Promise<void> {
    await this.#starting;
    this.#pid = undefined;
    this.#init?.kill("SIGKILL");
    await this.#init?.exited;
    this.#init = undefined;
  }

  save(name: string): void {
    for (const part of KEPT) {
      if (existsSync(`${this.root}/${part}`))
        Bun.spawnSync(["cp", "-a", "--", `${this.root}/${part}`, this.#checkpoint(name)]);
    }
  }

  async restore(name: string): Promise<void> {
    await this.stop();
    const saved = this.#checkpoint(name);
    for (const part of KEPT) {
      rmSync(`${this.root}/${part}`, { recursive: true, force: true });
      if (existsSync(`${saved}/${part}`)) Bun.spawnSync(["cp", "-a", "--", `${saved}/${part}`, this.root]);
    }
  }

  #checkpoint(name: string): string {
    const folder = `${this.folder}/checkpoints/${name}`;
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  async remove(): Promise<void> {
    await this.stop();
    // The kernel lets go of the mounts a moment after the last process of the namespace is gone.
    for (let tries = 0; existsSync(this.folder) && tries < 100; tries++) {
      try {
        rmSync(this.folder, { recursive: true, force: true });
      } catch {
        await Bun.sleep(20);
      }
    }
  }
}

/** The processes that a process of this machine has started and that live. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    // It is gone, and has none.
    return [];
  }
}
