/** In which order the kernel is asked for things, by its own trace: bytes are on the disk before their name is, and a name before what relies on it. */
import { expect } from "bun:test";
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sessionIds } from "../../session/store.ts";
import { freshHome } from "../session/support.ts";
import { glue } from "../support/glue.ts";
import { testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";

interface Call {
  readonly name: string;
  readonly paths: readonly string[];
  /** Places in the trace where it began and where it had returned. */
  readonly from: number;
  readonly to: number;
}

const CALLS = "fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat";

/** The calls of a glue that was run to its end, in the order in which they returned. */
async function trace(home: ReturnType<typeof freshHome>, cwd: string, ...args: string[]): Promise<Call[]> {
  const file = join(tempDir(), "trace");
  const program = [process.execPath, join(import.meta.dir, "../../cmd/main.ts"), ...args];
  const child = Bun.spawn(["strace", "-f", "-y", "-e", `trace=${CALLS}`, "-o", file, ...program], {
    cwd,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: join(home.root, "nobody"),
      GLUE_HOME: home.root,
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  expect(await child.exited).toBe(0);
  const begun = new Map<string, { text: string; from: number }>();
  const calls: Call[] = [];
  for (const [at, line] of readFileSync(file, "utf8").split("\n").entries()) {
    const [, thread = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (rest.endsWith("<unfinished ...>")) begun.set(thread, { text: rest, from: at });
    const resumed = rest.startsWith("<...") ? begun.get(thread) : undefined;
    const text = resumed?.text ?? rest;
    const name = /^(\w+)\(/.exec(text)?.[1];
    if (name === undefined || rest.endsWith("<unfinished ...>") || !/ = 0$/.test(rest)) continue;
    const paths = [...text.matchAll(/"([^"]+)"|\d<([^>]+)>/g)].map(([, quoted, open]) => quoted ?? open ?? "");
    calls.push({ name, paths, from: resumed?.from ?? at, to: at });
  }
  return calls;
}

/** Every file of the record that got its name (what is in the folders below is the sandbox's own), checked; their names in the order in which they got them. */
function namedInOrder(calls: readonly Call[], folder: string): string[] {
  const renames = calls.filter(
    ({ name, paths }) => name.startsWith("rename") && dirname(paths.at(-1) ?? "") === folder,
  );
  for (const { paths, from, to } of renames) {
    const fresh = paths.at(-2);
    expect([fresh, calls.some((call) => call.name === "fsync" && call.paths[0] === fresh && call.to < from)]).toEqual([
      fresh,
      true,
    ]);
    expect([fresh, calls.some((call) => call.name === "fsync" && call.paths[0] === folder && call.from > to)]).toEqual([
      fresh,
      true,
    ]);
  }
  return renames.map(({ paths }) => paths.at(-1)?.slice(folder.length + 1) ?? "");
}

testNeeding(
  ["linux", "strace"],
  "a session's files are synced before they get their names, and its record before what it announces",
  async () => {
    const [home, cwd] = [freshHome(), join(realpathSync(tempDir()), "project")];
    mkdirSync(cwd);
    writeFileSync(join(cwd, "file"), "one\n");
    const started = await trace(home, cwd, "session", "start", "-r", "host", "--copy", "--set", "checkpoint_seconds=0");
    const [id = ""] = sessionIds(home);
    const folder = join(home.sessions, id);
    // Intended, created, open.
    expect(namedInOrder(started, folder)).toEqual(["meta.json", "meta.json", "meta.json"]);
    const recorded = started.find(({ name, paths }) => name === "fsync" && paths[0] === folder);
    const made = started.find(
      ({ name, paths }) => name.startsWith("mkdir") && paths.some((path) => path.startsWith(`${folder}/`)),
    );
    expect([recorded?.to, made?.from].every((at) => at !== undefined)).toBe(true);
    expect(recorded?.to ?? 0).toBeLessThan(made?.from ?? 0);
    const base = join(folder, "base.bundle");
    const synced = started.find(({ name, paths }) => name === "fsync" && paths[0] === base);
    const open = started
      .filter(({ name, paths }) => name.startsWith("rename") && paths.at(-1) === join(folder, "meta.json"))
      .at(-1);
    expect(synced?.to ?? Number.NaN).toBeLessThan(open?.from ?? 0);

    await glue(home, ["exec", "-c", "echo two > file"], { cwd });
    const closed = await trace(home, cwd, "session", "close", id);
    // Closing; the change; captured, which says that it is there; closed.
    expect(namedInOrder(closed, folder)).toEqual([
      "meta.json",
      "runtime.bundle",
      "runtime.mbox",
      "runtime.mbox.meta.json",
      "meta.json",
      "meta.json",
    ]);
  },
  120_000,
);
