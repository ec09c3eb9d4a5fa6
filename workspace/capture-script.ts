/** One run of `capture.sh` and what comes before it in a sandbox: what it is asked, and what it answers. */
import type { ByteStream, CommandExecutor } from "../runtimes/contract.ts";
import { GlueError } from "../spec/glue-error.ts";
import { concat, splitLine } from "./bytes.ts";
import mainPart from "./capture.sh" with { type: "text" };
import beginPart from "./capture-begin.sh" with { type: "text" };
import linksPart from "./capture-links.sh" with { type: "text" };
import nestedPart from "./capture-nested.sh" with { type: "text" };
import seedPart from "./capture-seed.sh" with { type: "text" };
import { GLUE_IDENTITY, pathBytes, pathText, STILL_FORMAT, UNCOMMITTED_WORK } from "./layout.ts";
import type { StagedBase } from "./snapshot-types.ts";
import { embeddedPaths, submodulePaths } from "./units.ts";

const script = [beginPart, nestedPart, linksPart, seedPart, mainPart].join("\n");

/** A ref of the workspace by its full name, with the object it names. */
export interface CapturedRef {
  readonly name: string;
  readonly id: string;
}

/** What the sandbox said. Nothing of it is believed before the objects are here and prove it. */
export interface SandboxState {
  /** The tree on disk, raw. */
  readonly tree: string;
  /** The commit that has this tree: the one that is checked out, or a last one on top of it. */
  readonly head: string;
  /** The commit that is checked out (the base where none is). */
  readonly parent: string;
  /** Full name of the branch that is checked out, `detached`, or `none` where the workspace's .git does not say. */
  readonly headRef: string;
  /** Whether the workspace's own .git could be read. */
  readonly git: "ok" | "missing" | "broken";
  readonly refs: readonly CapturedRef[];
  /** Commits whose parents are not in the sandbox, beside the base. */
  readonly shallow: readonly string[];
  /** False where files still changed while they were read. */
  readonly quiescent: boolean;
  /** Untracked paths that were left out because they cannot be read, written by `pathText`. */
  readonly unreadable: readonly string[];
  readonly warnings: readonly string[];
  /** Size of the pack with everything new, in bytes. */
  readonly packSize: number;
  /** The pack itself, or the file in the sandbox that holds it; undefined where everything came over another way. */
  readonly pack: Uint8Array | string | undefined;
}

export interface CaptureQuestion {
  readonly base: StagedBase;
  /** Objects that arrived with earlier captures; what they reach is not sent again. */
  readonly have: readonly string[];
  /** Bytes of untracked content that may come back without asking. */
  readonly capBytes: number;
  readonly signal?: AbortSignal;
  /** Told the last commit, or the one that will be it if nothing changes any more, as soon as the sandbox names it. */
  readonly onHead?: (commit: string) => void;
  /** Told the pack as soon as it is whole, which is before the sandbox has ended; not where it stays there to be fetched. */
  readonly onPack?: (pack: Uint8Array) => void;
}

/** Packs up to this size are part of the answer, which saves a round trip; larger ones are fetched in pieces. Bytes. */
const INLINE_BYTES = 1_000_000;

/**
 * Asks the sandbox for its state. `captureFailed` with what went wrong inside, `captureTooLarge` with the largest untracked
 * content; errors of the executor pass through.
 */
export async function askSandbox(executor: CommandExecutor, question: CaptureQuestion): Promise<SandboxState> {
  const { env, stdin } = questionOf(question, INLINE_BYTES);
  const running = await executor.run(
    { script, shell: "sh" },
    {
      cwd: question.base.sandbox.workspace,
      env,
      stdin,
      stdinOnce: true,
      ...(question.signal === undefined ? {} : { signal: question.signal }),
    },
  );
  const [stdout, stderr, result] = await Promise.all([
    readAnswer(running.stdout, question),
    new Response(running.stderr).text(),
    running.wait(),
  ]);
  if (result.outcome === "cancelled") throw new GlueError("cancelled", "The capture was interrupted.");
  const answer = readLines(stdout);
  if (result.exitCode !== 0 || answer.rest === undefined) throw failure(answer.lines, stderr, result.exitCode);
  return readState(answer.lines, answer.rest, `${known(question.base).gitDir}/glue-pack`);
}

async function readAnswer(stdout: ByteStream, { onHead, onPack }: CaptureQuestion): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  // The lines, as far as they are of interest yet.
  let begin = "";
  let size = 0;
  let pack: { from: number; to: number } | undefined;
  for await (const bytes of stdout) {
    pieces.push(bytes);
    size += bytes.length;
    if (pack === undefined) {
      begin += Buffer.from(bytes).toString("latin1");
      const head = /^(?:expect|head) ([0-9a-f]+)\n/m.exec(begin)?.[1];
      if (head !== undefined) onHead?.(head);
      const end = /^pack ([1-9]\d*)\n(?:.*\n)*?end\n/m.exec(begin);
      if (end === null) continue;
      const from = end.index + end[0].length;
      pack = { from, to: from + Number(end[1]) };
    }
    if (size < pack.to) continue;
    onPack?.(concat(pieces).subarray(pack.from, pack.to));
    onPack = undefined;
  }
  return concat(pieces);
}

/** What the script is given. An answer with a pack of up to `inlineBytes` is whole by itself. */
export function questionOf(
  question: CaptureQuestion,
  inlineBytes: number,
): { script: string; env: Record<string, string>; stdin: Uint8Array } {
  const { base, gitDir } = known(question.base);
  const env = {
    GLUE_GIT: gitDir,
    GLUE_TREE: question.base.sandbox.workspace,
    GLUE_BASE: base.commit,
    GLUE_BASE_TREE: base.tree,
    GLUE_SHA256: base.objectFormat === "sha256" ? "1" : "0",
    GLUE_CAP: String(question.capBytes),
    GLUE_INLINE: String(inlineBytes),
    GLUE_NAME: GLUE_IDENTITY.name,
    GLUE_EMAIL: GLUE_IDENTITY.email,
    GLUE_MESSAGE: UNCOMMITTED_WORK,
    GLUE_STILL: STILL_FORMAT,
    GLUE_UNITS: submodulePaths(question.base.units).join("\n"),
    GLUE_LINKS: question.base.units.some(({ kind }) => kind === "submodule") ? "1" : "0",
  };
  return { script, env, stdin: request(question) };
}

function known(base: StagedBase) {
  if (base.base === null || base.sandbox.gitDir === null) {
    throw new GlueError("internal", "A sandbox without git was asked as if it had one.");
  }
  return { base: base.base, gitDir: base.sandbox.gitDir };
}

/** The three sections that the script reads; every line of content is marked, so that a lone dot can end a section. */
function request(question: CaptureQuestion): Uint8Array {
  const included = question.base.included.map((path) => ignorePattern(pathBytes(path)));
  // Repositories inside the tree are captured by themselves.
  const units = embeddedPaths(question.base.units).map((path) => ignorePattern(pathBytes(path)));
  const rules = [...question.base.ignoreRules.split("\n").map((line) => encoder.encode(line)), ...units];
  const sections = [question.have.map((id) => encoder.encode(id)), included, rules];
  const lines = sections.flatMap((section) => [...section.map((line) => concat([MARK, line, END])), DOT]);
  return concat(lines);
}

const encoder = new TextEncoder();
const MARK = encoder.encode("-");
const END = encoder.encode("\n");
const DOT = encoder.encode(".\n");

/** A line of an ignore file that means this path and no other. A newline cannot be written there; `?` stands for it. */
export function ignorePattern(path: Uint8Array): Uint8Array {
  const pattern: number[] = [0x2f];
  for (const byte of path) {
    if (byte === 0x0a) pattern.push(0x3f);
    else if (SPECIAL.has(byte)) pattern.push(0x5c, byte);
    else pattern.push(byte);
  }
  return Uint8Array.from(pattern);
}

/** `\ * ? [ ] ! #` and the space, which a rule loses at its end. */
const SPECIAL: ReadonlySet<number> = new Set([..."\\*?[]!# "].map((character) => character.charCodeAt(0)));

/** The lines up to `end`, and the bytes behind it; `rest` is undefined where the answer has no end. */
function readLines(bytes: Uint8Array): { lines: string[]; rest: Uint8Array | undefined } {
  const lines: string[] = [];
  let rest = bytes;
  for (;;) {
    const split = splitLine(rest);
    if (split === undefined) return { lines, rest: undefined };
    rest = split.rest;
    const line = new TextDecoder().decode(split.line);
    if (line === "end") return { lines, rest };
    lines.push(line);
  }
}

function readState(lines: readonly string[], rest: Uint8Array, packFile: string): SandboxState {
  const values = new Map<string, string[]>();
  for (const line of lines) {
    const space = line.indexOf(" ");
    // The refs are written as git lists them.
    const key = /^[0-9a-f]{40,} /.test(line) ? "ref" : line.slice(0, space);
    const list = values.get(key);
    const value = key === "ref" ? line : line.slice(space + 1);
    if (list === undefined) values.set(key, [value]);
    else list.push(value);
  }
  const one = (key: string): string => {
    const value = values.get(key)?.[0];
    if (value === undefined) throw new GlueError("captureFailed", `The sandbox's answer lacks "${key}".`);
    return value;
  };
  const [size, where] = one("pack").split(" ");
  const packSize = Number(size);
  if (where === undefined && rest.length !== packSize) {
    throw new GlueError("transferFailed", `${rest.length} of ${packSize} bytes of the change arrived.`, {
      retryable: true,
    });
  }
  const git = one("git");
  return {
    tree: one("tree"),
    head: one("head"),
    parent: one("parent"),
    headRef: one("headref"),
    git: git === "ok" || git === "missing" ? git : "broken",
    refs: (values.get("ref") ?? []).map((line) => ({
      id: line.slice(0, line.indexOf(" ")),
      name: line.slice(line.indexOf(" ") + 1),
    })),
    shallow: values.get("shallow") ?? [],
    quiescent: one("quiescent") === "1",
    unreadable: [...(values.get("left") ?? []), ...(values.get("leftdir") ?? [])],
    warnings: values.get("warn") ?? [],
    packSize,
    pack: where === undefined ? rest : packFile,
  };
}

function failure(lines: readonly string[], stderr: string, exitCode: number): GlueError {
  const [, kind = "", why = ""] =
    /^fail (\S+) ?(.*)$/.exec(lines.findLast((line) => line.startsWith("fail ")) ?? "") ?? [];
  const said = stderr.trim() === "" ? "" : `\n${stderr.trim()}`;
  switch (kind) {
    case "tooLarge": {
      const sizes = lines.filter((line) => line.startsWith("large ")).map((line) => line.slice("large ".length));
      return tooLarge(sizes);
    }
    case "unreadable": {
      const paths = lines
        .filter((line) => line.startsWith("unreadable "))
        .map((line) => line.slice("unreadable ".length));
      return new GlueError("captureFailed", `A tracked file in the sandbox cannot be read: ${paths.join("; ")}.`, {
        hint: "Make it readable inside (or delete it there, if that is meant), then capture again.",
      });
    }
    case "noBase":
      return new GlueError("captureFailed", `The sandbox has lost what the session started from: ${why}.`);
    case "noSpace":
      return new GlueError("captureFailed", `The sandbox has no room for the capture: ${why}.${said}`, {
        hint: "Free space inside, then capture again.",
      });
    default:
      return new GlueError(
        "captureFailed",
        `git failed in the sandbox (exit code ${exitCode})${why === "" ? "" : `: ${why}`}.${said}`,
      );
  }
}

/** The error for untracked content over the cap; a line each of bytes and a name, `total` among them. */
export function tooLarge(sizes: readonly string[]): GlueError {
  const rows = sizes.map((line) => {
    const space = line.indexOf(" ");
    return { bytes: Number(line.slice(0, space)), name: line.slice(space + 1) };
  });
  const total = rows.find((row) => row.name === "total")?.bytes ?? 0;
  const list = rows
    .filter((row) => row.name !== "total")
    .map((row) => `  ${megabytes(row.bytes)}  ${pathText(encoder.encode(row.name))}`);
  return new GlueError(
    "captureTooLarge",
    `The sandbox holds ${megabytes(total)} of untracked files that are not ignored; that is more than capture_cap_mb.\n${list.join("\n")}`,
    {
      hint: "Raise capture_cap_mb to bring it all, or remove (or ignore) inside what is not wanted; then capture again.",
    },
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
