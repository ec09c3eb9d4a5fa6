/** The whole stack: the command line, the sidecar, the real SDK, and the double. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "../support/temp-dir.ts";
import { doubleProblem, ModalDouble, pythonOf, testWithModal } from "./double.ts";

const MAIN = join(import.meta.dir, "../../cmd/main.ts");

let double: ModalDouble;
beforeAll(async () => {
  if (doubleProblem === undefined) double = await ModalDouble.start();
});
afterAll(async () => {
  await double?.stop();
});

interface Setting {
  readonly tree: string;
  readonly home: string;
  readonly env: Record<string, string>;
}

async function repository(): Promise<Setting> {
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
    MODAL_PYTHON: pythonOf("newest"),
    ...double.env(),
  };
  const at = { tree, home, env };
  for (const words of [
    ["init", "-q", "-b", "main", "."],
    ["commit", "-q", "--allow-empty", "-m", "start"],
  ]) {
    await git(at, ...words);
  }
  writeFileSync(join(tree, "kept"), "kept\n");
  return at;
}

function start({ tree, env }: Setting, words: readonly string[]) {
  return Bun.spawn([process.execPath, MAIN, ...words], {
    cwd: tree,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function glue(at: Setting, ...words: string[]) {
  const child = start(at, words);
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, code };
}

async function git({ tree, env }: Setting, ...words: string[]): Promise<string> {
  const child = Bun.spawn(["git", ...words], { cwd: tree, env, stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(err);
  return out;
}

async function until(what: string, holds: () => unknown, ms = 30_000): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; await Bun.sleep(50)) if (await holds()) return;
  throw new Error(`not within ${ms} ms: ${what}`);
}

/** The sandboxes of a session that run, by the tags that glue gave them. */
async function running(id: string): Promise<number> {
  const { sandboxes } = await double.state();
  return sandboxes.filter((box) => box.running && box.tags["glue-session"] === id).length;
}

async function sessionOf(at: Setting): Promise<{ id: string; state: string; capture?: { status: string } }> {
  const { out } = await glue(at, "session", "list", "--all", "--json");
  const [session] = (JSON.parse(out) as { sessions: { id: string; state: string }[] }).sessions;
  if (session === undefined) throw new Error(`no session: ${out}`);
  return session;
}

testWithModal("after a SIGKILL of glue in a run the work is on this machine first, then the sandbox ends", async () => {
  const at = await repository();
  const child = start(at, ["run", "-c", "echo made >made; echo more >>kept; echo ready; sleep 600"]);
  const reader = child.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("ready\n");
  const { id } = await sessionOf(at);
  const saved = join(at.home, "sessions", id, "farewell");
  child.kill("SIGKILL");
  let first = "";
  await until("the sandbox has ended", async () => {
    const isSaved = existsSync(saved);
    const ended = (await running(id)) === 0;
    if (first === "" && (isSaved || ended)) first = isSaved ? "saved" : "ended";
    return ended;
  });
  expect(first).toBe("saved");
  const pruned = await glue(at, "prune");
  expect({ code: pruned.code, err: pruned.code === 0 ? "" : pruned.err }).toEqual({ code: 0, err: "" });
  expect((await glue(at, "session", "apply", id)).code).toBe(0);
  expect(await git(at, "show", `glue/${id}:made`)).toBe("made\n");
  expect(await git(at, "show", `glue/${id}:kept`)).toBe("kept\nmore\n");
});
