import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Home } from "./home.ts";

/** The git directory that a session's change is worked with on this machine; safe to delete, made anew when it is wanted. */
export function changeFolder(home: Home, id: string): string {
  return join(home.cache, "change", id);
}

/** It, and those beside it: one for each repository inside the tree. */
export function changeFolders(home: Home, id: string): string[] {
  const parent = dirname(changeFolder(home, id));
  try {
    return readdirSync(parent)
      .filter((name) => name === id || name.startsWith(`${id}.`))
      .map((name) => join(parent, name));
  } catch (error) {
    // Nothing was ever worked with.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
