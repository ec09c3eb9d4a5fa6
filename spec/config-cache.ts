import { type BigIntStats, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { version } from "../package.json";
import type { ConfigFile, FileEntry } from "./config-file.ts";
import { OPTIONS_FINGERPRINT } from "./generated/options.ts";
import { fileProblem, isSecretText, optionRow } from "./option-values.ts";

/** Counts changes of what is written here, and of what the parser lets through. */
const FORMAT = 1;
/** File systems keep times as coarse as 2 s: a file changed this lately may change again unseen. */
const SETTLED_NS = 2_000_000_000n;

const CacheSchema = v.object({
  key: v.string(),
  entries: v.array(v.object({ key: v.string(), value: v.unknown(), line: v.number(), column: v.number() })),
});

/**
 * The parsed form of exactly this file from the cache; undefined where there is none, it is another's or it is damaged, all of which
 * only cost the time to parse. The cache lies beside the file, in `cache/` of glue's home.
 */
export function cachedConfig(path: string, stat: BigIntStats): ConfigFile | undefined {
  let text: string;
  try {
    text = readFileSync(cachePath(path), "utf8");
  } catch {
    // Not there, or not readable: the file itself is what counts.
    return undefined;
  }
  const parsed = v.safeParse(CacheSchema, parseJson(text));
  if (!parsed.success || parsed.output.key !== cacheKey(path, stat)) return undefined;
  const entries: FileEntry[] = [];
  for (const { key, value, ...place } of parsed.output.entries) {
    const row = optionRow(key);
    if (row === undefined || fileProblem(row, value) !== undefined || isSecretText(row, value)) return undefined;
    entries.push({ key: row.key, value, ...place });
  }
  return { entries, holdsSecret: false };
}

/** Keeps the parsed form, where the folder `cache/` exists. The caller sees to it that no secret is in it. */
export function cacheConfig(path: string, stat: BigIntStats, config: ConfigFile): void {
  if (BigInt(Date.now()) * 1_000_000n - stat.mtimeNs < SETTLED_NS) return;
  const target = cachePath(path);
  const fresh = `${target}.${process.pid}.new`;
  try {
    writeFileSync(fresh, JSON.stringify({ key: cacheKey(path, stat), entries: config.entries }), { mode: 0o600 });
    renameSync(fresh, target);
  } catch {
    // No such folder, a full or read-only disk: then there is no cache. What it holds is safe to delete at any time.
  }
}

function cachePath(path: string): string {
  return join(dirname(path), "cache", `config-${Bun.hash(path).toString(16)}.json`);
}

function cacheKey(path: string, stat: BigIntStats): string {
  return [FORMAT, version, OPTIONS_FINGERPRINT, path, stat.mtimeNs, stat.ctimeNs, stat.size, stat.dev, stat.ino].join(
    "|",
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A torn file is as good as none.
    return undefined;
  }
}
