import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { GlueError } from "../contract.ts";
import { PRIVATE } from "./create.ts";
import type { Mount } from "./mounts.ts";

/** The machine that glue runs on, as its kernel knows it. */
export interface Machine {
  /** As `uname -r` says it. */
  readonly kernel: string;
  /** Of this boot; undefined where there is no Linux. */
  readonly boot: string | undefined;
}

/** What a container's mounts are to be compared with. */
export interface Proof {
  readonly boot: string | undefined;
  /** Set where the engine's kernel is another than ours: a file in the container, and what it must say. */
  readonly tokenFile?: string;
  readonly token?: string;
}

/** What a container says of its mounts, in their order. */
export interface Seen {
  readonly boot: string | undefined;
  readonly mounts: readonly ({ dev: string; ino: string; uid: number; gid: number } | undefined)[];
  readonly token: string | undefined;
  /** Of the first: its time of modification in seconds, and the SHA-256 of its names. */
  readonly listing: string | undefined;
}

export function thisMachine(): Machine {
  const kernel = process.platform === "linux" ? release() : "";
  try {
    return { kernel, boot: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() };
  } catch {
    // No Linux: the engine's kernel is another one.
    return { kernel, boot: undefined };
  }
}

/** Where nothing of this machine is mounted. */
export const NOTHING_TO_PROVE: Prepared = { proof: { boot: undefined }, probe: [] };

interface Prepared {
  readonly proof: Proof;
  /** What has to be mounted for it, last of all. */
  readonly probe: readonly Mount[];
}

/**
 * Prepares the proof. An engine with another kernel may still see this machine's files, through the shares of a virtual machine: to find
 * out, it is given one more mount, a folder of the session's own on this machine with a random word in it.
 */
export function prepareProof(machine: Machine, engineKernel: string, sessionDir: string): Prepared {
  const { boot } = machine;
  if (machine.kernel !== "" && machine.kernel === engineKernel) return { proof: { boot }, probe: [] };
  const source = `${sessionDir}/probe`;
  const target = `${PRIVATE}/probe`;
  const token = crypto.randomUUID();
  mkdirSync(source, { recursive: true, mode: 0o755 });
  writeFileSync(`${source}/token`, token);
  return { proof: { boot, token, tokenFile: `${target}/token` }, probe: [{ source, target, readOnly: true }] };
}

/** The mounts of a container: of the user's tree, in direct mode, and others. The tree's top is the first of all. */
export interface Mounts {
  readonly tree: readonly Mount[];
  readonly others: readonly Mount[];
}

/**
 * Throws `mountMismatch` unless every mount is the folder it should be. A path means another folder on another machine, in a virtual machine,
 * and even on this one when glue runs in a container and its engine does not. One kernel, one device and one inode are one folder. Across
 * kernels the word in the session's folder shows that the engine sees this machine's files, and the names and the time of the tree that it
 * is this folder. Nothing is ever written into the user's tree to find out.
 */
export function proveMounts({ tree, others }: Mounts, seen: Seen, proof: Proof): void {
  const all = [...tree, ...others];
  const [first] = all;
  if (first === undefined) return;
  if (seen.boot !== undefined && seen.boot === proof.boot) {
    for (const [index, mount] of all.entries()) {
      const why = differenceOf(mount, seen.mounts[index]);
      if (why !== undefined) throw mismatch(mount, tree.includes(mount), why);
    }
    return;
  }
  const elsewhere = "the engine runs on another machine or in a virtual machine";
  if (proof.token === undefined || seen.token !== proof.token) throw mismatch(first, tree.includes(first), elsewhere);
  if (tree.includes(first) && seen.listing !== listingOf(first.source)) {
    throw mismatch(first, true, `${elsewhere} that has another folder of that name`);
  }
}

function differenceOf({ source }: Mount, there: Seen["mounts"][number]): string | undefined {
  if (there === undefined) return "the image has no stat to look at it with";
  const here = statSync(source, { bigint: true });
  if (String(here.ino) === there.ino && String(here.dev) === there.dev) return undefined;
  return "the engine has another folder of that name";
}

/** As setup.sh makes it: names in the order of its three patterns, each sorted by bytes. */
function listingOf(folder: string): string {
  const names = readdirSync(folder, { encoding: "buffer" }).sort(Buffer.compare);
  const DOT = 0x2e;
  const group = (name: Buffer) => (name[0] !== DOT ? 0 : name[1] !== DOT ? 1 : 2);
  const hash = new Bun.CryptoHasher("sha256");
  for (const wanted of [0, 1, 2]) {
    for (const name of names) if (group(name) === wanted) hash.update(name).update("\0");
  }
  return `${Math.floor(statSync(folder).mtimeMs / 1_000)} ${hash.digest("hex")}`;
}

function mismatch({ source }: Mount, isTree: boolean, why: string): GlueError {
  return new GlueError("mountMismatch", `The container does not provably see ${source}: ${why}.`, {
    hint: isTree
      ? "Use --copy: glue then works on a copy and brings the change back."
      : "docker.mounts needs an engine that has this machine's folders: take the row out.",
  });
}
