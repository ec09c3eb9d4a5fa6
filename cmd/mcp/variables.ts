import type { RuntimeId } from "../../spec/generated/capabilities.ts";
import { OPTION_ROWS } from "../../spec/generated/options.ts";

/** What the docker command line reads too. */
const OF_DOCKER = ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"] as const;

/** Programs of every kind set it, and agents hand it on. */
const USUAL = new Set(["SHELL"]);

/**
 * Names of the variables that say something to a server on that runtime and are set now, those that `-e NAME` passes on included: some
 * agents give their servers none but a few, or none that look like a secret.
 */
export function variablesFor(
  runtime: RuntimeId,
  passedOn: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const read = OPTION_ROWS.filter(({ group }) => group === "common" || group === runtime).flatMap(({ env }) => env);
  const docker = runtime === "docker" ? OF_DOCKER : [];
  const given = passedOn.filter((word) => !word.includes("="));
  const names = new Set<string>(["GLUE_HOME", ...docker, ...read, ...given]);
  return [...names].filter((name) => env[name] !== undefined && !USUAL.has(name));
}
