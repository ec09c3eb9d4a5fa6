import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GlueError } from "../../spec/glue-error.ts";
import { isGlueError } from "../../spec/glue-error.ts";
import { type Resolved, type ResolveInput, resolveOptions } from "../../spec/resolve.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A configuration file with that text, 0600; the path of one that does not exist where no text is given. */
export function configFile(text?: string): string {
  const path = join(tempDir(), "config.yaml");
  if (text !== undefined) {
    writeFileSync(path, text);
    chmodSync(path, 0o600);
  }
  return path;
}

/** Resolves with nothing around it but what is given. */
export function resolveWith(given: {
  flags?: Record<string, string>;
  env?: Record<string, string>;
  file?: string;
  path?: string;
  demand?: "none";
}): Promise<Resolved> {
  const input: ResolveInput = { env: given.env ?? {}, configPath: given.path ?? configFile(given.file) };
  return resolveOptions({
    ...input,
    ...(given.flags && { flags: given.flags }),
    ...(given.demand && { demand: given.demand }),
  });
}

/** The `GlueError` that `work` ends with; anything else fails the test. */
export async function glueErrorOf(work: () => unknown): Promise<GlueError> {
  try {
    await work();
  } catch (error) {
    if (isGlueError(error)) return error;
    throw error;
  }
  throw new Error("expected a GlueError, and there was none");
}
