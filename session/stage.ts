import type { HostTree } from "../runtimes/contract.ts";
import type { OptionKey, Options } from "../spec/generated/options.ts";
import { prepareSnapshot } from "../workspace/snapshot-prepare.ts";
import { stageTree } from "../workspace/stage.ts";
import type { SessionMeta } from "./meta.ts";
import type { Session, Surroundings } from "./session.ts";
import type { SessionFolder } from "./store.ts";

/** What is known before the sandbox exists: enough to take the snapshot and to make the bundle meanwhile. */
export interface StageRequest {
  readonly folder: SessionFolder;
  readonly tree: HostTree;
  /** Whether what changed here since an earlier session is brought into the sandbox that it left. */
  readonly update: boolean;
  readonly signal: AbortSignal | undefined;
}

/** A tree that is on its way. */
export interface PreparedTree {
  /** Brings it into the session's sandbox; what was done is for meta.json. */
  stage(session: Session): Promise<NonNullable<SessionMeta["stage"]>>;
  /** Lets go of what was prepared, when the sandbox could not be had. Never rejects. */
  discard(): Promise<void>;
}

/** Begins to bring the tree into a sandbox that is only just being created. */
export function prepareStage(around: Surroundings, { folder, tree, update, signal }: StageRequest): PreparedTree {
  const { home, env, progress, voice } = around;
  const stoppable = signal === undefined ? {} : { signal };
  const prepared = prepareSnapshot(tree, {
    glueHome: home.root,
    sessionDir: folder.path,
    hostEnv: env,
    progress,
    ...stoppable,
  });
  return {
    async stage(session) {
      const cap = bundleCap(session.options, session.meta.runtime);
      const { base, report } = await stageTree(session.runtime, prepared, {
        progress,
        update,
        fresh: session.meta.attached !== true && session.runtime.resumed !== true,
        ...(cap === undefined ? {} : { bundleCapBytes: cap }),
        ...stoppable,
      });
      for (const note of report.notes) voice.notice(note);
      return { base, ...report };
    },
    discard: () => prepared.discard(),
  };
}

/** The option `<runtime>.bundle_cap_mb` in bytes, where the runtime has one. */
function bundleCap(options: Options, runtime: string): number | undefined {
  const cap = options[`${runtime}.bundle_cap_mb` as OptionKey];
  return typeof cap === "number" ? cap * 1_000_000 : undefined;
}
