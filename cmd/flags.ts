/** Flags that several commands share, so that they read the same everywhere. */

export const jsonFlag = {
  json: { type: "boolean", description: "Print JSON on stdout, for tools" },
} as const;

export const outputFlags = {
  ...jsonFlag,
  quiet: { type: "boolean", alias: "q", description: "Say only what went wrong" },
  verbose: { type: "boolean", alias: "v", description: "Say what is done, and the whole of an error" },
} as const;
