import type { Check } from "../runtimes/contract.ts";
import { loadRuntime } from "../runtimes/factory.ts";
import type { RuntimeId } from "../spec/generated/capabilities.ts";
import { OPTION_ROWS } from "../spec/generated/options.ts";
import { isGlueError } from "../spec/glue-error.ts";
import { describeSource, type Resolved } from "../spec/resolve.ts";

/** Whether one runtime can be used, and why not. */
export interface Diagnosis {
  readonly id: RuntimeId;
  /** Nothing that it needs is missing. */
  readonly ready: boolean;
  readonly checks: readonly Check[];
}

/** A service that has not answered by then is not ready. Milliseconds. */
const PATIENCE_MS = 15_000;

/** Asks the runtime itself, and the options for what it cannot know. Never throws for what is missing. */
export async function diagnose(id: RuntimeId, resolved: Resolved): Promise<Diagnosis> {
  const own = await ownChecks(id, resolved);
  const checks = [...unusableOptions(id, resolved), ...(own ?? [...requiredOptions(id, resolved), notInYet(id)])];
  return { id, ready: checks.every(({ status }) => status !== "missing"), checks };
}

/** Values that were given and cannot be used; the runtime is asked with the default in their place and does not see them. */
function unusableOptions(id: RuntimeId, { sources }: Resolved): Check[] {
  return OPTION_ROWS.filter((row) => row.group === id || row.group === "common").flatMap(({ key }) => {
    const source = sources[key];
    if (source.problem === undefined) return [];
    const fix = source.via === undefined ? `glue run --set ${key}=…` : `export ${source.via}=…`;
    return [{ name: key, status: "missing", detail: `${source.problem} (${describeSource(source)})`, fix }];
  });
}

/** What the option table says of a runtime that cannot be asked. */
function requiredOptions(id: RuntimeId, { options, sources }: Resolved): Check[] {
  return OPTION_ROWS.filter((row) => row.group === id && row.required).map(({ key, env }) =>
    options[key] === undefined
      ? { name: key, status: "missing", detail: "is not set", fix: `export ${env[0]}=…` }
      : { name: key, status: "ok", detail: `is set (${describeSource(sources[key])})` },
  );
}

function notInYet(id: RuntimeId): Check {
  return { name: id, status: "missing", detail: "is not part of this version of glue", fix: "glue capabilities" };
}

/** Undefined where the adapter is not part of this version. */
async function ownChecks(id: RuntimeId, resolved: Resolved): Promise<readonly Check[] | undefined> {
  try {
    const runtime = await loadRuntime(id);
    const late = Bun.sleep(PATIENCE_MS).then((): Check[] => [
      { name: id, status: "missing", detail: `did not answer within ${PATIENCE_MS / 1_000} s` },
    ]);
    return await Promise.race([runtime.diagnose(resolved.options), late]);
  } catch (error) {
    if (!isGlueError(error)) throw error;
    if (error.code === "runtimeNotAvailable") return undefined;
    return [
      { name: id, status: "missing", detail: error.message, ...(error.hint === undefined ? {} : { fix: error.hint }) },
    ];
  }
}
