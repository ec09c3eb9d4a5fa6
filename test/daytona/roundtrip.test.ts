/** The whole way through the command line: a tree goes into a sandbox, is worked on, comes back and is landed. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Double, startDouble } from "../doubles/daytona/server.ts";
import { tempDir } from "../support/temp-dir.ts";
import { doubleProblem, testWithDouble } from "./double.ts";

const MAIN = join(import.meta.dir, "../../cmd/main.ts");

let double: Double;
beforeAll(() => {
  if (doubleProblem === undefined) double = startDouble();
});
afterAll(async () => {
  await double?.stop();
});

interface Setting {
  readonly tree: string;
  readonly env: Record<string, string>;
}

function setting(): Setting {
  const home = tempDir();
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: home,
    TZ: "UTC",
    GLUE_HOME: join(home, "glue"),
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    DAYTONA_API_KEY: double.apiKey,
    DAYTONA_API_BASE_URL: double.url,
  };
  return { tree: tempDir(), env };
}

async function call({ tree, env }: Setting, words: readonly string[]) {
  const child = Bun.spawn([...words], { cwd: tree, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

const glue = (at: Setting, ...words: string[]) => call(at, [process.execPath, MAIN, ...words]);
async function git(at: Setting, ...words: string[]): Promise<string> {
  const done = await call(at, ["git", "-c", "user.name=Me", "-c", "user.email=me@example.com", ...words]);
  if (done.code !== 0) throw new Error(done.err);
  return done.out;
}

async function repository(): Promise<Setting> {
  const at = setting();
  await git(at, "init", "-q", "-b", "main", ".");
  writeFileSync(join(at.tree, "kept"), "kept\n");
  writeFileSync(join(at.tree, "gone"), "gone\n");
  writeFileSync(join(at.tree, "old name"), "moved\n");
  await git(at, "add", ".");
  await git(at, "commit", "-qm", "start");
  return at;
}

/** The id that `glue run` names at its end. */
const idIn = (text: string) => /glue session apply (\S+)/.exec(text)?.[1] ?? "none";

testWithDouble(
  "uncommitted, untracked and binary files go in; edits, new files, links, modes, deletions and commits come back",
  async () => {
    const at = await repository();
    writeFileSync(join(at.tree, "kept"), "kept\nuncommitted\n");
    const binary = crypto.getRandomValues(new Uint8Array(100_000));
    mkdirSync(join(at.tree, "sub"));
    writeFileSync(join(at.tree, "sub/binary"), binary);
    symlinkSync("kept", join(at.tree, "link"));
    const script = [
      "set -e",
      "test -L link && grep -q uncommitted kept",
      `test "$(sha256sum <sub/binary)" = "${new Bun.CryptoHasher("sha256").update(binary).digest("hex")}  -"`,
      "git mv 'old name' 'new name'; git rm -q gone; git -c user.name=A -c user.email=a@b commit -qm 'agent'",
      "echo more >>kept; printf '\\000\\377' >made; chmod +x made; ln -s made sub/other",
    ].join("\n");
    const ran = await glue(at, "run", "-r", "daytona", "-c", script);
    expect({ code: ran.code, err: ran.code === 0 ? "" : ran.err }).toEqual({ code: 0, err: "" });
    const id = idIn(ran.err);
    const before = await git(at, "status", "--porcelain");
    const applied = await glue(at, "session", "apply", id);
    expect({ code: applied.code, err: applied.code === 0 ? "" : applied.err }).toEqual({ code: 0, err: "" });
    // Nothing but the branch is touched.
    expect(await git(at, "status", "--porcelain")).toBe(before);
    const landed = join(tempDir(), "landed");
    await git(at, "worktree", "add", "-q", landed, `glue/${id}`);
    expect(readFileSync(join(landed, "kept"), "utf8")).toBe("kept\nuncommitted\nmore\n");
    expect(readFileSync(join(landed, "new name"), "utf8")).toBe("moved\n");
    expect(readFileSync(join(landed, "made"))).toEqual(Buffer.from([0, 255]));
    expect(statSync(join(landed, "made")).mode & 0o111).toBe(0o111);
    expect(readlinkSync(join(landed, "sub/other"))).toBe("made");
    expect(Buffer.compare(readFileSync(join(landed, "sub/binary")), binary)).toBe(0);
    expect(await Bun.file(join(landed, "gone")).exists()).toBe(false);
    expect(await git(at, "log", "--format=%s", `glue/${id}`)).toContain("agent\n");
    await Bun.sleep(300);
    expect(double.sandboxes()).toEqual([]);
  },
  120_000,
);

testWithDouble(
  "a folder that is no repository goes and comes back too",
  async () => {
    const at = setting();
    writeFileSync(join(at.tree, "a"), "1\n");
    const ran = await glue(at, "run", "-r", "daytona", "-c", "cat a; echo 2 >>a; exit 7");
    expect({ code: ran.code, out: ran.out }).toEqual({ code: 7, out: "1\n" });
    expect(ran.err).toContain("1 file changed");
  },
  120_000,
);

testWithDouble(
  "a bundle over the cap arrives in pieces, and nothing is changed by looking",
  async () => {
    const at = await repository();
    writeFileSync(join(at.tree, "big"), crypto.getRandomValues(new Uint8Array(60_000)));
    writeFileSync(join(at.tree, "big2"), crypto.getRandomValues(new Uint8Array(60_000)));
    const ran = await glue(at, "run", "-r", "daytona", "--set", "daytona.bundle_cap_mb=0.05", "-c", "wc -c <big");
    expect({ code: ran.code, out: ran.out.trim() }).toEqual({ code: 0, out: "60000" });
    expect(ran.err).not.toContain("session apply");
  },
  120_000,
);

testWithDouble(
  "an open session is used by other processes, and closed with its change",
  async () => {
    const at = await repository();
    const started = await glue(at, "session", "start", "-r", "daytona");
    expect({ code: started.code, err: started.code === 0 ? "" : started.err }).toEqual({ code: 0, err: "" });
    const id = started.out.trim();
    expect((await glue(at, "exec", "-s", id, "-c", "echo first >one")).code).toBe(0);
    const second = await glue(at, "exec", "-s", id, "-c", "cat one; exit 5");
    expect({ code: second.code, out: second.out }).toEqual({ code: 5, out: "first\n" });
    const closed = await glue(at, "session", "close", id);
    expect({ code: closed.code, err: closed.code === 0 ? "" : closed.err }).toEqual({ code: 0, err: "" });
    await Bun.sleep(300);
    expect(double.sandboxes()).toEqual([]);
  },
  120_000,
);

testWithDouble(
  "the key is nowhere on disk, nor in what is printed",
  async () => {
    const at = await repository();
    const ran = await glue(at, "run", "-r", "daytona", "-v", "--", "env");
    expect(ran.out + ran.err).not.toContain(double.apiKey);
    const found = await call(at, ["grep", "-rl", double.apiKey, at.env.GLUE_HOME ?? ""]);
    expect(found.out).toBe("");
  },
  120_000,
);
