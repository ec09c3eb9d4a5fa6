/** Flags that several commands share, so that they read the same everywhere. */

export const jsonFlag = {
  json: { type: "boolean", description: "Print JSON on stdout, for tools" },
} as const;

export const outputFlags = {
  ...jsonFlag,
  quiet: { type: "boolean", alias: "q", description: "Say only what went wrong" },
  verbose: { type: "boolean", alias: "v", description: "Say what is done, and the whole of an error" },
} as const;

export const runtimeFlag = {
  runtime: {
    type: "string",
    alias: "r",
    valueHint: "R",
    complete: "runtime",
    description: "Where to run: host, docker, daytona, sprites or modal",
  },
} as const;

/** How a value of the configuration is given for one call. */
export const settingFlags = {
  ...runtimeFlag,
  set: {
    type: "string",
    valueHint: "KEY=VALUE",
    multiple: true,
    complete: "option",
    description: "Give an option of the configuration another value",
  },
} as const;

/** What a session is opened with. */
export const openFlags = {
  ...settingFlags,
  cwd: {
    type: "string",
    alias: "C",
    valueHint: "DIR",
    complete: "directory",
    description: "Work on this folder instead of the one you are in",
  },
  copy: {
    type: "boolean",
    description: "Work on a copy; the change comes back as commits that you review and land",
  },
  update: {
    type: "boolean",
    default: true,
    description: "In a sandbox that an earlier session left, bring in nothing of what changed here since",
  },
} as const;

/** What every command in a session can be given. */
export const surroundFlags = {
  env: {
    type: "string",
    alias: "e",
    valueHint: "K=V|NAME",
    multiple: true,
    description: "Set a variable, or pass one of yours on",
  },
  timeout: {
    type: "string",
    valueHint: "TIME",
    description: "End the command and all it started after this time (90s, 5m, 1h30m) and exit with 124",
  },
} as const;

/** What a command in a session is started with. */
export const commandFlags = {
  ...surroundFlags,
  script: { type: "string", alias: "c", valueHint: "SCRIPT", description: "Run a shell script instead of CMD" },
  interactive: { type: "boolean", alias: "i", description: "Give the command your terminal's input" },
  tty: { type: "boolean", alias: "t", description: "Give the command a terminal of its own" },
  stdin: { type: "boolean", default: true, description: "Never read stdin; the command finds it at its end" },
} as const;

/** Exit status of everything that passes a command's own on. */
export const RELAYED_EXITS = [
  ["0–255", "The command's own status"],
  ["124", "It ran into --timeout"],
  ["125", "glue or the runtime failed, or it is unknown how the command ended"],
  ["126, 127", "It cannot be executed, or does not exist"],
  ["128+n", "Signal n ended it"],
  ["130", "Interrupted"],
  ["2", "Wrong usage or configuration; nothing was started"],
] as const;
