/** The tree of a host without git, as a snapshot whose base the sandbox's git makes. */
import { readlinkSync } from "node:fs";
import type { HostTree } from "../runtimes/contract.ts";
import type { ArchiveEntry } from "./archive.ts";
import { lstatIfThere, pathBelow } from "./host-file.ts";
import { pathText } from "./layout.ts";
import { type PlainRepository, readPlainRepository } from "./snapshot-plain-git.ts";
import { walkPlain } from "./snapshot-plain-walk.ts";
import { chooseRemote, gitDirOf, type HostEnv, readIgnoreRules, withoutCredentials } from "./snapshot-repository.ts";
import type { LeftOut, NestedUnit, Snapshot } from "./snapshot-types.ts";

/** A file that travels; `target` for a symbolic link. */
export interface PlainFile extends ArchiveEntry {
  readonly target?: Uint8Array;
}

export interface PlainSnapshot {
  /** Its `base` is null. */
  readonly snapshot: Snapshot;
  readonly repository: PlainRepository | undefined;
  readonly files: readonly PlainFile[];
  readonly included: readonly PlainFile[];
  readonly leftOut: LeftOut;
  /** For people, a sentence each. */
  readonly warnings: readonly string[];
}

/** Reads the tree without git. `bareRepository` as with git. */
export function takePlainSnapshot(tree: HostTree, hostEnv: HostEnv = process.env): PlainSnapshot {
  const gitDir = gitDirOf(tree.top);
  const repository = gitDir === undefined ? undefined : readPlainRepository(gitDir, hostEnv);
  const ignoreRules =
    repository === undefined
      ? new Uint8Array(0)
      : readIgnoreRules(tree.top, repository.commonDir, repository.config, hostEnv);
  const tracked = repository?.index?.files.map((path) => Buffer.from(path).toString("latin1")) ?? [];
  const walk = walkPlain({ top: tree.top, ignoreRules, tracked });
  const files = walk.files.flatMap((path) => fileAt(tree.top, path));
  const included = walk.included.flatMap((path) => fileAt(tree.top, path));
  const remote = repository === undefined ? undefined : chooseRemote(repository.config, repository.headRef);
  const snapshot: Snapshot = {
    top: tree.top,
    subfolder: tree.subfolder,
    repository: repository !== undefined,
    gitDir: null,
    userGitDir: gitDir ?? null,
    head: repository?.head ?? null,
    headRef: repository?.headRef ?? null,
    base: null,
    // Nobody here can tell; what the sandbox's git makes of it says.
    dirty: true,
    converted: [],
    conversionsUnknown: repository !== undefined,
    units: unitsOf(walk.nested, repository),
    included: included.map(({ path }) => pathText(path)),
    includeCommit: null,
    ignoreRules: new TextDecoder().decode(ignoreRules),
    remoteUrl: remote === undefined ? null : withoutCredentials(remote.url),
    files: files.length,
  };
  const unread = repository !== undefined && repository.index === undefined;
  const warnings = unread
    ? ["Without git, glue cannot read this index: tracked files that are ignored stay behind."]
    : [];
  return { snapshot, repository, files, included, leftOut: walk.leftOut, warnings };
}

function unitsOf(nested: readonly string[], repository: PlainRepository | undefined): NestedUnit[] {
  const submodules = new Map(
    repository?.index?.submodules.map(({ path, id }) => [Buffer.from(path).toString("latin1"), id]),
  );
  return nested.map((path) => {
    const recorded = submodules.get(path) ?? null;
    const kind = recorded === null ? "embedded" : "submodule";
    return { path: pathText(Buffer.from(path, "latin1")), kind, recorded, head: null, base: null };
  });
}

/** Nothing where the file vanished since it was listed. */
function fileAt(top: string, path: string): PlainFile[] {
  const bytes = Buffer.from(path, "latin1");
  const stat = lstatIfThere(pathBelow(top, bytes));
  if (stat?.isSymbolicLink()) {
    const target = readlinkSync(pathBelow(top, bytes), { encoding: "buffer" });
    return [{ path: bytes, kind: "symlink", size: target.length, target }];
  }
  if (!stat?.isFile()) return [];
  return [{ path: bytes, kind: "file", size: stat.size, executable: (stat.mode & 0o100) !== 0 }];
}
