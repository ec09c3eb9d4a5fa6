import { GlueError } from "../spec/glue-error.ts";
import type { PreparedSnapshot } from "./snapshot-prepare.ts";
import type { Staged, StageRun } from "./stage.ts";

export async function stageWithoutHostGit(_run: StageRun, _prepared: PreparedSnapshot): Promise<Staged> {
  throw new GlueError("gitMissing", "git is not installed here.");
}
