/** Captures the repositories inside the tree, each by itself, in the way of the one around them. */
import { type CaptureFacts, type CaptureRequest, type CaptureResult, type CaptureSource, capture } from "./capture.ts";
import { unitName } from "./stage-notes.ts";
import { unitPlaces } from "./units.ts";

export interface CapturedUnit {
  /** From the top of the whole tree. */
  readonly path: string;
  readonly kind: "submodule" | "embedded";
  /** The commit that it started from. */
  readonly base: string;
  readonly result: CaptureResult;
}

export interface CapturedUnits {
  readonly units: readonly CapturedUnit[];
  /** For people, a sentence each. */
  readonly warnings: readonly string[];
}

/** Captures every unit that is in the sandbox. Errors as `capture`. */
export async function captureUnits(source: CaptureSource, request: CaptureRequest): Promise<CapturedUnits> {
  const units: CapturedUnit[] = [];
  const warnings: string[] = [];
  for (const { unit, path, place } of unitPlaces(request)) {
    const { sandbox, base } = place.base;
    if (sandbox.gitDir === null || base === null) continue;
    const folder = await source.workspace.stat(sandbox.workspace);
    if (folder?.type !== "directory") {
      warnings.push(`The ${unitName({ ...unit, path })} is gone from the sandbox; nothing of it is captured.`);
      continue;
    }
    const result = await capture(source, { ...request, ...place });
    units.push({ path, kind: unit.kind, base: base.commit, result });
    warnings.push(...result.warnings.map((warning) => `In ${path}: ${warning}`));
  }
  return { units, warnings };
}

/** What is kept of a unit's capture in the record of the session. */
export function unitFacts({ path, kind, base, result }: CapturedUnit): Record<string, unknown> {
  const facts: Partial<CaptureFacts> = result.status === "captured" ? result.facts : {};
  const { commits = 0, files_changed = 0, ids_kept = true, mbox_exact = true, quiescent = true } = facts;
  return {
    path,
    kind,
    status: result.status,
    base,
    tree: result.tree,
    commits,
    files_changed,
    ids_kept,
    mbox_exact,
    quiescent,
  };
}
