import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { testUnless } from "../support/needs.ts";
import { onlyOnHost } from "../support/roundtrip-on.ts";
import { type Case, makeCase } from "../workspace/snapshot-case.ts";
import { type GitServer, serveGit } from "./git-server.ts";
import { expected, filesOf, RICH, type StageCaseOptions, stage, toolsWithoutGit } from "./stage-case.ts";

const servers: GitServer[] = [];
afterAll(() => {
  for (const server of servers) server.stop();
});

/** As `stage`, by a glue that finds no git. */
const stageBare = (of: Case, options: StageCaseOptions = {}) =>
  stage(of, { ...options, hostEnv: { ...of.env, PATH: join(of.root, "no-git-here") } });

describe("from a host without git", () => {
  test("the tree arrives byte for byte, and the sandbox's git makes the base on top of the host's HEAD", async () => {
    const of = makeCase(RICH);
    const { base, report, box, inside, sessionDir } = await stageBare(of, { subfolder: "src" });
    expect(Object.fromEntries(filesOf(box.folder))).toEqual(expected(of));
    expect(report).toMatchObject({
      strategy: "archive",
      passedOver: [{ strategy: "bundle", reason: "git is not installed on the host" }],
    });
    expect(base).toMatchObject({
      headRef: "refs/heads/trunk",
      included: [".env"],
      dirty: true,
      conversionsUnknown: true,
    });
    expect(base.host).toMatchObject({ git: null, gitDir: null, repository: true });
    expect(base.base?.parent).toBe(of.here("git rev-parse HEAD"));
    expect(inside("git status --porcelain --untracked-files=all; git log --format='%H %s'")).toBe(
      `${base.base?.commit} uncommitted work`,
    );
    expect(inside("git rev-parse HEAD^{tree}; git symbolic-ref HEAD")).toBe(`${base.base?.tree}\nrefs/heads/trunk`);
    expect(inside("git remote; git config user.name; git fsck --full --strict --no-dangling")).toBe("glue");
    expect(inside(`git --git-dir=${base.sandbox.gitDir} rev-parse refs/glue/base`)).toBe(base.base?.commit ?? "");
    // What landing needs is on the host, and the user's repository can take it.
    expect(
      of.here(`git fetch -q ${sessionDir}/base.bundle refs/glue/base && git rev-parse FETCH_HEAD^ FETCH_HEAD^{tree}`),
    ).toBe(`${of.here("git rev-parse HEAD")}\n${base.base?.tree}`);
  });

  test("the tree is the one that the host's git would have sent", async () => {
    const of = makeCase(RICH);
    const [without, with_] = [await stageBare(of), await stage(of)];
    expect(without.base.base?.tree).toBe(with_.base.base?.tree ?? "");
    expect(without.base.ignoreRules.trim()).toBe(with_.base.ignoreRules.trim());
  });

  test("where the remote has the commit, a clean tree starts from HEAD itself", async () => {
    const of = makeCase("true");
    const server = serveGit(of.root);
    servers.push(server);
    of.here(`git init -q -b main ../work; cd ../work; for n in 1 2 3; do echo $n >file; git add .; git commit -qm "number $n"; done
      git clone -q --bare . ../served.git; cd ../user; git clone -q ../served.git .; git remote set-url origin ${server.url}/served.git`);
    const clean = await stageBare(of);
    expect(clean.base).toMatchObject({
      strategy: "clone",
      dirty: false,
      base: { commit: of.here("git rev-parse HEAD"), parent: null },
    });
    expect(clean.inside("git log --format=%s; git status --porcelain")).toBe("number 3");
    of.here("echo 4 >>file");
    const dirty = await stageBare(of);
    expect(dirty.base).toMatchObject({
      strategy: "clone",
      dirty: true,
      base: { parent: of.here("git rev-parse HEAD") },
    });
    expect(dirty.inside("cat file; git log --format=%s; git status --porcelain; git fsck --full --no-dangling")).toBe(
      "3\n4\nuncommitted work",
    );
    server.answer = "askForCredentials";
    const refused = await stageBare(of);
    expect(refused.report.passedOver.at(-1)).toMatchObject({
      strategy: "clone",
      reason: expect.stringContaining("credentials"),
    });
    expect(refused.base.base?.tree).toBe(dirty.base.base?.tree ?? "");
  });

  test("a folder without a repository, a branch without a commit, a repository that counts in SHA-256", async () => {
    const folder = await stageBare(makeCase("mkdir a; echo x >a/x"));
    expect(folder.inside("git log --format=%s; git status --porcelain; cat a/x")).toBe("uncommitted work\nx");
    expect(folder.base.base?.parent).toBeNull();
    const unborn = await stageBare(makeCase("git init -q -b fresh .; echo x >x"));
    expect(unborn.inside("git log --format=%D; git status --porcelain")).toBe("HEAD -> fresh");
    const sha256 = await stageBare(
      makeCase("git init -q --object-format=sha256 -b main .; echo x >x; git add x; git commit -qm x; echo y >y"),
    );
    expect(sha256.inside("git rev-parse --show-object-format; git status --porcelain")).toBe("sha256");
    expect(sha256.base.base?.commit).toHaveLength(64);
  });

  testUnless(
    onlyOnHost,
    "into a sandbox without git: the files arrive, and that there is no base is said",
    async () => {
      const of = makeCase(RICH);
      const { base, box } = await stageBare(of, { path: toolsWithoutGit(of.root) });
      expect(Object.fromEntries(filesOf(box.folder))).toEqual(expected(of));
      expect(base).toMatchObject({ base: null, bundle: null, strategy: "archive" });
    },
  );
});
