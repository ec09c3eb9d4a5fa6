import { test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { builtBinary } from "./built-binary.ts";

export { gluePath } from "./built-binary.ts";
export { tempDir, withTempDir } from "./temp-dir.ts";

/** Images that `scripts/provision/base-images.sh` makes; a test sets `docker.image` to one of them. */
export const IMAGES = {
  /** Debian without git. */
  "debian-nogit": "glue-test/debian:nogit",
  /** Debian with git and ca-certificates. */
  "debian-git": "glue-test/debian:git",
  /** Nothing but busybox: ash, no bash, no timeout of coreutils. */
  busybox: "glue-test/busybox:latest",
  /** Two programs, `true` and `sleep`, and no sh. */
  nosh: "glue-test/nosh:latest",
} as const;

/** What a test may need beside bun, git and sh. `docker` is an engine that answers; `image:…` implies it. */
export type Need =
  | "docker"
  | `image:${keyof typeof IMAGES}`
  | "registry"
  | "git"
  | "git-lfs"
  | "git-crypt"
  | "gpg"
  | "ssh-keygen"
  | "modal-sdk"
  | "folding-file-system"
  | "root"
  | "not-root"
  | "qemu-arm64"
  | "python3"
  | "sudo"
  | "strace"
  | "vim"
  | "less"
  | "zsh"
  | "fish"
  | "pwsh"
  | "mcp-inspector"
  | "powershell-grammar"
  | "built-binary"
  | "linux";

const PROVISION = "run scripts/provision/all.sh";
const answers = new Map<Need, string | undefined>();

/**
 * Why this machine cannot give a test what it needs, in a few words, or undefined when it can. Asked once a process; `built-binary`
 * builds `dist/glue` when it is missing or older than the sources.
 */
export function missing(need: Need): string | undefined {
  if (!answers.has(need)) answers.set(need, find(need));
  return answers.get(need);
}

/**
 * Registers a test that runs only where all its needs are met; elsewhere it is reported as skipped, with the reason in its title.
 * `timeoutMs` as for `test` of bun:test.
 */
export function testNeeding(needs: readonly Need[], title: string, run: () => unknown, timeoutMs?: number): void {
  testUnless(
    needs.map(missing).find((reason) => reason !== undefined),
    title,
    run,
    timeoutMs,
  );
}

/** As `testNeeding`, for a reason of the test's own; it runs where there is none. */
export function testUnless(reason: string | undefined, title: string, run: () => unknown, timeoutMs?: number): void {
  const body = async () => void (await run());
  if (reason === undefined) test(title, body, timeoutMs);
  else test.skip(`${title} [skipped: ${reason}]`, body);
}

/** Something that the provisioning made, by its path in its folder. */
function provisioned(...path: readonly string[]): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "glue-provision", ...path);
}

/** The Python that can import the modal SDK, the newest or the oldest: `GLUE_TEST_MODAL_PYTHON`, else one that the provisioning made. */
export function modalPython(which: "newest" | "oldest" = "newest"): string {
  return (
    process.env.GLUE_TEST_MODAL_PYTHON ||
    provisioned(which === "newest" ? "modal-sdk" : "modal-sdk-1.4.3", "bin", "python")
  );
}

/** Where `scripts/provision/npm-tools.sh` puts packages of npm: the folder that holds them by their names. */
export const NPM_TOOLS = {
  "mcp-inspector": provisioned("mcp-inspector-2.12.0", "node_modules"),
  "powershell-grammar": provisioned("powershell-grammar-0.26.4", "node_modules"),
} as const;

function find(need: Need): string | undefined {
  switch (need) {
    case "docker":
      return engine();
    case "image:debian-nogit":
    case "image:debian-git":
    case "image:busybox":
    case "image:nosh":
      return image(IMAGES[need.slice("image:".length) as keyof typeof IMAGES]);
    case "registry":
      return program("docker-registry");
    case "git":
    case "git-lfs":
    case "git-crypt":
    case "gpg":
    case "ssh-keygen":
    case "python3":
    case "sudo":
    case "strace":
    case "vim":
    case "less":
    case "zsh":
    case "fish":
      return program(need);
    case "pwsh":
      // Neither Debian, PyPI nor npm has it.
      return program(need) === undefined ? undefined : "no pwsh on PATH; install PowerShell by hand";
    case "mcp-inspector":
    case "powershell-grammar":
      return existsSync(join(NPM_TOOLS[need], "../installed")) ? undefined : `no ${need}; ${PROVISION}`;
    case "qemu-arm64":
      return program("qemu-aarch64-static") === undefined ? undefined : program("qemu-aarch64");
    case "modal-sdk":
      return succeeds(modalPython(), ["-c", "import modal"])
        ? undefined
        : `no Python that can import modal; ${PROVISION}`;
    case "folding-file-system":
      return foldingFileSystem();
    case "root":
      return process.getuid?.() === 0 ? undefined : "needs root";
    case "not-root":
      return process.getuid?.() === 0 ? "runs as root, whom no permission stops" : undefined;
    case "linux":
      return process.platform === "linux" ? undefined : "needs Linux";
    case "built-binary":
      return builtBinary().problem;
  }
}

/** NTFS in a file, where names fold by case, mounted through FUSE: no kernel needs to know it. */
function foldingFileSystem(): string | undefined {
  if (!existsSync("/dev/fuse")) return "no /dev/fuse";
  return program("lowntfs-3g") ?? program("mkntfs") ?? missing("root");
}

function engine(): string | undefined {
  const noProgram = program("docker");
  if (noProgram !== undefined) return noProgram;
  const asked = spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], {
    encoding: "utf8",
    timeout: 15_000,
  });
  return asked.status === 0 ? undefined : `no Docker Engine answers; ${PROVISION}`;
}

function image(name: string): string | undefined {
  const noEngine = missing("docker");
  if (noEngine !== undefined) return noEngine;
  return succeeds("docker", ["image", "inspect", name]) ? undefined : `no image ${name}; ${PROVISION}`;
}

function program(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
  const found = folders.some((folder) => folder !== "" && existsSync(join(folder, name)));
  return found ? undefined : `no ${name} on PATH; ${PROVISION}`;
}

function succeeds(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore", timeout: 30_000 }).status === 0;
}
