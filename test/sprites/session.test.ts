/** Sessions on sprites from the command line. */
import { afterAll, beforeAll, expect } from "bun:test";
import { join } from "node:path";
import { serveGit } from "../roundtrip/git-server.ts";
import { tempDir } from "../support/temp-dir.ts";
import { doubleProblem, slowWithDouble, testWithDouble } from "./double.ts";
import { newestSession, type Setting, setUp } from "./glue.ts";

let setting: Setting;
beforeAll(async () => {
  if (doubleProblem === undefined) setting = await setUp();
});

afterAll(async () => {
  await setting?.stop();
});

testWithDouble(
  "a tree goes there, its change comes back, and no sprite is left",
  async () => {
    const { glue, git, double } = setting;
    const script =
      "cat b.txt; echo more >>a.txt; rm b.txt; ln -s a.txt link; head -c 300000 /dev/urandom >random; chmod +x random; sha256sum <random";
    const ran = await glue(["run", "-r", "sprites", "-c", script]);
    expect([ran.code, ran.stdout.split("\n")[0]]).toEqual([0, "two"]);
    expect(ran.stderr).toContain("as a bundle");
    expect(double.sprites()).toEqual([]);
    const id = await newestSession(setting);
    expect((await glue(["session", "apply", id])).code).toBe(0);
    expect(git("show", `glue/${id}:a.txt`)).toBe("one\nmore");
    expect(git("ls-tree", "--name-only", `glue/${id}`)).toBe("a.txt\nlink\nrandom");
    expect(git("ls-tree", `glue/${id}`, "random")).toStartWith("100755");
    const random = Bun.spawnSync(["git", "show", `glue/${id}:random`], { cwd: setting.repo }).stdout;
    expect(ran.stdout).toContain(new Bun.CryptoHasher("sha256").update(random).digest("hex"));
  },
  120_000,
);

/** How often glue is killed, and up to how many milliseconds after its start: from before its record to long after its tree has arrived. */
const KILLS = Number(process.env.GLUE_TEST_RUNS ?? (process.env.GLUE_TEST_FULL ? 25 : 2));
const LATEST_MS = 4_000;

testWithDouble(
  "a glue that is killed at a random moment leaves at most a sprite that prune finds",
  async () => {
    const { glue, start, double } = setting;
    for (let kill = 0; kill < KILLS; kill++) {
      const ms = Math.round(Math.random() * LATEST_MS);
      const killed = start(["run", "-r", "sprites", "-c", "echo changed >>a.txt; sleep 60"]);
      await Bun.sleep(ms);
      killed.kill("SIGKILL");
      await killed.exited;
      // A create that was under way goes on without it.
      await Bun.sleep(1_000);
      const pruned = await glue(["prune"]);
      expect([ms, pruned.code, double.sprites().map(({ name }) => name)]).toEqual([ms, 0, []]);
    }
  },
  300_000,
);

testWithDouble("output that is lost for good is warned of, and the status is the command's", async () => {
  const { glue, double } = setting;
  // The second command is the user's: one has brought the tree in.
  double.faults.add({ act: "lose-stdout", bytes: 600_000, upTo: 700_000, times: 1, skip: 1, on: /run\.sh/ });
  const ran = await glue(["run", "-r", "sprites", "-c", "seq 1 300000; exit 6"]);
  double.faults.clear();
  expect([ran.code, ran.stdout.length]).toEqual([6, 1_988_895 - 100_000]);
  expect(ran.stderr).toContain("Output of the command was lost on its way");
});

testWithDouble(
  "a tree over the cap is cloned from its remote in the sprite; what the remote lacks is sent",
  async () => {
    const { glue, git, repo } = setting;
    const served = tempDir();
    git("clone", "-q", "--bare", ".", join(served, "served.git"));
    const server = serveGit(served);
    try {
      // The server is in this process, so what is run synchronously must not ask it.
      git("remote", "add", "origin", join(served, "served.git"));
      git("fetch", "-q", "origin");
      git("remote", "set-url", "origin", `${server.url}/served.git`);
      const ran = await glue([
        "run",
        "-r",
        "sprites",
        "--set",
        "sprites.bundle_cap_mb=0",
        "-c",
        "cat b.txt; echo 3 >c.txt",
      ]);
      expect([ran.code, ran.stdout]).toEqual([0, "two\n"]);
      expect(ran.stderr).toContain("clone");
      expect(ran.stderr).toContain("1 commit, 1 file changed");
      expect(server.requests.some((request) => request.includes("git-upload-pack"))).toBe(true);
      // Where nobody may read it, every byte goes up from here.
      server.answer = "askForCredentials";
      const refused = await glue(["run", "-r", "sprites", "--set", "sprites.bundle_cap_mb=0", "--", "cat", "b.txt"]);
      expect([refused.code, refused.stdout, refused.stderr]).toEqual([
        0,
        "two\n",
        expect.stringContaining("in pieces"),
      ]);
      expect(await Bun.file(join(repo, "b.txt")).text()).toBe("two\n");
    } finally {
      server.stop();
      git("remote", "remove", "origin");
    }
  },
  120_000,
);

slowWithDouble(
  "a tree of 40 MB without a remote arrives in pieces and comes back",
  async () => {
    const { glue, git, repo } = setting;
    const big = new Uint8Array(40_000_000);
    for (let at = 0; at < big.length; at += 65_536) crypto.getRandomValues(big.subarray(at, at + 65_536));
    await Bun.write(join(repo, "big.bin"), big);
    const ran = await glue(["run", "-r", "sprites", "-c", "printf x >>big.bin; sha256sum <big.bin"]);
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining("in pieces")]);
    const id = await newestSession(setting);
    expect((await glue(["session", "apply", id])).code).toBe(0);
    expect(git("cat-file", "-s", `glue/${id}:big.bin`)).toBe("40000001");
  },
  300_000,
);
