/** Repositories inside the tree: submodules and embedded ones. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { gitText } from "./git.ts";
import { pathText } from "./layout.ts";
import { gitDirOf, type HostEnv } from "./snapshot-repository.ts";
import type { TrackedEntry } from "./snapshot-tracked.ts";
import type { NestedUnit } from "./snapshot-types.ts";

/** Lists the units with the commit that each has checked out. Their contents are not read. */
export async function findUnits(
  top: string,
  gitlinks: readonly TrackedEntry[],
  embedded: readonly Uint8Array[],
  hostEnv?: HostEnv,
): Promise<NestedUnit[]> {
  const submodules = gitlinks.map(({ path, id }) => unit(top, path, "submodule", id, hostEnv));
  const others = embedded.map((path) => unit(top, path, "embedded", null, hostEnv));
  return Promise.all([...submodules, ...others]);
}

async function unit(
  top: string,
  path: Uint8Array,
  kind: NestedUnit["kind"],
  recorded: string | null,
  hostEnv?: HostEnv,
): Promise<NestedUnit> {
  return { path: pathText(path), kind, recorded, head: await headOf(top, path, hostEnv), base: null };
}

/** The commit that is checked out in a folder; null where it has no repository or no commit, or its name is not UTF-8. */
export async function headOf(top: string, path: Uint8Array, hostEnv?: HostEnv): Promise<string | null> {
  const folder = join(top, new TextDecoder().decode(path));
  const gitDir = existsSync(join(folder, ".git")) ? gitDirOf(folder) : undefined;
  if (gitDir === undefined) return null;
  const env = hostEnv === undefined ? {} : { hostEnv };
  const head = await gitText(["rev-parse", "--revs-only", "HEAD^{commit}"], { gitDir, ...env });
  return head === "" ? null : head;
}
