import type { Entry } from "../contract.ts";

const TYPES: Readonly<Record<number, Entry["type"]>> = { 32768: "file", 16384: "directory", 40960: "symlink" };

/** What `stat -c '%f %s'` prints for one file. */
interface Facts {
  readonly type: Entry["type"];
  readonly size: number;
  readonly mode: number;
}

function parseFacts(line: string): Facts | undefined {
  const match = /^([0-9a-f]+) (\d+)$/.exec(line);
  if (match === null) return undefined;
  const raw = Number.parseInt(match[1] ?? "", 16);
  return { type: TYPES[raw & 0xf000] ?? "other", size: Number(match[2]), mode: raw & 0o7777 };
}

/** One entry, from the answer of files.sh to `stat`: a line of facts, then the target of a link. Undefined where it is not whole. */
export function parseStat(bytes: Buffer, name: Uint8Array): Entry | undefined {
  const end = bytes.indexOf("\n");
  const facts = parseFacts(bytes.subarray(0, end < 0 ? bytes.length : end).toString("latin1"));
  if (facts === undefined) return undefined;
  return entryOf(name, facts, facts.type === "symlink" ? bytes.subarray(end + 1) : undefined);
}

/**
 * The entries of a folder, from the answer of files.sh to `list`: every name behind `./` and before a NUL, an empty name, a line of facts
 * for each, then the target of every link before a NUL. Undefined when the parts do not fit, because the folder changed in between.
 */
export function parseListing(bytes: Buffer): Entry[] | undefined {
  const names: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf(0, at);
    if (end < 0) return undefined;
    if (end === at) break;
    names.push(bytes.subarray(at + 2, end));
    at = end + 1;
  }
  at++;
  const facts: Facts[] = [];
  while (facts.length < names.length) {
    const end = bytes.indexOf("\n", at);
    const found = end < 0 ? undefined : parseFacts(bytes.subarray(at, end).toString("latin1"));
    if (found === undefined) return undefined;
    facts.push(found);
    at = end + 1;
  }
  const entries: Entry[] = [];
  for (const [index, name] of names.entries()) {
    const found = facts[index];
    if (found === undefined) return undefined;
    let target: Uint8Array | undefined;
    if (found.type === "symlink") {
      const end = bytes.indexOf(0, at);
      if (end < 0) return undefined;
      target = bytes.subarray(at, end);
      at = end + 1;
    }
    entries.push(entryOf(name, found, target));
  }
  return at === bytes.length ? entries : undefined;
}

function entryOf(name: Uint8Array, facts: Facts, linkTarget: Uint8Array | undefined): Entry {
  const entry = { name: new Uint8Array(name), ...facts };
  return linkTarget === undefined ? entry : { ...entry, linkTarget: new Uint8Array(linkTarget) };
}
