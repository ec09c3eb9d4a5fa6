/** The flags of `glue mcp` that say what the server does. */
export interface McpOptions {
  readonly session: string | undefined;
  readonly runtime: string | undefined;
  readonly set: readonly string[];
  readonly cwd: string | undefined;
  readonly copy: boolean;
  readonly update: boolean;
  readonly env: readonly string[];
  readonly timeout: string | undefined;
  readonly "allow-outside": boolean;
  readonly "answer-within": string | undefined;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** The same as words of a command line. */
export function wordsOf(options: McpOptions): string[] {
  const valued = (["session", "runtime", "cwd", "timeout", "answer-within"] as const).flatMap((name) => {
    const value = options[name];
    return value === undefined ? [] : [`--${name}`, value];
  });
  const switches = (["copy", "allow-outside", "quiet", "verbose"] as const).flatMap((name) =>
    options[name] ? [`--${name}`] : [],
  );
  return [
    ...valued,
    ...switches,
    ...(options.update ? [] : ["--no-update"]),
    ...options.set.flatMap((word) => ["--set", word]),
    ...options.env.flatMap((word) => ["--env", word]),
  ];
}
