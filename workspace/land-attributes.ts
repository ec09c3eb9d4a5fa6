/** What a target asks git to do with content on its way in: its attributes, its settings, its filters. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { splitNul } from "./bytes.ts";
import type { ChangeStore } from "./capture-store.ts";
import { type GitOptions, git, gitText } from "./git.ts";
import { readConfig } from "./snapshot-repository.ts";
import { nulList } from "./snapshot-tracked.ts";

/** The target's settings; keys in lower case but for the subsection. */
export type Config = ReadonlyMap<string, string>;

/** Those of `readConfig`, of a repository to land in. */
export function targetConfig(target: GitOptions): Promise<Config> {
  return readConfig(target);
}

/** By which attributes a file is converted; `filter` is the name of a driver. */
export interface Conversion {
  readonly filter: string | undefined;
  readonly builtIn: boolean;
}

const ATTRIBUTES = ["filter", "text", "crlf", "eol", "ident", "working-tree-encoding"];
const NO_VALUE: ReadonlySet<string> = new Set(["unspecified", "unset"]);

/**
 * How each path is converted on its way in, by the path's bytes as characters. `options` say where the attributes are: files of a
 * working tree, or else the index; `cached` takes the index alone.
 */
export async function readConversions(
  options: GitOptions,
  config: Config,
  paths: readonly Uint8Array[],
  cached = false,
): Promise<Map<string, Conversion>> {
  const found = new Map<string, Map<string, string>>();
  if (paths.length > 0) {
    const args = ["check-attr", ...(cached ? ["--cached"] : []), "-z", "--stdin", ...ATTRIBUTES];
    const fields = splitNul((await git(args, { ...options, stdin: nulList(paths) })).stdout).map(characters);
    for (let at = 0; at + 2 < fields.length; at += 3) {
      const [path = "", name = "", value = ""] = fields.slice(at, at + 3);
      const known = found.get(path) ?? new Map<string, string>();
      found.set(path, known.set(name, value));
    }
  }
  return new Map([...found].map(([path, values]) => [path, conversionOf(values, config)]));
}

/** As gitattributes(5) says. */
function conversionOf(values: ReadonlyMap<string, string>, config: Config): Conversion {
  const value = (name: string): string => values.get(name) ?? "unspecified";
  const isSet = (name: string): boolean => !NO_VALUE.has(value(name));
  // Without a value it names no driver.
  const filter = isSet("filter") && value("filter") !== "set" ? value("filter") : undefined;
  const exempt = value("text") === "unset" || (value("text") === "unspecified" && value("crlf") === "unset");
  const endings = !exempt && (isSet("text") || isSet("crlf") || isSet("eol") || convertsByDefault(config));
  return { filter, builtIn: endings || value("ident") === "set" || isSet("working-tree-encoding") };
}

/** Whether files without any attribute may be converted. */
export function convertsByDefault(config: Config): boolean {
  return !/^(false|no|off|0|)$/i.test(config.get("core.autocrlf") ?? "");
}

/** The user's own setting for line endings, where glue's runs of git have another; to be given on their command line. */
export function ownEndings(config: Config): string[] {
  const endings = config.get("core.autocrlf");
  return endings === undefined ? [] : [`core.autocrlf=${endings}`];
}

/** Bytes as characters, so that they can be a key whatever they are. */
export function characters(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** Whether the target could convert anything of what these commits add to the base; most repositories end here. */
export async function mayConvert(
  store: ChangeStore,
  commits: readonly string[],
  target: GitOptions,
  config: Config,
): Promise<boolean> {
  if (convertsByDefault(config)) return true;
  const own = await gitText(["rev-parse", "--git-path", "info/attributes"], target);
  const files = [resolve(target.gitDir ?? "", own), userAttributes(config), "/etc/gitattributes"];
  if (files.some((file) => existsSync(file))) return true;
  const [before, since] = await Promise.all([
    git(["ls-tree", "-r", "-z", "--name-only", "--full-tree", store.base.tree], store.options),
    git(["diff-tree", "--stdin", "-r", "-m", "--root", "--no-commit-id", "--name-only", "-z"], {
      ...store.options,
      stdin: commits.map((id) => `${id}\n`).join(""),
    }),
  ]);
  return [before, since].some(({ stdout }) => /(^|[/\0])\.gitattributes\0/.test(characters(stdout)));
}

/** As git-config(1) on core.attributesFile says. */
function userAttributes(config: Config): string {
  const home = process.env.HOME ?? homedir();
  const named = config.get("core.attributesfile");
  if (named !== undefined) return named.startsWith("~/") ? join(home, named.slice(2)) : resolve(home, named);
  return join(process.env.XDG_CONFIG_HOME || join(home, ".config"), "git", "attributes");
}
