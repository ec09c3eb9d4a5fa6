/** Repositories inside a tree that a session works with: where each has its files, and what the one around it must know of it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CAPTURE_FILES, type StorePlace } from "./capture-store.ts";
import { pathBytes } from "./layout.ts";
import type { NestedUnit } from "./snapshot-types.ts";

/** The folder below a session's (and below glue's private one in the sandbox) that those of its units are in. */
export const UNITS = "units";

/** A unit that travelled. */
export interface UnitPlace {
  readonly unit: NestedUnit;
  /** From the top of the whole tree. */
  readonly path: string;
  readonly place: StorePlace;
  /** Of the repository around it. */
  readonly around: StorePlace;
}

/** Every unit, also those inside of units; the inner ones first. */
export function unitPlaces(place: StorePlace, above = ""): UnitPlace[] {
  return place.base.units.flatMap((unit) => {
    if (unit.base === null || unit.staged === undefined) return [];
    const own: StorePlace = {
      sessionDir: join(place.sessionDir, unit.base.folder),
      gitDir: `${place.gitDir}.${unit.base.folder.replace("/", "-")}`,
      base: unit.staged,
    };
    const path = join(above, unitPath(unit));
    return [...unitPlaces(own, path), { unit, path, place: own, around: place }];
  });
}

/** Whether anything of a session came back: of the tree itself or of a repository inside. */
export function hasAnyChange(place: StorePlace): boolean {
  return hasChange(place) || unitPlaces(place).some((unit) => hasChange(unit.place));
}

/** Whether anything of this one repository came back. */
export function hasChange({ sessionDir }: Pick<StorePlace, "sessionDir">): boolean {
  return existsSync(join(sessionDir, CAPTURE_FILES.bundle));
}

/** The path of a unit that travels, below the top of the repository around it. */
export function unitPath(unit: NestedUnit): string {
  return new TextDecoder().decode(pathBytes(unit.path));
}

/** Embedded repositories whose contents are in the sandbox: to the repository around them they are not there. */
export function embeddedPaths(units: readonly NestedUnit[]): string[] {
  return units.filter((unit) => unit.kind === "embedded" && isInside(unit)).map(({ path }) => path);
}

/** Submodules whose contents are in the sandbox. */
export function submodulePaths(units: readonly NestedUnit[]): string[] {
  return units.filter((unit) => unit.kind === "submodule" && isInside(unit)).map(unitPath);
}

function isInside({ base, staged }: NestedUnit): boolean {
  return base !== null && staged?.sandbox.gitDir !== null;
}
