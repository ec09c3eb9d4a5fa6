/** Users of the double who work with the command line. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "../support/temp-dir.ts";
import { type ModalDouble, pythonOf, type Sdk } from "./double.ts";

const MAIN = join(import.meta.dir, "../../cmd/main.ts");

export interface Setting {
  readonly double: ModalDouble;
  readonly tree: string;
  /** GLUE_HOME. */
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A folder with one file, and a home of its own. */
export function folder(double: ModalDouble, sdk: Sdk = "newest"): Setting {
  const top = tempDir();
  const home = join(top, "glue");
  const tree = join(top, "tree");
  mkdirSync(tree);
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: top,
    TZ: "UTC",
    GLUE_HOME: home,
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_AUTHOR_NAME: "Me",
    GIT_AUTHOR_EMAIL: "me@example.com",
    GIT_COMMITTER_NAME: "Me",
    GIT_COMMITTER_EMAIL: "me@example.com",
    GLUE_RUNTIME: "modal",
    MODAL_PYTHON: pythonOf(sdk),
    ...double.env(sdk),
  };
  writeFileSync(join(tree, "kept"), "kept\n");
  return { double, tree, home, env };
}

/** The same as a repository with one commit. */
export async function repository(double: ModalDouble, sdk: Sdk = "newest"): Promise<Setting> {
  const at = folder(double, sdk);
  await git(at, "init", "-q", "-b", "main", ".");
  await git(at, "add", ".");
  await git(at, "commit", "-q", "-m", "start");
  return at;
}

export function start({ tree, env }: Setting, ...words: string[]) {
  const argv = [process.execPath, MAIN, ...words];
  return Bun.spawn(argv, { cwd: tree, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

export async function glue(at: Setting, ...words: string[]) {
  const child = start(at, ...words);
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, code };
}

/** The same for what must end with 0; what it said is in the failure. */
export async function succeed(at: Setting, ...words: string[]): Promise<{ out: string; err: string }> {
  const { out, err, code } = await glue(at, ...words);
  if (code !== 0) throw new Error(`glue ${words.join(" ")}: ${code}\n${out}${err}`);
  return { out, err };
}

export async function git({ tree, env }: Setting, ...words: string[]): Promise<string> {
  const child = Bun.spawn(["git", ...words], { cwd: tree, env, stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(err);
  return out;
}

/** The id that `glue run` names at its end. */
export const idIn = (text: string) => /glue session apply (\S+)/.exec(text)?.[1] ?? "none";

/** The sandboxes of a session that run, by the tags that glue gave them. */
export async function running({ double }: Setting, id?: string): Promise<number> {
  const { sandboxes } = await double.state();
  return sandboxes.filter((box) => box.running && (id === undefined || box.tags["glue-session"] === id)).length;
}

/** The only session of this home. */
export async function sessionOf(at: Setting): Promise<{ id: string; state: string }> {
  const { out } = await succeed(at, "session", "list", "--all", "--json");
  const [session] = (JSON.parse(out) as { sessions: { id: string; state: string }[] }).sessions;
  if (session === undefined) throw new Error(`no session: ${out}`);
  return session;
}

/** Waits for a word on a child's stdout, and gives back the rest of the reader. */
export async function waitFor(child: ReturnType<typeof start>, word: string) {
  const reader = child.stdout.getReader();
  for (let seen = ""; !seen.includes(word); ) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`it ended without ${word}: ${seen}${await child.stderr.text()}`);
    seen += new TextDecoder().decode(value);
  }
  return reader;
}

/** The sidecar that a glue has started: its child by Python. */
export function sidecarOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  const found = children.find((child) => readFileSync(`/proc/${child}/cmdline`, "latin1").includes("glue_modal.py"));
  if (found === undefined) throw new Error(`none of ${children.join(" ")} is a sidecar`);
  return found;
}
