import { join } from "node:path";
import { homeAt } from "../session/home.ts";
import { type Resolved, type ResolveInput, resolveOptions } from "../spec/resolve.ts";
import { readSetFlags } from "../spec/set-flags.ts";
import type { Io } from "./io.ts";

/** Where the configuration file is, whether or not it exists. Absolute. */
export function configPath(env: Io["env"]): string {
  return join(homeAt(env).root, "config.yaml");
}

/** Every option's value for this call, from its flags, the environment and the file. Says what is doubtful about them. */
export async function resolveSettings(
  flags: { readonly runtime?: string | undefined; readonly set?: readonly string[] },
  io: Io,
  demand: NonNullable<ResolveInput["demand"]> = "chosen",
): Promise<Resolved> {
  const resolved = await resolveOptions({
    flags: { ...readSetFlags(flags.set ?? []), ...(flags.runtime === undefined ? {} : { runtime: flags.runtime }) },
    env: io.env,
    configPath: configPath(io.env),
    demand,
  });
  for (const warning of resolved.warnings) io.warn(warning);
  return resolved;
}
