import { copyFileSync, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { GlueError } from "../../spec/glue-error.ts";
import type { AgentFile } from "./agents.ts";

/**
 * Plans one file: `now` is what it holds, undefined where it is not there. The function that is returned writes it, with a copy of what was
 * there beside it, and says so. `configInvalid` where what is there cannot be extended without a guess; nothing is written then.
 */
export function installFile(file: AgentFile, path: string, now: string | undefined): () => string {
  const next = now === undefined ? wholeOf(file) : extended(file, path, now);
  if (next === now) return () => `${path} has it already.`;
  return () => {
    const backup = now === undefined ? undefined : copyAside(path);
    mkdirSync(dirname(path), { recursive: true });
    const fresh = `${path}.glue-new`;
    writeFileSync(fresh, next, backup === undefined ? {} : { mode: statSync(path).mode & 0o777 });
    renameSync(fresh, path);
    return backup === undefined ? `Wrote ${path}.` : `Changed ${path}; what it held is in ${backup}.`;
  };
}

function copyAside(path: string): string {
  const backup = `${path}.before-glue-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
  copyFileSync(path, backup);
  return backup;
}

function wholeOf(file: AgentFile): string {
  if (file.kind === "json") return `${JSON.stringify(file.content, null, 2)}\n`;
  return file.kind === "toml" ? `${file.top}\n${file.tables}` : file.content;
}

function extended(file: AgentFile, path: string, now: string): string {
  if (file.kind === "text") {
    if (now === file.content) return now;
    throw inTheWay(path, "it is there already, and holds something else");
  }
  return file.kind === "json" ? extendedJson(file, path, now) : extendedToml(file, path, now);
}

function extendedJson({ content, whole = [] }: AgentFile & { kind: "json" }, path: string, now: string): string {
  let value: unknown;
  try {
    value = JSON.parse(now.trim() === "" ? "{}" : now);
  } catch (cause) {
    throw inTheWay(path, "it is no plain JSON (comments would be lost)", cause);
  }
  if (!isObject(value)) throw inTheWay(path, "it holds no JSON object");
  const merged = merge(value, content, whole);
  return JSON.stringify(merged) === JSON.stringify(value) ? now : `${JSON.stringify(merged, null, 2)}\n`;
}

/** Objects are joined, lists get what they lack, and everything else becomes ours: a rule that forbids has to hold. `whole`: as in AgentFile. */
function merge(old: unknown, ours: unknown, whole: readonly string[]): unknown {
  if (Array.isArray(old) && Array.isArray(ours) && ours.every((item) => typeof item === "string"))
    return [...old, ...ours.filter((item) => !old.includes(item))];
  if (!isObject(old) || !isObject(ours)) return ours;
  const result: Record<string, unknown> = { ...old };
  for (const [key, value] of Object.entries(ours)) {
    // The server is ours alone: old arguments must not stay beside the new ones.
    result[key] = key === "glue" || whole.includes(key) || !(key in old) ? value : merge(old[key], value, whole);
  }
  return result;
}

/** A table or a key that is there already cannot be written again, and to rewrite the file would lose its comments. */
function extendedToml(file: AgentFile & { kind: "toml" }, path: string, now: string): string {
  if (now.includes(file.tables) && now.includes(file.top)) return now;
  let value: unknown;
  let ours: unknown;
  try {
    value = Bun.TOML.parse(now);
    ours = Bun.TOML.parse(wholeOf(file));
  } catch (cause) {
    throw inTheWay(path, "it is not valid TOML", cause);
  }
  const there = isObject(value) && isObject(ours) ? clash(value, ours) : undefined;
  if (there !== undefined) throw inTheWay(path, `it says something about ${there} already`);
  return `${file.top}\n${now.trimEnd()}\n\n${file.tables}`;
}

/** The name of something that both have and that cannot stand twice. */
function clash(value: Record<string, unknown>, ours: Record<string, unknown>): string | undefined {
  const servers = value.mcp_servers;
  if (isObject(servers) && "glue" in servers) return "mcp_servers.glue";
  return Object.keys(ours).find((key) => key !== "mcp_servers" && key in value);
}

function inTheWay(path: string, why: string, cause?: unknown): GlueError {
  return new GlueError("configInvalid", `${path} cannot be extended: ${why}. Nothing was written.`, {
    hint: "Leave --install out to see what has to be in it, and put it there by hand.",
    cause,
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
