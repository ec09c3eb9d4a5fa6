import type { CommandResult } from "../runtimes/contract.ts";
import type { CloseReport, Session } from "../session/session.ts";
import type { GlueError } from "../spec/glue-error.ts";
import type { Io } from "./io.ts";
import { type Relayed, statusOf } from "./relay.ts";
import { asGlueError, type ErrorFields, errorFields, exitStatus, printError } from "./report.ts";

/** The last line of `run --json` and `exec --json`; `docs/schemas/exit.schema.json` describes it. */
export interface ExitLine {
  readonly type: "exit";
  readonly schemaVersion: 1;
  /** The exit status of glue itself. */
  readonly exitCode: number;
  /** `unknown`: nobody can say whether or how the command ended. */
  readonly outcome: CommandResult["outcome"] | "unknown";
  readonly session: string;
  /** They differ where a fallback took the place of what was asked for. */
  readonly requestedRuntime: string;
  readonly runtime: string;
  /** Null where the session works on your files directly, and while it goes on. */
  readonly capture: CloseReport["capture"] | null;
  /** True when bytes of the output are known to be missing. */
  readonly outputLost?: true;
  /** What glue itself failed at, if anything. */
  readonly error?: ErrorFields;
}

/** What is known when a command is over. */
export interface Ended extends Relayed {
  readonly session: Session;
  /** Left out while the session goes on. */
  readonly report?: CloseReport | undefined;
  /** Why the session did not end as it should. */
  readonly problem?: unknown;
}

/**
 * Says how a command ended: what went wrong on stderr, with `--json` the last line on stdout. Returns the exit status: the
 * command's own, unless glue failed it; a failed command keeps its own whatever else went wrong. Throws the failure of a command
 * that never ran.
 */
export function account(ended: Ended, io: Io): number {
  const { session, report, result, started } = ended;
  const problems = [ended.failure, ended.problem].filter((thrown) => thrown !== undefined).map(asGlueError);
  if (!started && ended.failure !== undefined) {
    if (ended.problem !== undefined) printError(asGlueError(ended.problem), io);
    throw ended.failure;
  }
  const [first] = problems;
  let status = result === undefined ? 0 : statusOf(result);
  if (status === 0 && first !== undefined) status = exitStatus(first, true);
  for (const problem of problems) if (problem.code !== "outputClosed") printError(problem, io);
  if (io.json) io.outJson(exitLine(session, report, result, status, first));
  return status;
}

function exitLine(
  session: Session,
  report: CloseReport | undefined,
  result: CommandResult | undefined,
  status: number,
  problem: GlueError | undefined,
): ExitLine {
  return {
    type: "exit",
    schemaVersion: 1,
    exitCode: status,
    outcome: result?.outcome ?? "unknown",
    session: session.id,
    requestedRuntime: session.meta.requestedRuntime,
    runtime: session.meta.runtime,
    capture: session.meta.mode === "direct" ? null : (report?.capture ?? null),
    ...(result?.outputLost === true ? { outputLost: true } : {}),
    ...(problem === undefined ? {} : { error: errorFields(problem) }),
  };
}
