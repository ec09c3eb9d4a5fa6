import type { RunOptions } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import type { Env } from "../spec/resolve.ts";
import type { SessionMeta } from "./meta.ts";

/** The options of a command, completed by what its session gives to every command. */
export function withDefaults(meta: SessionMeta, options: RunOptions, callerEnv: Env): RunOptions {
  const { defaults } = meta;
  if (defaults === undefined) return options;
  const passed = Object.fromEntries(
    (defaults.passOn ?? []).map((name) => [name, passOn(meta, name, options, callerEnv)]),
  );
  const timeoutMs = options.timeoutMs ?? defaults.timeoutMs;
  return {
    ...options,
    env: { ...defaults.env, ...passed, ...options.env },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

function passOn(meta: SessionMeta, name: string, options: RunOptions, callerEnv: Env): string {
  const value = options.env?.[name] ?? callerEnv[name];
  if (value !== undefined) return value;
  throw new GlueError(
    "optionInvalid",
    `Session ${meta.id} passes the variable ${name} on to every command, and it is not set here.`,
    {
      hint: `Set it, or give its value: -e ${name}=VALUE.`,
    },
  );
}
