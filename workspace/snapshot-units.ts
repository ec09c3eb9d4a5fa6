/** Repositories inside the tree: submodules and embedded ones. Each is a snapshot of its own. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { GlueError, isGlueError } from "../spec/glue-error.ts";
import { gitText } from "./git.ts";
import { lstatIfThere, pathBelow } from "./host-file.ts";
import { pathText } from "./layout.ts";
import type { TakenSnapshot } from "./snapshot.ts";
import { gitDirOf, type HostEnv } from "./snapshot-repository.ts";
import type { NestedUnit } from "./snapshot-types.ts";

/** A unit, and the snapshot of it; undefined where its contents stay behind. */
export interface TakenUnit {
  readonly unit: NestedUnit;
  readonly taken: TakenSnapshot | undefined;
}

export interface UnitsToTake {
  /** The top of the repository around them, absolute. */
  readonly top: string;
  readonly kind: NestedUnit["kind"];
  /** `id` is what the repository around it records. */
  readonly found: readonly { readonly path: Uint8Array; readonly id: string | null }[];
  /** How many units there are already: folders are numbered. */
  readonly after: number;
  /** Takes the snapshot of one; left out where only their names and commits are wanted. */
  readonly take?: (top: string) => Promise<TakenSnapshot>;
  readonly hostEnv: HostEnv | undefined;
}

/** How many snapshots are taken at the same time. */
const AT_ONCE = 4;

/** Takes a snapshot of each that is checked out. Errors as `takeSnapshot`, with the path of the unit. */
export async function takeUnits(units: UnitsToTake): Promise<TakenUnit[]> {
  const all: TakenUnit[] = [];
  for (let at = 0; at < units.found.length; at += AT_ONCE) {
    const some = units.found.slice(at, at + AT_ONCE);
    all.push(...(await Promise.all(some.map((found, next) => takeUnit(units, found, units.after + at + next + 1)))));
  }
  return all;
}

async function takeUnit(
  { top, kind, take, hostEnv }: UnitsToTake,
  { path, id }: UnitsToTake["found"][number],
  number: number,
): Promise<TakenUnit> {
  const place = placeOf(top, path);
  const head = place === undefined ? null : await headOf(place.gitDir, hostEnv);
  const unit: NestedUnit = { path: pathText(path), kind, recorded: id, head, base: null };
  if (place === undefined || take === undefined) return { unit, taken: undefined };
  const taken = await within(unit.path, take(place.folder));
  const { base, dirty } = taken.snapshot;
  const folder = `units/${number}`;
  return { unit: { ...unit, base: { folder, commit: base.commit, tree: base.tree, dirty } }, taken };
}

/** Where a unit is; undefined where it is not checked out, or its name is not UTF-8 (then no program can be started in it). */
function placeOf(top: string, path: Uint8Array): { folder: string; gitDir: string } | undefined {
  if (lstatIfThere(pathBelow(top, path))?.isDirectory() !== true) return undefined;
  const name = new TextDecoder().decode(path);
  const folder = join(top, name);
  const gitDir = name.includes("\ufffd") || !existsSync(join(folder, ".git")) ? undefined : gitDirOf(folder);
  return gitDir === undefined ? undefined : { folder, gitDir };
}

async function within<Result>(path: string, doing: Promise<Result>): Promise<Result> {
  try {
    return await doing;
  } catch (error) {
    if (!isGlueError(error, "snapshotFailed")) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw new GlueError("snapshotFailed", `In ${path}: ${error.message}`, { cause: error, ...hint });
  }
}

/** The commit that is checked out; null where there is none. */
async function headOf(gitDir: string, hostEnv: HostEnv | undefined): Promise<string | null> {
  const env = hostEnv === undefined ? {} : { hostEnv };
  const head = await gitText(["rev-parse", "--revs-only", "HEAD^{commit}"], { gitDir, ...env });
  return head === "" ? null : head;
}
