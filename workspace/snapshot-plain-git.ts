/** What can be read of a repository on a host that has no git: HEAD, the configuration, what the index holds. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { HostEnv } from "./snapshot-repository.ts";
import type { ObjectFormat } from "./snapshot-types.ts";

export interface PlainRepository {
  readonly gitDir: string;
  readonly commonDir: string;
  readonly objectFormat: ObjectFormat;
  readonly head: string | null;
  readonly headRef: string | null;
  /** As `UserRepository.config`, from the files that git would read; `include` is not followed. */
  readonly config: ReadonlyMap<string, string>;
  /** What the index holds; undefined where it is in a form that glue does not read. */
  readonly index: PlainIndex | undefined;
}

/** Paths as bytes. */
export interface PlainIndex {
  readonly files: readonly Uint8Array[];
  readonly submodules: readonly { readonly path: Uint8Array; readonly id: string }[];
}

/** Reads what there is; what cannot be read is left out, as it is for git. */
export function readPlainRepository(gitDir: string, env: HostEnv): PlainRepository {
  const common = readText(join(gitDir, "commondir"))?.trim();
  const commonDir = common === undefined ? gitDir : resolve(gitDir, common);
  const home = env.HOME ?? homedir();
  const files = [
    "/etc/gitconfig",
    join(env.XDG_CONFIG_HOME || join(home, ".config"), "git", "config"),
    join(home, ".gitconfig"),
    join(commonDir, "config"),
  ];
  const config = new Map(files.flatMap((file) => parseConfig(readText(file) ?? "")));
  const objectFormat = config.get("extensions.objectformat") === "sha256" ? "sha256" : "sha1";
  const headRef = /^ref: (.+)/.exec(readText(join(gitDir, "HEAD")) ?? "")?.[1]?.trim() ?? null;
  return {
    gitDir,
    commonDir,
    objectFormat,
    head: headOf(gitDir, commonDir, headRef),
    headRef,
    config,
    index: readIndex(join(gitDir, "index"), objectFormat),
  };
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // Not there, or not for this user: git goes on without it as well.
    return undefined;
  }
}

const ID = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

function headOf(gitDir: string, commonDir: string, headRef: string | null): string | null {
  const named = headRef === null ? readText(join(gitDir, "HEAD")) : readText(join(commonDir, headRef));
  const id = named?.trim() ?? packedRef(commonDir, headRef);
  return id !== undefined && ID.test(id) ? id : null;
}

function packedRef(commonDir: string, ref: string | null): string | undefined {
  const lines = readText(join(commonDir, "packed-refs"))?.split("\n") ?? [];
  return lines.find((line) => line.endsWith(` ${ref}`))?.split(" ", 1)[0];
}

/** The settings of a git configuration file, as git-config(1) describes its syntax. */
export function parseConfig(text: string): [string, string][] {
  const found: [string, string][] = [];
  let section = "";
  for (const line of text.replace(/\\\r?\n/g, "").split(/\r?\n/)) {
    const header = /^\s*\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]\s*(.*)$/.exec(line);
    if (header !== null) {
      const sub = header[2]?.replace(/\\(.)/g, "$1");
      section = `${header[1]?.toLowerCase()}${sub === undefined ? "" : `.${sub}`}`;
    }
    const setting = /^\s*([A-Za-z][\w-]*)\s*(?:=\s*(.*))?$/.exec(header === null ? line : (header[3] ?? ""));
    if (setting === null || section === "") continue;
    found.push([`${section}.${setting[1]?.toLowerCase()}`, setting[2] === undefined ? "true" : unquote(setting[2])]);
  }
  return found;
}

function unquote(value: string): string {
  let plain = "";
  let quoted = false;
  let end = 0;
  for (let at = 0; at < value.length; at++) {
    const character = value[at] ?? "";
    if (character === "\\") {
      const next = value[++at] ?? "";
      plain += { n: "\n", t: "\t", b: "\b" }[next] ?? next;
    } else if (character === '"') quoted = !quoted;
    else if (!quoted && (character === "#" || character === ";")) break;
    else plain += character;
    if (quoted || !/\s/.test(character)) end = plain.length;
  }
  return plain.slice(0, end);
}

/** The names in an index file of version 2, 3 or 4, as gitformat-index(5) lays them out. */
function readIndex(file: string, objectFormat: ObjectFormat): PlainIndex | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    // A repository in which nothing was ever added has none.
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? { files: [], submodules: [] } : undefined;
  }
  const version = bytes.length < 12 ? 0 : bytes.readUInt32BE(4);
  const hash = objectFormat === "sha256" ? 32 : 20;
  if (bytes.toString("latin1", 0, 4) !== "DIRC" || ![2, 3, 4].includes(version)) return undefined;
  const files: Uint8Array[] = [];
  const submodules: PlainIndex["submodules"][number][] = [];
  let previous = Buffer.alloc(0);
  let at = 12;
  for (let left = bytes.readUInt32BE(8); left > 0; left--) {
    const start = at;
    const mode = bytes.readUInt32BE(at + 24);
    const flags = bytes.readUInt16BE(at + 40 + hash);
    at += 42 + hash + (version >= 3 && (flags & 0x4000) !== 0 ? 2 : 0);
    let prefix = Buffer.alloc(0);
    if (version === 4) {
      const cut = readVarint(bytes, at);
      at = cut.next;
      prefix = Buffer.from(previous.subarray(0, previous.length - cut.value));
    }
    const end = bytes.indexOf(0, at);
    const name = Buffer.concat([prefix, bytes.subarray(at, end)]);
    at = version === 4 ? end + 1 : start + ((end - start + 8) & ~7);
    if ((mode & 0o170000) !== 0o160000) files.push(name);
    else submodules.push({ path: name, id: bytes.toString("hex", start + 40, start + 40 + hash) });
    previous = name;
  }
  return hasExtension(bytes.subarray(at, bytes.length - hash), "link") ? undefined : { files, submodules };
}

/** Extensions follow the entries: four letters, a length, the content. `link` means that most entries are in another file. */
function hasExtension(bytes: Buffer, name: string): boolean {
  for (let at = 0; at + 8 <= bytes.length; at += 8 + bytes.readUInt32BE(at + 4)) {
    if (bytes.toString("latin1", at, at + 4) === name) return true;
  }
  return false;
}

/** The number format of pack offsets: seven bits a byte, the higher first, each further byte adding one. */
function readVarint(bytes: Buffer, from: number): { value: number; next: number } {
  let at = from;
  let byte = bytes[at++] ?? 0;
  let value = byte & 0x7f;
  while ((byte & 0x80) !== 0) {
    byte = bytes[at++] ?? 0;
    value = ((value + 1) << 7) | (byte & 0x7f);
  }
  return { value, next: at };
}
