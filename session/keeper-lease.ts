import { chmodSync, lstatSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { GlueError } from "../spec/glue-error.ts";
import { removeIfThere, replaceFile } from "./atomic-file.ts";
import { GLUE_VERSION } from "./meta.ts";
import { isAlive, type MachineFacts } from "./owner.ts";
import type { SessionFolder } from "./store.ts";

const leaseSchema = v.object({
  glueVersion: v.string(),
  host: v.string(),
  boot: v.string(),
  pid: v.number(),
  pidStart: v.string(),
  /** The keeper's unix socket, absolute. */
  socket: v.string(),
  startedAt: v.string(),
  /** When the keeper last said that it lives; ISO 8601. */
  renewedAt: v.string(),
});

/** What a keeper says of itself in keeper.json, for whoever wants to talk to it or to know that it lives. */
export type KeeperLease = v.InferOutput<typeof leaseSchema>;

const leasePath = (folder: SessionFolder) => join(folder.path, "keeper.json");

/** The lease, if there is a readable one. Says by itself nothing about whether its keeper lives. */
export function readLease(folder: SessionFolder): KeeperLease | undefined {
  try {
    const read = v.safeParse(leaseSchema, JSON.parse(readFileSync(leasePath(folder), "utf8")));
    return read.success ? read.output : undefined;
  } catch {
    // None, or torn: the same as no keeper, whose absence costs nothing but speed.
    return undefined;
  }
}

/** The lease of a keeper that lives. */
export function liveLease(folder: SessionFolder, facts: MachineFacts): KeeperLease | undefined {
  const lease = readLease(folder);
  return lease !== undefined && isAlive({ kind: "process", ...lease }, facts).state === "alive" ? lease : undefined;
}

/** Says that this process keeps the session, since `startedAt` and still now. Not synced: it means nothing after a crash. */
export function writeLease(folder: SessionFolder, facts: MachineFacts, socket: string, startedAt: string): void {
  const { host, boot, startOf } = facts;
  const lease: KeeperLease = {
    glueVersion: GLUE_VERSION,
    host,
    boot,
    pid: process.pid,
    pidStart: startOf(process.pid) ?? "unknown",
    socket,
    startedAt,
    renewedAt: new Date().toISOString(),
  };
  replaceFile(leasePath(folder), `${JSON.stringify(lease)}\n`, false);
}

export function removeLease(folder: SessionFolder): void {
  removeIfThere(leasePath(folder));
}

/** What the address of a unix socket holds (sun_path of unix(7), less its end; macOS has 103). Bytes. */
const LONGEST_SOCKET_PATH = 103;

/** Where the keeper of a session listens: in its folder, or where that is too long for a socket, in a private folder for such. */
export function socketPath(folder: SessionFolder): string {
  return pathFor(folder, "sock");
}

/** Where the keeper lets others use the sandbox by the connection that it has, if the runtime can do that. */
export function servedPath(folder: SessionFolder): string {
  return pathFor(folder, "served");
}

function pathFor(folder: SessionFolder, kind: "sock" | "served"): string {
  const near = join(folder.path, `keeper.${kind}`);
  if (Buffer.byteLength(near) <= LONGEST_SOCKET_PATH) return near;
  const uid = process.getuid?.() ?? 0;
  const base = join(process.env.XDG_RUNTIME_DIR ?? shortTmp(), `glue-${uid}`);
  return join(privateFolder(base, uid), `${folder.id}.${kind}`);
}

const shortTmp = () => (Buffer.byteLength(tmpdir()) <= 60 ? tmpdir() : "/tmp");

/** In a folder that everybody may write to, a name that is taken proves nothing: it has to be ours and closed to others. */
function privateFolder(path: string, uid: number): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const stat = lstatSync(path);
  if (!stat.isDirectory() || stat.uid !== uid) {
    throw new GlueError("homeUnusable", `${path} belongs to somebody else.`, {
      hint: "Set GLUE_HOME to a shorter path.",
    });
  }
  chmodSync(path, 0o700);
  return path;
}
