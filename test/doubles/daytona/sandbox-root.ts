import {
  chmodSync,
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

/** Who the commands of a sandbox run as: a user with sudo, as in the service's default snapshot, or root. */
export type SandboxUser = "daytona" | "root";

const UID = 1000;

export interface RootSettings {
  readonly folder: string;
  readonly user: SandboxUser;
  readonly env: Readonly<Record<string, string>>;
  readonly lacks: readonly string[];
  readonly shared?: string | undefined;
  readonly shell?: string | undefined;
}

/** The files and processes of one sandbox: a root of its own, whose programs are those of this machine, read-only. */
export class SandboxRoot {
  readonly folder: string;
  readonly #user: SandboxUser;
  readonly #env: Readonly<Record<string, string>>;
  readonly #lacks: readonly string[];
  readonly #shared: string | undefined;
  #init: Bun.Subprocess | undefined;

  constructor({ folder, user, env, lacks, shared, shell }: RootSettings) {
    this.folder = folder;
    this.#lacks = lacks;
    this.#shared = shared;
    this.#user = user;
    this.#env = env;
    const root = `${folder}/root`;
    for (const name of [
      "usr",
      "etc",
      "proc",
      "dev",
      "sys",
      "run/toolbox",
      "opt/toolbox/daemon",
      "root",
      "home/daytona",
      "var/lib",
      "var/log",
    ]) {
      mkdirSync(`${root}/${name}`, { recursive: true });
    }
    for (const name of ["tmp", "var/tmp"]) {
      mkdirSync(`${root}/${name}`, { recursive: true });
      chmodSync(`${root}/${name}`, 0o1777);
    }
    for (const name of ["bin", "sbin", "lib", "lib32", "lib64"]) {
      if (existsSync(`/${name}`) && lstatSync(`/${name}`).isSymbolicLink())
        symlinkSync(readlinkSync(`/${name}`), `${root}/${name}`);
    }
    writeFileSync(`${root}/opt/toolbox/bun`, "");
    chownSync(`${root}/home/daytona`, UID, UID);
    // Without one zsh asks a new user what it should be.
    for (const home of ["root", "home/daytona"]) writeFileSync(`${root}/${home}/.zshrc`, "");
    // What is shared belongs to somebody else, whose repositories git would not enter, nor be given by path.
    if (shared !== undefined)
      writeFileSync(
        `${root}/home/daytona/.gitconfig`,
        '[safe]\n\tdirectory = *\n[protocol "file"]\n\tallow = always\n',
      );
    mkdirSync(`${folder}/run`);
    chownSync(`${folder}/run`, UID, UID);
    if (shell !== undefined) writeFileSync(`${folder}/run/shell`, shell);
    const write = (name: string, mode: number, ...lines: string[]) =>
      writeFileSync(`${folder}/${name}`, `${lines.join("\n")}\n`, { mode });
    const nobody = "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin";
    write("passwd", 0o644, "root:x:0:0::/root:/bin/bash", `daytona:x:${UID}:${UID}::/home/daytona:/bin/bash`, nobody);
    write("group", 0o644, "root:x:0:", "tty:x:5:", `daytona:x:${UID}:`, "nogroup:x:65534:");
    write("shadow", 0o640, "root:*:19000:0:99999:7:::", "daytona:*:19000:0:99999:7:::");
    write("sudoers", 0o440, "root ALL=(ALL) ALL", "daytona ALL=(ALL) NOPASSWD: ALL");
  }

  /** Starts the daemon and waits until it listens; its port on the loopback. */
  async start(): Promise<number> {
    const { folder } = this;
    rmSync(`${folder}/run/port`, { force: true });
    const home = this.#user === "root" ? "/root" : "/home/daytona";
    const env = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: home,
      USER: this.#user,
      SHELL: "/bin/bash",
      ...this.#env,
    };
    const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const here = import.meta.dir;
    this.#init = Bun.spawn(
      [
        // Ends with whoever started it, however that ends; and with it, by --kill-child, everything inside.
        "setpriv",
        "--pdeathsig",
        "KILL",
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        join(here, "enter.sh"),
        folder,
        process.execPath,
        join(here, "daemon"),
        this.#user,
        this.#lacks.join(" "),
        this.#shared ?? "",
        ...words,
      ],
      {
        cwd: "/",
        env: { PATH: process.env.PATH ?? "" },
        stdin: "ignore",
        stdout: "ignore",
        stderr: Bun.file(`${folder}/init.log`),
      },
    );
    const until = performance.now() + 20_000;
    while (performance.now() < until && this.#init.exitCode === null) {
      if (existsSync(`${folder}/run/port`)) {
        const port = Number(readFileSync(`${folder}/run/port`, "utf8"));
        if (port > 0) return port;
      }
      await Bun.sleep(5);
    }
    const log = (name: string) => (existsSync(`${folder}/${name}`) ? readFileSync(`${folder}/${name}`, "utf8") : "");
    throw new Error(`the daemon of a sandbox did not start: ${log("init.log")}${log("daemon.log")}`);
  }

  /** Ends every process; the files stay. */
  async stop(): Promise<void> {
    this.#init?.kill("SIGKILL");
    await this.#init?.exited;
    this.#init = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    // The kernel lets go of the mounts a moment after the last process of the namespace is gone.
    for (let tries = 0; existsSync(this.folder) && tries < 100; tries += 1) {
      try {
        rmSync(this.folder, { recursive: true, force: true });
      } catch {
        await Bun.sleep(20);
      }
    }
  }
}
