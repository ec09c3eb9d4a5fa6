import { join } from "node:path";
import type { Home } from "./home.ts";

/** The git directory that a session's change is worked with on this machine; safe to delete, made anew when it is wanted. */
export function changeFolder(home: Home, id: string): string {
  return join(home.cache, "change", id);
}
