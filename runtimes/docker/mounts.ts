import { realpathSync } from "node:fs";
import { posix } from "node:path";
import { GlueError } from "../contract.ts";

/** A folder or file of the host that the container sees. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface MountRules {
  /** The caller's home folder; `~` stands for it. Empty where there is none. */
  readonly home: string;
  /** `docker.allow_dangerous_mounts`. */
  readonly allowDangerous: boolean;
  /** Container paths that are taken, such as the workspace's. */
  readonly reserved: readonly string[];
}

/**
 * Reads the rows of `docker.mounts`, each `/host[:/container][:ro|rw]`. Throws `mountInvalid` with the row for a path that is relative,
 * missing, exposes all of a home folder or of the system, or is in the way of another.
 */
export function parseMounts(rows: readonly string[], rules: MountRules): Mount[] {
  const mounts: Mount[] = [];
  for (const row of rows) {
    const mount = parseMount(row, rules);
    const taken = [...rules.reserved, ...mounts.map((other) => other.target)];
    if (taken.includes(mount.target)) throw invalid(row, `${mount.target} is mounted already`);
    mounts.push(mount);
  }
  return mounts;
}

function parseMount(row: string, rules: MountRules): Mount {
  const parts = row.split(":");
  const last = parts.at(-1);
  const mode = parts.length > 1 && (last === "ro" || last === "rw") ? parts.pop() : "rw";
  if (parts.length > 2) throw invalid(row, "it has too many colons; the mode is ro or rw");
  const [host = "", container] = parts;
  const path = expandHome(row, host, rules.home);
  if (!path.startsWith("/")) throw invalid(row, `${JSON.stringify(host)} is not an absolute path`);
  const source = realPath(row, path);
  if (!rules.allowDangerous) refuseDangerous(row, source, rules.home);
  const target = posix.normalize(container ?? path).replace(/(?<=.)\/$/, "");
  if (!target.startsWith("/"))
    throw invalid(row, `the path in the container, ${JSON.stringify(container)}, is not absolute`);
  if (target === "/") throw invalid(row, "nothing can be mounted over the container's /");
  return { source, target, readOnly: mode === "ro" };
}

function expandHome(row: string, path: string, home: string): string {
  if (path !== "~" && !path.startsWith("~/")) return path;
  if (home === "") throw invalid(row, "there is no home folder (HOME is not set)");
  return home + path.slice(1);
}

/** The engine would make a missing folder, as root; a symbolic link could hide what is exposed. */
function realPath(row: string, path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    throw invalid(
      row,
      code === "ENOENT" || code === "ENOTDIR" ? `${path} does not exist` : `${path} cannot be read (${code})`,
      cause,
    );
  }
}

/** What holds the home folder exposes at least as much as the home folder itself. */
function refuseDangerous(row: string, source: string, home: string): void {
  const inner = home === "" ? "/" : tryRealPath(home);
  const exposesHome = inner === source || inner.startsWith(source === "/" ? "/" : `${source}/`);
  if (source !== "/" && !exposesHome) return;
  const what = source === "/" ? "the whole file system" : "your home folder, with every key and password in it,";
  throw new GlueError("mountInvalid", `docker.mounts: ${JSON.stringify(row)} would give ${what} to the container.`, {
    hint: "Mount a folder below it, or set docker.allow_dangerous_mounts if that is what you want.",
  });
}

function tryRealPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // A home folder that does not exist holds nothing; its name still counts.
    return path;
  }
}

function invalid(row: string, why: string, cause?: unknown): GlueError {
  return new GlueError("mountInvalid", `docker.mounts: ${JSON.stringify(row)} cannot be used: ${why}.`, {
    hint: "A mount is /host[:/container][:ro|rw]; the folder must exist.",
    cause,
  });
}
