import type { Check, Options } from "../contract.ts";
import { wishesOf } from "./options.ts";
import { findPython } from "./python.ts";
import { Sidecar } from "./sidecar.ts";

/** What is ready and what is not, each with the step that mends it. Creates nothing. The online part is bounded by the sidecar. */
export async function diagnose(options: Options): Promise<Check[]> {
  const checks: Check[] = [optionsCheck(options), cliCheck(options)];
  let sidecar: Sidecar;
  try {
    const python = await findPython(options);
    sidecar = await Sidecar.start(python, { life: "session" });
    checks.push({ name: "modal python", status: "ok", detail: `${python.argv.join(" ")} (${python.from})` });
  } catch (error) {
    const hint = error instanceof Error && "hint" in error ? String(error.hint) : undefined;
    checks.push({
      name: "modal python",
      status: "missing",
      detail: error instanceof Error ? error.message : String(error),
      fix: hint ?? "pip install modal, or set modal.python_path to the Python that has it",
    });
    return checks;
  }
  try {
    const said = await sidecar.request("say how it is", "check", { online: true });
    checks.push({ name: "modal package", status: "ok", detail: `modal ${String(said.sdk)}` });
    checks.push(accessCheck(said));
  } catch (error) {
    checks.push({
      name: "modal package",
      status: "missing",
      detail: error instanceof Error ? error.message : String(error),
      fix: "pip install --upgrade modal",
    });
  } finally {
    await sidecar.shutdown(false).catch(() => undefined);
  }
  return checks;
}

function optionsCheck(options: Options): Check {
  try {
    wishesOf(options);
    return { name: "modal options", status: "ok", detail: "every option can be used" };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name: "modal options", status: "missing", detail, fix: "Correct that option" };
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
  const name = "modal access";
  const fix = "modal token set --token-id … --token-secret …";
  if (said.token !== true) {
    return { name, status: "missing", detail: `no token in the environment or in ${String(said.config)}`, fix };
  }
  if (said.problem === undefined) return { name, status: "ok", detail: "the service accepts the token" };
  if (said.kind === "auth") return { name, status: "missing", detail: `not accepted: ${String(said.problem)}`, fix };
  return {
    name,
    status: "missing",
    detail: `the service does not answer: ${String(said.problem)}`,
    fix: "Check the network and the proxy settings",
  };
}
