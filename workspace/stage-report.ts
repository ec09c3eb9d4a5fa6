/** What is recorded of a staged tree. */
import { SESSION_FILES, sandboxGitDir } from "./layout.ts";
import type { BaseCommit, LeftOut, Snapshot, StagedBase, Strategy } from "./snapshot-types.ts";
import type { Staged, StageRun } from "./stage.ts";
import { stageNotes } from "./stage-notes.ts";

export interface StagedFacts {
  readonly snapshot: Snapshot;
  readonly base: BaseCommit | null;
  readonly leftOut: LeftOut;
  /** The host's git version; null where it has none. */
  readonly hostGit: string | null;
  /** Of the bundle in the session's folder, in bytes; null where there is none. */
  readonly bundleSize: number | null;
  readonly strategy: Strategy;
  readonly bytesSent: number;
  /** What became of the repositories inside the tree, a sentence each. */
  readonly unitNotes?: readonly string[];
  /** Shown behind what was taken and left out. */
  readonly warnings?: readonly string[];
}

/** Puts together what meta.json and people are told. */
export function describeStaged(run: StageRun, facts: StagedFacts): Staged {
  const { snapshot, strategy, bytesSent } = facts;
  const { paths } = run.target;
  // Without the host's git the sandbox's makes the base, whatever way the files went in.
  const hasGit = facts.base !== null && (strategy !== "archive" || facts.hostGit === null);
  const base: StagedBase = {
    version: 1,
    strategy,
    base: facts.base,
    head: snapshot.head,
    headRef: snapshot.headRef,
    dirty: snapshot.dirty,
    converted: snapshot.converted,
    ...(snapshot.conversionsUnknown ? { conversionsUnknown: true } : {}),
    units: snapshot.units,
    included: snapshot.included,
    ignoreRules: snapshot.ignoreRules,
    leftOut: facts.leftOut,
    remoteUrl: snapshot.remoteUrl,
    host: {
      top: snapshot.top,
      subfolder: snapshot.subfolder,
      repository: snapshot.repository,
      git: facts.hostGit,
      gitDir: snapshot.gitDir,
    },
    sandbox: {
      workspace: paths.workspace,
      cwd: snapshot.subfolder === "" ? paths.workspace : `${paths.workspace}/${snapshot.subfolder}`,
      git: run.tools.git ?? null,
      gitDir: hasGit ? sandboxGitDir(paths.private) : null,
    },
    bundle: facts.bundleSize === null ? null : { file: SESSION_FILES.baseBundle, size: facts.bundleSize },
  };
  return {
    base,
    report: {
      strategy,
      passedOver: run.passedOver,
      files: snapshot.files,
      bytesSent,
      milliseconds: Math.round(performance.now() - run.startedAt),
      notes: [...stageNotes(base, bytesSent, snapshot.files, facts.unitNotes), ...(facts.warnings ?? [])],
    },
  };
}
