/** A sprite that the user named, over several sessions. */
import { afterAll, beforeAll, expect } from "bun:test";
import { join } from "node:path";
import { tempDir } from "../support/temp-dir.ts";
import { doubleProblem, testWithDouble } from "./double.ts";
import { newestSession, type Setting, setUp } from "./glue.ts";

const NAMED = ["-r", "sprites", "--set", "sprites.sprite_name=my-box", "--set", "sprites.delete_on_close=false"];
let setting: Setting;

beforeAll(async () => {
  if (doubleProblem === undefined) setting = await setUp();
});

afterAll(async () => {
  await setting?.stop();
});

const commit = (text: string) => `${text} && git add -A && git commit -q -m '${text.replaceAll("'", "")}'`;

testWithDouble(
  "three sessions on one named sprite add up: nothing twice, nothing lost",
  async () => {
    const { glue, git, repo, double } = setting;
    const branches: string[] = [];
    const patches: string[] = [];
    for (const text of ["echo s1 >s1.txt", "echo s2 >s2.txt", "echo s3 >>s1.txt"]) {
      const ran = await glue(["run", ...NAMED, "-c", commit(text)]);
      expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining("1 commit, 1 file changed")]);
      expect(double.sprites().map(({ name }) => name)).toEqual(["my-box"]);
      const id = await newestSession(setting);
      patches.push(await Bun.file(join(setting.home, "sessions", id, "runtime.mbox")).text());
      const applied = await glue(["session", "apply", id]);
      expect([applied.code, applied.stderr]).toEqual([0, expect.anything()]);
      branches.push(`glue/${id}`);
    }
    expect(patches.map((patch) => patch.match(/^Subject:.*$/gm)?.length)).toEqual([1, 1, 1]);
    const [one = "", two = "", three = ""] = branches;
    // Ids were kept, so that each stands on the one before.
    expect(git("rev-parse", `${two}~1`)).toBe(git("rev-parse", one));
    expect(git("rev-parse", `${three}~1`)).toBe(git("rev-parse", two));
    expect(git("show", `${three}:s1.txt`)).toBe("s1\ns3");
    expect(git("show", `${three}:s2.txt`)).toBe("s2");
    // What the host changes since then comes along, under the patch and not in it.
    git("add", "b.txt");
    git("commit", "-q", "-m", "second");
    git("merge", "-q", "-m", "landed", three);
    await Bun.write(join(repo, "a.txt"), "one, changed here\n");
    const after = await glue(["run", ...NAMED, "-c", "cat a.txt s1.txt; echo s4 >s4.txt"]);
    expect([after.code, after.stdout]).toEqual([0, "one, changed here\ns1\ns3\n"]);
    expect(after.stderr).toContain("1 commit, 1 file changed");
    expect((await glue(["session", "apply", await newestSession(setting)])).code).toBe(0);
  },
  180_000,
);

testWithDouble(
  "--no-update resumes a sprite as it is; the next session brings the change here in all the same",
  async () => {
    const { glue, repo, git } = setting;
    // Only what is committed inside can be resumed.
    const { double } = setting;
    await double
      .find("my-box")
      ?.tool(["sh", "-c", "cd /workspace && git add -A && git commit -qm s4"], { user: "sprite" });
    await Bun.write(join(repo, "a.txt"), "changed here again\n");
    const kept = await glue(["run", "--no-update", ...NAMED, "-c", commit("cat a.txt && echo s5 >s5.txt")]);
    expect([kept.code, kept.stdout]).toEqual([0, "one, changed here\n"]);
    expect(kept.stderr).toContain("was not brought in");
    expect(kept.stderr).toContain("1 commit, 1 file changed");
    const id = await newestSession(setting);
    const patch = await Bun.file(join(setting.home, "sessions", id, "runtime.mbox")).text();
    expect(patch.match(/^diff --git .*$/gm)).toEqual(["diff --git a/s5.txt b/s5.txt"]);
    const brought = await glue(["run", ...NAMED, "-c", "cat a.txt s5.txt"]);
    expect([brought.code, brought.stdout]).toEqual([0, "changed here again\ns5\n"]);
    await Bun.write(join(repo, "a.txt"), "one, changed here\n");
    expect((await glue(["run", ...NAMED, "-c", "cat a.txt; echo s6 >s6.txt"])).stdout).toBe("one, changed here\n");
    expect(git("status", "--porcelain")).toContain("a.txt");
  },
  120_000,
);

testWithDouble(
  "a resumed sprite with uncommitted changes is refused with what to do, and is left as it is",
  async () => {
    const { glue, double } = setting;
    // The session before left its work uncommitted.
    const ran = await glue(["run", ...NAMED, "--", "echo", "must not run"]);
    expect([ran.code, ran.stdout]).toEqual([125, ""]);
    const promised = `Sprite "my-box" has uncommitted changes from a previous session in
/workspace. Commit or export them inside the sandbox before resuming,
e.g.:
  sprite exec my-box -- bash -lc "cd /workspace && git add -A && \\
    git commit -m 'resume baseline'"`;
    // To the letter, line by line; then today's form of the command, and how to delete it, a line each.
    const today = `sprite -s my-box exec -- bash -lc "cd /workspace && git add -A && git commit -m 'resume baseline'"`;
    expect(ran.stderr).toContain(
      `error: ${promised}\n  With today's sprite CLI: ${today}\n  To give that work up: sprite destroy my-box\n`,
    );
    const commit = Bun.spawn(
      [
        double.cli,
        "-s",
        "my-box",
        "exec",
        "--",
        "bash",
        "-lc",
        "cd /workspace && git add -A && git commit -m 'resume baseline'",
      ],
      { env: { ...process.env, ...double.env }, stdin: "ignore", stdout: "ignore", stderr: "inherit" },
    );
    expect(await commit.exited).toBe(0);
    expect((await glue(["run", ...NAMED, "--", "cat", "s6.txt"])).stdout).toBe("s6\n");
  },
  120_000,
);

testWithDouble(
  "a second session on the same sprite is refused with who holds it, and gets it afterwards",
  async () => {
    const { glue } = setting;
    const started = await glue(["session", "start", ...NAMED]);
    const id = started.stdout.trim();
    expect([started.code, id]).toEqual([0, expect.stringMatching(/^[a-z0-9-]+$/)]);
    const second = await glue(["run", ...NAMED, "--", "true"]);
    expect([second.code, second.stderr]).toEqual([
      125,
      expect.stringContaining(`Sprite "my-box" is in use by session ${id}`),
    ]);
    expect(second.stderr).toContain(`glue session close ${id}`);
    expect((await glue(["exec", "-s", id, "--", "echo", "still mine"])).stdout).toBe("still mine\n");
    expect((await glue(["session", "close", id])).code).toBe(0);
    expect((await glue(["run", ...NAMED, "--", "true"])).code).toBe(0);
  },
  120_000,
);

testWithDouble(
  "a sprite that another repository's session left is refused, and is left as it is",
  async () => {
    const { glue, git, repo } = setting;
    const other = tempDir();
    const words = ["-C", other, ...NAMED];
    git("init", "-q", "-b", "main", other);
    await Bun.write(join(other, "other.txt"), "other\n");
    const plain = await glue(["run", ...words, "-c", "echo must not run"]);
    git("-C", other, "add", "-A");
    git("-C", other, "commit", "-qm", "other");
    const committed = await glue(["run", ...words, "-c", "echo must not run"]);
    for (const { code, stdout, stderr } of [plain, committed]) {
      expect([code, stdout]).toEqual([125, ""]);
      expect(stderr).toContain("holds the tree of another repository");
      expect(stderr).toContain("--no-update takes it over as it is");
    }
    const asked = await glue(["run", "--no-update", ...words, "-c", "ls"]);
    expect([asked.code, asked.stdout]).toEqual([0, expect.stringContaining("s6.txt")]);
    // The one whose it is goes on.
    await Bun.write(join(repo, "later.txt"), "later\n");
    expect((await glue(["run", ...NAMED, "--", "cat", "s6.txt", "later.txt"])).stdout).toBe("s6\nlater\n");
  },
  120_000,
);

testWithDouble("another machine's lease stands, and the refusal says how to clear it", async () => {
  const { glue, double } = setting;
  const owner = { kind: "process", host: "another-machine", boot: "b", pid: 1, pidStart: "1" };
  const lease = JSON.stringify({ format: 1, session: "far-away", ours: false, owner });
  const sprite = double.find("my-box");
  const file = "/home/sprite/.glue-sandbox/lease";
  await sprite?.tool(["tee", file], { user: "sprite", stdin: Buffer.from(lease) });
  const refused = await glue(["run", ...NAMED, "--", "true"]);
  expect([refused.code, refused.stderr]).toEqual([125, expect.stringContaining("session far-away of another machine")]);
  expect(refused.stderr).toContain(`sprite -s my-box exec -- sh -c 'rm "$HOME/.glue-sandbox/lease"'`);
  await sprite?.tool(["rm", file], { user: "sprite" });
});

testWithDouble("a named sprite is deleted on close where nothing says otherwise", async () => {
  const { glue, double } = setting;
  const ran = await glue(["run", "-r", "sprites", "--set", "sprites.sprite_name=my-box", "--", "true"]);
  expect(ran.code).toBe(0);
  expect(double.sprites()).toEqual([]);
});
