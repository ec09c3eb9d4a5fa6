/** What a command on the host finds in its environment: the caller's, since that is what "on the host" means. */

import { MARK } from "../common/command-id.ts";
import { checkVariable } from "../common/command-line.ts";

/**
 * The caller's environment without `BUN_*` (they steer the runtime that glue is compiled with: in any other program made with it
 * they could run code), then `extra`, then the mark. `PWD` follows the folder, as it would behind a `cd`.
 */
export function hostEnvironment(
  extra: Readonly<Record<string, string>> | undefined,
  commandId: string,
  cwd: string,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !name.startsWith("BUN_")) env[name] = value;
  }
  env.PWD = cwd;
  for (const [name, value] of Object.entries(extra ?? {})) {
    checkVariable(name, value);
    env[name] = value;
  }
  env[MARK] = commandId;
  return env;
}
