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

/** Asks the options first, then the runtime itself. Never throws for what is missing. */
export async function diagnose(id: RuntimeId, resolved: Resolved): Promise<Diagnosis> {
  const options = optionChecks(id, resolved);
  const own = await ownChecks(id, resolved);
  const checks = [...options, ...own];
  return { id, ready: checks.every(({ status }) => status !== "missing"), checks };
}

/** What the runtime's option table says is missing or cannot be used. */
function optionChecks(id: RuntimeId, { options, sources }: Resolved): Check[] {
  const checks: Check[] = [];
  for (const row of OPTION_ROWS) {
    if (row.group !== id && row.group !== "common") continue;
    const source = sources[row.key];
    if (source.problem !== undefined) {
      const detail = `${source.problem} (${describeSource(source)})`;
      const fix = source.via === undefined ? `glue run --set ${row.key}=…` : `export ${source.via}=…`;
      checks.push({ name: row.key, status: "missing", detail, fix });
    } else if (row.required && options[row.key] === undefined) {
      checks.push({ name: row.key, status: "missing", detail: "is not set", fix: `export ${row.env[0]}=…` });
    } else if (row.required) {
      checks.push({ name: row.key, status: "ok", detail: `is set (${describeSource(source)})` });
    }
  }
  return checks;
}

async function ownChecks(id: RuntimeId, resolved: Resolved): Promise<readonly Check[]> {
  try {
    const runtime = await loadRuntime(id);
    const late = Bun.sleep(PATIENCE_MS).then((): Check[] => [
      { name: id, status: "missing", detail: `did not answer within ${PATIENCE_MS / 1_000} s` },
    ]);
    return await Promise.race([runtime.diagnose(resolved.options), late]);
  } catch (error) {
    if (!isGlueError(error)) throw error;
    return [
      { name: id, status: "missing", detail: error.message, ...(error.hint === undefined ? {} : { fix: error.hint }) },
    ];
  }
}
