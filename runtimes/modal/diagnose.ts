import { type Check, GlueError, type Options } from "../contract.ts";
import { wishesOf } from "./options.ts";
import { findPython, type Python } from "./python.ts";
import { Sidecar } from "./sidecar.ts";
import { kindOf } from "./sidecar-errors.ts";

const PYTHON = "modal python";
const PACKAGE = "modal package";
const ACCESS = "modal access";

/** What is ready and what is not, each with the step that mends it. Creates nothing. The online part is bounded by the sidecar. */
export async function diagnose(options: Options): Promise<Check[]> {
  const checks: Check[] = [optionsCheck(options), cliCheck(options)];
  let python: Python;
  try {
    python = await findPython(options);
  } catch (error) {
    return [...checks, missing(PYTHON, error, "pip install modal, or set modal.python_path to the Python that has it")];
  }
  const found: Check = { name: PYTHON, status: "ok", detail: `${python.argv.join(" ")} (${python.from})` };
  let sidecar: Sidecar;
  try {
    sidecar = await Sidecar.start(python, { life: "session" });
  } catch (error) {
    return [...checks, ...startChecks(error, found)];
  }
  checks.push(found);
  try {
    const said = await sidecar.request("say how it is", "check", { online: true });
    checks.push({ name: PACKAGE, status: "ok", detail: `modal ${String(said.sdk)}` }, accessCheck(said));
  } catch (error) {
    checks.push(missing(PACKAGE, error, "pip install --upgrade modal"));
  } finally {
    await sidecar.shutdown(false).catch(() => undefined);
  }
  return checks;
}

function missing(name: string, error: unknown, fix: string): Check {
  const hint = error instanceof GlueError ? error.hint : undefined;
  return { name, status: "missing", detail: error instanceof Error ? error.message : String(error), fix: hint ?? fix };
}

/** Why the sidecar does not start: the interpreter's fault, the package's, or that of the SDK's own configuration. */
function startChecks(error: unknown, python: Check): Check[] {
  switch (kindOf(error)) {
    case "noSdk":
    case "tooOld":
      return [python, missing(PACKAGE, error, "pip install --upgrade modal")];
    case "config":
      return [python, missing(ACCESS, error, "Correct ~/.modal.toml, or run modal token set")];
    default:
      return [missing(PYTHON, error, "Set modal.python_path to the Python that has modal")];
  }
}

function optionsCheck(options: Options): Check {
  try {
    wishesOf(options);
    return { name: "modal options", status: "ok", detail: "every option can be used" };
  } catch (error) {
    return missing("modal options", error, "Correct that option");
  }
}

function cliCheck(options: Options): Check {
  const name = "modal program";
  const cli = options["modal.modal_cli"];
  const found = Bun.which(cli);
  if (found !== null) return { name, status: "ok", detail: found };
  // Sandboxes need the package only.
  return { name, status: "warn", detail: `${cli} is not on PATH`, fix: "pip install modal, or set modal.modal_cli" };
}

function accessCheck(said: Readonly<Record<string, unknown>>): Check {
  const fix = "modal token set --token-id … --token-secret …";
  const wrong = (detail: string, fix: string): Check => ({ name: ACCESS, status: "missing", detail, fix });
  if (said.token !== true) return wrong(`no token in the environment or in ${String(said.config)}`, fix);
  if (said.problem === undefined) return { name: ACCESS, status: "ok", detail: "the service accepts the token" };
  switch (said.kind) {
    case "auth":
      return wrong(`not accepted: ${String(said.problem)}`, fix);
    case "unreachable":
      return wrong(`the service does not answer: ${String(said.problem)}`, "Check the network and the proxy settings");
    default:
      return wrong(
        `cannot be used: ${String(said.problem)}`,
        `Correct the environment or ${String(said.config)}, or run ${fix}`,
      );
  }
}
