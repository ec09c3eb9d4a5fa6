/** Lands a change in the repository that it came from and in those inside of it: a branch in each, all of them or none. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { GlueError } from "../spec/glue-error.ts";
import { type Landed, type LandRequest, type PreparedLanding, prepareLanding } from "./land.ts";
import { gitDirOf } from "./snapshot-repository.ts";
import { unitName } from "./stage-notes.ts";
import { hasChange, type UnitPlace, unitPlaces } from "./units.ts";

export interface LandedUnit extends Landed {
  /** From the top of the whole tree. */
  readonly path: string;
  readonly kind: "submodule" | "embedded";
}

export interface LandedAll {
  /** Undefined where nothing but repositories inside the tree was changed: then no branch is made here. */
  readonly outer: Landed | undefined;
  /** The repositories inside that something landed in. */
  readonly units: readonly LandedUnit[];
}

/** As `land`, with the units. Before all that can be refused has been, no branch is made anywhere. Errors as `land`. */
export async function landAll(request: LandRequest): Promise<LandedAll> {
  const wanted = wantedUnits(request);
  const names = branchNames(request, wanted);
  const gitlinks = new Map<string, string>();
  const prepared: { place: UnitPlace; landing: PreparedLanding }[] = [];
  for (const place of wanted) {
    const landing = await prepareUnit(place, { ...request, branch: names.get(place.path) ?? "", gitlinks });
    for (const { from, to } of landing.landed.rewritten) gitlinks.set(from, to);
    // Uncommitted work that was nothing but converted content is no work: the commit is the one that is checked out there.
    if (landing.landed.commit !== place.unit.head || hasChange(place.place)) prepared.push({ place, landing });
  }
  const alone = hasChange(request) || wanted.length === 0;
  const outer = alone ? await prepareLanding({ ...request, gitlinks }) : undefined;
  for (const { landing } of prepared) await landing.finish();
  await outer?.finish();
  const units = prepared.map(({ place, landing }) => ({ ...landing.landed, path: place.path, kind: place.unit.kind }));
  return { outer: outer?.landed, units };
}

/** Those that were changed inside, and those of which a commit that lands around them names uncommitted work; the inner ones first. */
function wantedUnits(request: LandRequest): UnitPlace[] {
  const places = unitPlaces(request);
  const lands = new Set(hasChange(request) ? [request.sessionDir] : []);
  for (const { unit, place, around } of places.toReversed()) {
    const named = unit.kind === "submodule" && unit.base?.commit !== unit.head && lands.has(around.sessionDir);
    if (hasChange(place) || named) lands.add(place.sessionDir);
  }
  return places.filter(({ place }) => lands.has(place.sessionDir));
}

async function prepareUnit({ unit, path, place }: UnitPlace, request: LandRequest): Promise<PreparedLanding> {
  const target = join(request.target, path);
  const here = existsSync(join(target, ".git")) ? gitDirOf(target) : undefined;
  if (here === undefined) {
    throw new GlueError(
      "landRefused",
      `The session changed the ${unitName({ ...unit, path })}, but there is no repository in ${target}.`,
      { hint: "Check it out there (for a submodule: git submodule update --init), then apply again." },
    );
  }
  return await prepareLanding({ ...request, ...place, target, orBase: true });
}

/** The same name everywhere, but for a working tree of a repository that has it already: those share their branches. */
function branchNames(request: LandRequest, places: readonly UnitPlace[]): Map<string, string> {
  const branch = request.branch ?? `glue/${request.sessionId}`;
  const taken = new Map<string, number>();
  const top = commonDir(request.target);
  if (top !== undefined) taken.set(top, 1);
  return new Map(
    places.map(({ path }) => {
      const common = commonDir(join(request.target, path)) ?? path;
      const count = (taken.get(common) ?? 0) + 1;
      taken.set(common, count);
      return [path, count === 1 ? branch : `${branch}-${count}`];
    }),
  );
}

/** Where the repository of a working tree keeps its branches. */
function commonDir(folder: string): string | undefined {
  const gitDir = existsSync(join(folder, ".git")) ? gitDirOf(folder) : undefined;
  if (gitDir === undefined) return undefined;
  const link = join(gitDir, "commondir");
  return existsSync(link) ? resolve(gitDir, readFileSync(link, "utf8").trim()) : gitDir;
}
