import { type BigIntStats, readFileSync, statSync } from "node:fs";
import { cacheConfig, cachedConfig } from "./config-cache.ts";
import type { ConfigFile } from "./config-file.ts";
import { GlueError } from "./glue-error.ts";
import type { Problem } from "./yaml-source.ts";

/** A megabyte of options is no configuration; whatever it is, it is not read into memory. */
const LARGEST = 1_000_000n;
const SHOWN = 10;

/** The file at `path`, checked; undefined where there is none. Throws `configUnreadable` and `configInvalid`. */
export async function readConfig(
  path: string,
): Promise<(ConfigFile & { readonly warnings: readonly string[] }) | undefined> {
  const stat = statFile(path);
  if (stat === undefined) return undefined;
  const cached = cachedConfig(path, stat);
  if (cached !== undefined) return { ...cached, warnings: [] };
  const { problems, ...config } = await parseFile(path);
  if (problems.length > 0) throw invalid(problems);
  if (!config.holdsSecret) cacheConfig(path, stat, config);
  return { ...config, warnings: exposure(path, stat, config) };
}

/** All that is wrong with the file at `path`; `exists: false` where there is none, which is fine. Throws `configUnreadable`. */
export async function validateConfig(
  path: string,
): Promise<{ readonly exists: boolean; readonly problems: readonly Problem[]; readonly warnings: readonly string[] }> {
  const stat = statFile(path);
  if (stat === undefined) return { exists: false, problems: [], warnings: [] };
  const { problems, ...config } = await parseFile(path);
  return { exists: true, problems, warnings: exposure(path, stat, config) };
}

async function parseFile(path: string): Promise<ConfigFile & { readonly problems: readonly Problem[] }> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    if (cause instanceof TypeError) throw new GlueError("configInvalid", `${path} is not UTF-8 text.`, { cause });
    throw unreadable(path, cause);
  }
  // The YAML parser costs milliseconds, which only an uncached file is worth.
  const { parseConfig } = await import("./config-file.ts");
  return parseConfig(text, path);
}

function statFile(path: string): BigIntStats | undefined {
  let stat: BigIntStats;
  try {
    stat = statSync(path, { bigint: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unreadable(path, cause);
  }
  if (!stat.isFile()) {
    throw new GlueError("configUnreadable", `${path} is not a regular file.`, {
      hint: "glue config init shows what it should hold.",
    });
  }
  if (stat.size > LARGEST)
    throw new GlueError("configUnreadable", `${path} is larger than a configuration can be (1 MB).`);
  return stat;
}

function unreadable(path: string, cause: unknown): GlueError {
  const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
  const why =
    code === "EACCES" || code === "EPERM"
      ? "permission denied"
      : code === "ENOTDIR"
        ? "a part of the path is not a folder"
        : code;
  return new GlueError("configUnreadable", `${path} cannot be read: ${why}.`, {
    hint: "Make it a file that you can read.",
    cause,
  });
}

function invalid(problems: readonly Problem[]): GlueError {
  const lines = problems
    .slice(0, SHOWN)
    .map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`);
  if (problems.length > SHOWN) lines.push(`and ${problems.length - SHOWN} more`);
  return new GlueError("configInvalid", lines.join("\n"), { hint: "glue config schema shows what the file may hold." });
}

function exposure(path: string, stat: BigIntStats, config: ConfigFile): string[] {
  const readableByOthers = process.platform !== "win32" && (stat.mode & 0o044n) !== 0n;
  if (!config.holdsSecret || !readableByOthers) return [];
  return [
    `${path} holds a secret and other users can read it. Run chmod 600 ${path}, or write env:NAME instead of the secret.`,
  ];
}
