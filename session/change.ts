import { copyFileSync, existsSync, mkdirSync, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { CAPTURE_FILES } from "../workspace/capture-store.ts";
import { type Change, type DiffOptions, diff, openChange } from "../workspace/change.ts";
import { writeDurably } from "../workspace/durable-file.ts";
import { SESSION_FILES } from "../workspace/layout.ts";
import { hasChange, UNITS, unitPlaces } from "../workspace/units.ts";
import { changePlace } from "./capture.ts";
import { findSession } from "./find.ts";
import type { Home } from "./home.ts";
import { isInside } from "./host-tree.ts";
import { capturedBase } from "./land.ts";
import { takeLock } from "./lock.ts";
import { type SessionMeta, savedChange } from "./meta.ts";
import { readMeta } from "./read-meta.ts";
import { recordChange } from "./record.ts";
import type { Surroundings } from "./session.ts";
import { type SessionFolder, sessionFolder, sessionIds } from "./store.ts";

/**
 * The session that is meant: by its id or the beginning of it, or, where none is given, the latest of this folder that brought a
 * change back. `sessionNotFound`, `sessionAmbiguous`.
 */
export function findChanged(home: Home, given: string | undefined, cwd: string): SessionFolder {
  if (given !== undefined) return sessionFolder(home, findSession(home, given, cwd));
  const here = realpathSync(cwd);
  const latest = sessionIds(home)
    .reverse()
    .map((id) => sessionFolder(home, id))
    .find((folder) => {
      const meta = readableMeta(folder);
      return meta !== undefined && savedChange(meta)?.status === "captured" && isInside(here, meta.tree.top);
    });
  if (latest !== undefined) return latest;
  throw new GlueError("sessionNotFound", `No session of ${here} has brought a change back.`, {
    hint: "glue session list --all shows every session; give the id of one.",
  });
}

/** A record that is damaged is for list and prune to report; here it is only passed over. */
function readableMeta(folder: SessionFolder): SessionMeta | undefined {
  try {
    return readMeta(folder);
  } catch {
    return undefined;
  }
}

/** The change in a repository inside the tree. */
export interface UnitChange {
  /** From the top of the whole tree. */
  readonly path: string;
  readonly change: Change;
}

/** The captured change of a session, to read. `nothingToLand` where there is none, with the reason. */
export async function changeOf(
  around: Surroundings,
  folder: SessionFolder,
  meta: SessionMeta,
): Promise<Change & { readonly units: readonly UnitChange[] }> {
  const base = capturedBase(folder, meta);
  const place = changePlace(around.home, folder.id, folder.path, base);
  const change = await openChange(place, true);
  if (change === undefined) throw new GlueError("nothingToLand", `Session ${folder.id} changed nothing.`);
  const units: UnitChange[] = [];
  for (const { path, place: own } of unitPlaces(place)) {
    const inner = hasChange(own) ? await openChange(own) : undefined;
    if (inner !== undefined) units.push({ path, change: inner });
  }
  return { ...change, units };
}

/** The difference that a session made, as one text: that of the tree, then that of each repository inside it. */
export async function* diffAll(
  { units, ...change }: Awaited<ReturnType<typeof changeOf>>,
  options: Omit<DiffOptions, "below">,
): AsyncGenerator<Uint8Array> {
  const outer = diff(change, options);
  yield* outer.stdout;
  await outer.done;
  for (const { path, change: own } of units) {
    if (options.statWidth !== undefined) yield new TextEncoder().encode(`${path}:\n`);
    const inner = diff(own, { ...options, below: `${path}/` });
    yield* inner.stdout;
    await inner.done;
  }
}

/** Writes the change where the user wants it, and records that it was. Resolves with the paths written, absolute as `to` is. */
export async function exportChange(around: Surroundings, folder: SessionFolder, to: string): Promise<string[]> {
  const lock = await takeLock({
    path: folder.lock,
    doing: "exporting its change",
    facts: around.facts,
    waitMs: 10_000,
  });
  try {
    const meta = readMeta(folder);
    capturedBase(folder, meta);
    const written = await write(around, folder, meta, to);
    recordChange(around, folder, meta, { landedAt: new Date(around.now()).toISOString() });
    return written;
  } finally {
    lock.release();
  }
}

async function write(around: Surroundings, folder: SessionFolder, meta: SessionMeta, to: string): Promise<string[]> {
  if (statSync(to, { throwIfNoEntry: false })?.isDirectory() || to.endsWith("/")) return exportAll(folder, to);
  const [extension = ""] = /\.(mbox|bundle|patch)$/.exec(basename(to)) ?? [];
  if (extension === ".mbox" || extension === ".bundle") refuseUnits(around, folder, meta, extension);
  switch (extension) {
    case ".mbox":
      if (!has(folder, CAPTURE_FILES.mbox)) throw tooLarge(folder);
      copyFileSync(join(folder.path, CAPTURE_FILES.mbox), to);
      break;
    case ".bundle":
      copyFileSync(join(folder.path, CAPTURE_FILES.bundle), to);
      break;
    case ".patch": {
      await writeDurably(to, [diffAll(await changeOf(around, folder, meta), { color: false, patch: true })]);
      break;
    }
    default:
      throw new GlueError("usage", `${to} is neither a folder nor a name that ends in .mbox, .bundle or .patch.`, {
        hint: "The ending says what is written; a folder gets everything.",
      });
  }
  return [to];
}

/** Such a file holds the change of one repository. */
function refuseUnits(around: Surroundings, folder: SessionFolder, meta: SessionMeta, extension: string): void {
  const place = changePlace(around.home, folder.id, folder.path, capturedBase(folder, meta));
  const changed = unitPlaces(place).filter((unit) => hasChange(unit.place));
  if (changed.length === 0) return;
  const names = changed.map(({ path }) => path).join(", ");
  throw new GlueError(
    "usage",
    `The session also changed repositories inside the tree (${names}), which one ${extension} cannot hold.`,
    {
      hint: "--to FOLDER/ exports everything, --to NAME.patch all of it as one diff.",
    },
  );
}

/** Everything that another machine needs to land the change: also the base, which a bundle of a change builds on. */
function exportAll(folder: SessionFolder, to: string): string[] {
  return copyAll(folder.path, to);
}

function copyAll(from: string, to: string): string[] {
  mkdirSync(to, { recursive: true });
  const names = [...Object.values(CAPTURE_FILES), SESSION_FILES.baseBundle];
  const copied = names
    .filter((name) => existsSync(join(from, name)))
    .map((name) => {
      const target = join(to, name);
      copyFileSync(join(from, name), target);
      return target;
    });
  // Those of the repositories inside, which may hold others.
  const units = existsSync(join(from, UNITS)) ? readdirSync(join(from, UNITS)) : [];
  return [...copied, ...units.flatMap((unit) => copyAll(join(from, UNITS, unit), join(to, UNITS, unit)))];
}

function has(folder: SessionFolder, name: string): boolean {
  return statSync(join(folder.path, name), { throwIfNoEntry: false }) !== undefined;
}

function tooLarge(folder: SessionFolder): GlueError {
  return new GlueError("nothingToLand", "The change is larger than an mbox may be, so there is no whole one.", {
    hint: `glue session apply ${folder.id} lands it; --to NAME.bundle exports it whole.`,
  });
}
