import type { AnyCommand } from "./command.ts";

/**
 * Every command by its full name, loaded when it is used: start-up pays for one command only. The order is that of `glue --help`.
 * Each file exports its `command`.
 */
export const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: AnyCommand }>>> = {
  run: () => import("./run.ts"),
  exec: () => import("./exec.ts"),
  shell: () => import("./shell.ts"),
  mcp: () => import("./mcp.ts"),
  "job list": () => import("./job-list.ts"),
  "job logs": () => import("./job-logs.ts"),
  "job wait": () => import("./job-wait.ts"),
  "job kill": () => import("./job-kill.ts"),
  cp: () => import("./cp.ts"),
  "session start": () => import("./session-start.ts"),
  "session list": () => import("./session-list.ts"),
  "session show": () => import("./session-show.ts"),
  "session diff": () => import("./session-diff.ts"),
  "session apply": () => import("./session-apply.ts"),
  "session export": () => import("./session-export.ts"),
  "session recover": () => import("./session-recover.ts"),
  "session close": () => import("./session-close.ts"),
  "session rm": () => import("./session-rm.ts"),
  prune: () => import("./prune.ts"),
  doctor: () => import("./doctor.ts"),
  capabilities: () => import("./capabilities.ts"),
  "config init": () => import("./config-init.ts"),
  "config path": () => import("./config-path.ts"),
  "config show": () => import("./config-show.ts"),
  "config schema": () => import("./config-schema.ts"),
  "config validate": () => import("./config-validate.ts"),
  completions: () => import("./completions.ts"),
  version: () => import("./version.ts"),
  __mcp: () => import("./mcp-serve.ts"),
  __keep: () => import("./keep.ts"),
  __complete: () => import("./complete.ts"),
};

/** First words that are no command by themselves. */
export const GROUPS: Readonly<Record<string, string>> = {
  config: "The configuration file.",
  session: "Sessions, their history and their changes.",
  job: "Jobs, across processes.",
};
