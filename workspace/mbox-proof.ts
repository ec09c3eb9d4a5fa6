/**
 * Works out what `git am` makes of an mbox with one commit of glue's own, without running it: each patch is applied here, at the very
 * place it names, and must give the very blob that is meant. Only for patches that leave git no choice: whatever is unusual is for
 * mbox-trial.ts to find out.
 */
import { readFileSync, statSync } from "node:fs";
import type { ChangeStore } from "./capture-store.ts";
import { OBJECTS } from "./cat-file.ts";
import { type GitOptions, gitStream } from "./git.ts";
import { GLUE_IDENTITY, UNCOMMITTED_WORK } from "./layout.ts";
import { type Meant, prepareTrial, type ReadyTrial } from "./mbox-trial.ts";
import { PatchReader, patched } from "./patch-reader.ts";
import { type RawEntry, type Side, sides } from "./raw-diff.ts";

/** More than this is tried instead, so that memory stays small. In entries, and in bytes. */
const MOST_ENTRIES = 2_000;
const MOST_BYTES = 8_000_000;

/** The commit, and the files as they were before it; a character stands for a byte (latin1). */
export interface ProofObjects {
  readonly commit: string;
  readonly before: ReadonlyMap<string, string>;
}

/** `objects`: what `readProofObjects` gives, where it was asked already. */
export interface ProvenMeant extends Meant {
  readonly objects?: Promise<ProofObjects | undefined> | undefined;
}

/** Makes ready to say what `git am` makes of an mbox: by reading it, and by a trial only where that does not tell. */
export async function prepareProof(store: ChangeStore, meant: ProvenMeant): Promise<ReadyTrial> {
  const proof = await proofOf(store, meant);
  if (proof === undefined) return await prepareTrial(store, meant);
  return {
    apply: async (mbox) =>
      proof(mbox) ? { sameTree: true, exact: true } : await (await prepareTrial(store, meant)).apply(mbox),
    drop: () => undefined,
  };
}

/**
 * Undefined where only a trial can tell. Else: whether `git am` surely makes the commit of this mbox, but for committer and id; `false`
 * says nothing.
 */
export async function proofOf(
  store: ChangeStore,
  meant: ProvenMeant,
): Promise<((mbox: string) => boolean) | undefined> {
  const [commit, ...more] = meant.commits;
  if (commit === undefined || more.length > 0) return undefined;
  const objects = await (meant.objects ?? readProofObjects(store, commit, meant.net));
  return objects === undefined ? undefined : (mbox) => isProven(store, mbox, { commit, net: meant.net, objects });
}

/** What a proof has to read; undefined where only a trial can tell, where it is too much, or where something of it is missing. */
export async function readProofObjects(
  { options }: ChangeStore,
  commit: string,
  net: readonly RawEntry[],
): Promise<ProofObjects | undefined> {
  if (!isPlain(net)) return undefined;
  const ids = net.flatMap((entry) => sides(entry).before?.id ?? []);
  const texts = await readSmall(options, [...new Set([commit, ...ids])]);
  const own = texts?.get(commit);
  return texts === undefined || own === undefined ? undefined : { commit: own, before: texts };
}

function isProven(
  store: ChangeStore,
  mbox: string,
  meant: { readonly commit: string; readonly net: readonly RawEntry[]; readonly objects: ProofObjects },
): boolean {
  if (statSync(mbox).size > MOST_BYTES) return false;
  const mail = new PatchReader(readFileSync(mbox, "latin1"));
  // git am takes carriage returns away at the ends of lines.
  if (mail.has("\r") || mail.has("\0")) return false;
  const date = authorDate(store, meant.objects.commit);
  if (date === undefined) return false;
  const { name, email } = GLUE_IDENTITY;
  if (!mail.take(`From ${meant.commit} Mon Sep 17 00:00:00 2001\nFrom: ${name} <${email}>\n`)) return false;
  if (!mail.take(`Date: ${date}\nSubject: [PATCH] ${UNCOMMITTED_WORK}\n\n---\n`) || !mail.skipSummary()) return false;
  return meant.net.every((entry) => makesIt(store, mail, entry, meant.objects.before)) && mail.ended();
}

/** Ordinary files with ordinary names that come, go, or are changed; nothing that could be shown as a rename. */
function isPlain(net: readonly RawEntry[]): boolean {
  if (net.length > MOST_ENTRIES) return false;
  const all = net.map(sides);
  if (all.some(({ before }) => before === undefined) && all.some(({ after }) => after === undefined)) return false;
  if (!all.every(({ before, after }) => [before, after].every((side) => side === undefined || isFile(side))))
    return false;
  const names = net.map(({ path }) => Buffer.from(path).toString("latin1"));
  // A file system that folds names would make one file of two.
  return names.every(isPlainName) && new Set(names.map((name) => name.toLowerCase())).size === names.length;
}

function isFile({ mode }: Side): boolean {
  return mode === "100644" || mode === "100755";
}

/** What git writes as it is, takes on every system, and gives no meaning of its own. */
function isPlainName(name: string): boolean {
  return /^[!#-9;-[\]-}]+$/.test(name) && !/(^|\/)\.git|[.](\/|$)/i.test(name);
}

/** The date as git writes it into a mail; undefined where the commit is not one that glue made on the base. */
function authorDate({ base }: ChangeStore, commit: string): string | undefined {
  const { name, email } = GLUE_IDENTITY;
  const who = `${name} <${email}>`;
  const [head = "", ...message] = commit.split("\n\n");
  const lines = head.split("\n");
  if (lines.length !== 4 || message.join("\n\n") !== `${UNCOMMITTED_WORK}\n`) return undefined;
  if (!lines[0]?.startsWith("tree ") || lines[1] !== `parent ${base.commit}`) return undefined;
  if (!lines[3]?.startsWith(`committer ${who} `) || !lines[2]?.startsWith(`author ${who} `)) return undefined;
  const [, seconds, sign, hours, minutes] =
    /^(1\d{9}) ([+-])(\d\d)(\d\d)$/.exec(lines[2].slice(`author ${who} `.length)) ?? [];
  if (seconds === undefined) return undefined;
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -60 : 60);
  const [day = "", date = "", month = "", year = "", time = ""] = new Date((Number(seconds) + offset) * 1000)
    .toUTCString()
    .split(" ");
  return `${day} ${Number(date)} ${month} ${year} ${time} ${sign}${hours}${minutes}`;
}

/** Reads the section of one file, which must be there, and applies it. */
function makesIt(
  { base }: ChangeStore,
  mail: PatchReader,
  entry: RawEntry,
  contents: ReadonlyMap<string, string>,
): boolean {
  const path = Buffer.from(entry.path).toString("latin1");
  const { before, after } = sides(entry);
  const old = before === undefined ? "" : contents.get(before.id);
  if (old === undefined || !mail.take(sectionHead(path, before, after, base.objectFormat === "sha256" ? 64 : 40))) {
    return false;
  }
  if (before?.id === after?.id) return true;
  const from = before === undefined ? "/dev/null" : `a/${path}`;
  const to = after === undefined ? "/dev/null" : `b/${path}`;
  const made = mail.take(`--- ${from}\n+++ ${to}\n`) ? patched(mail, old) : old;
  if (made === undefined) return false;
  if (after === undefined) return made === "";
  const bytes = Buffer.from(made, "latin1");
  const hasher = new Bun.CryptoHasher(base.objectFormat).update(`blob ${bytes.length}\0`);
  return hasher.update(bytes).digest("hex") === after.id;
}

function sectionHead(path: string, before: Side | undefined, after: Side | undefined, idLength: number): string {
  const none = "0".repeat(idLength);
  const ids = `index ${before?.id ?? none}..${after?.id ?? none}`;
  const title = `diff --git a/${path} b/${path}\n`;
  if (before === undefined) return `${title}new file mode ${after?.mode}\n${ids}\n`;
  if (after === undefined) return `${title}deleted file mode ${before.mode}\n${ids}\n`;
  const modes = before.mode === after.mode ? "" : `old mode ${before.mode}\nnew mode ${after.mode}\n`;
  if (before.id === after.id) return `${title}${modes}`;
  return `${title}${modes}${ids}${modes === "" ? ` ${before.mode}` : ""}\n`;
}

/** Objects by their ids; undefined where one is missing or they are too large, which is seen before they are read. */
async function readSmall(options: GitOptions, ids: readonly string[]): Promise<Map<string, string> | undefined> {
  const stdin = ids.map((id) => `${id}\n`).join("");
  const reading = gitStream(OBJECTS, { ...options, stdin });
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const bytes of reading.stdout) {
    pieces.push(bytes);
    size += bytes.length;
    // Leaving the stream ends git; how it ends is of no interest then.
    if (size > MOST_BYTES) return undefined;
  }
  await reading.done;
  const text = Buffer.concat(pieces).toString("latin1");
  const found = new Map<string, string>();
  let at = 0;
  for (const id of ids) {
    const end = text.indexOf("\n", at);
    const [name, , length] = text.slice(at, end).split(" ");
    if (name !== id || length === undefined) return undefined;
    found.set(id, text.slice(end + 1, end + 1 + Number(length)));
    at = end + 1 + Number(length) + 1;
  }
  return found;
}
