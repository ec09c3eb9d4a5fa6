/** The whole circle from the command line: there with the dirty tree, work, back as commits, landed as a branch. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Home, openHome } from "../../session/home.ts";
import { doubleProblem as noDaytona, slow } from "../daytona/double.ts";
import { startDouble as startDaytona } from "../doubles/daytona/server.ts";
import { startDouble } from "../doubles/sprite/server.ts";
import { doubleProblem as noSprites } from "../sprites/double.ts";
import { type GlueOptions, glue, REAL_ENGINE } from "../support/glue.ts";
import { IMAGES, missing, type Need, testUnless } from "../support/needs.ts";
import { whereEnv, whereFlags } from "../support/roundtrip-on.ts";
import { tempDir } from "../support/temp-dir.ts";
import { PLAIN_ENV, sh } from "../workspace/hand-stage.ts";

interface Place {
  readonly user: string;
  readonly home: Home;
  glue(args: readonly string[], env?: GlueOptions["env"]): Promise<{ code: number; stdout: string; stderr: string }>;
}

/** A repository with a dirty tree: an edited, a staged and an untracked file, and an ignored one. */
function place(service: GlueOptions["env"] = {}): Place {
  const root = tempDir();
  const user = join(root, "user");
  mkdirSync(user);
  sh(
    user,
    `git init -q -b main .; printf 'one\\ntwo\\n' >a.txt; mkdir -p src; seq 1 50 >src/n; echo '*.log' >.gitignore
     printf '#!/bin/sh\\n' >run.sh; chmod +x run.sh; ln -s a.txt link; git add -A; git commit -qm start
     echo three >>a.txt; echo staged >staged; git add staged; echo untracked >untracked; echo x >x.log`,
  );
  const home = openHome({ GLUE_HOME: join(root, "home") });
  return {
    user,
    home,
    glue: (args, env) => glue(home, args, { cwd: user, env: { ...PLAIN_ENV, ...REAL_ENGINE, ...service, ...env } }),
  };
}

interface Where {
  readonly title: string;
  readonly needs: readonly Need[];
  /** Why it cannot be had here, beside the needs. */
  readonly problem?: string | undefined;
  readonly args: readonly string[];
  readonly git: boolean;
  /** A service of its own, and what glue needs in its environment to find it. */
  start?(): { readonly env: Readonly<Record<string, string>>; stop(): Promise<void> };
}

const WHERE: readonly Where[] = [
  { title: "host", needs: [], args: ["-r", "host"], git: true },
  ...(["debian-git", "debian-nogit", "busybox"] as const).map((image) => ({
    title: `docker, ${image}`,
    needs: [`image:${image}`] as const,
    args: ["-r", "docker", "--set", `docker.image=${IMAGES[image]}`],
    git: image === "debian-git",
  })),
  {
    title: "sprites, on a double",
    needs: [],
    problem: noSprites,
    args: ["-r", "sprites"],
    git: true,
    start() {
      const double = startDouble();
      return { env: { ...double.env, SPRITES_CLI: double.cli }, stop: () => double.stop() };
    },
  },
  ...[[], ["git"], ["perl"]].map((lacks) => ({
    title: `daytona, on a double${lacks.map((name) => `, without ${name}`).join("")}`,
    needs: [],
    problem: lacks.length > 0 ? slow(noDaytona) : noDaytona,
    args: ["-r", "daytona"],
    git: !lacks.includes("git"),
    start() {
      const double = startDaytona({ lacks });
      const env = { DAYTONA_API_KEY: double.apiKey, DAYTONA_API_BASE_URL: double.url };
      return { env, stop: () => double.stop() };
    },
  })),
];

/** Everything of the user's that could be touched; git must not refresh its index for being asked. */
const LOOK =
  "export GIT_OPTIONAL_LOCKS=0; git status --porcelain; git rev-parse HEAD; sha256sum .git/index .git/config; ls -la --time-style=full-iso";

/** What is done inside, and the listing (mode, name, first line) of what differs from the dirty tree afterwards. */
const WORK: readonly { title: string; script: string; files: number; git?: true; commits?: number }[] = [
  {
    title: "edits, a new file, a deletion, a mode, a link",
    script: "echo 4 >>a.txt; echo new >new; rm src/n; chmod -x run.sh; rm link; ln -s new link",
    files: 5,
  },
  {
    title: "odd names and binary content",
    script:
      "printf '\\000\\377' >'bin ary'; echo q >'q\"uote'; echo d >./-dash; mkdir -p deep/er; echo z >deep/er/z; echo l >ignored.log",
    files: 4,
  },
  {
    title: "commits, a branch, a tag and loose work",
    script:
      "echo 4 >>a.txt; git commit -qam one; git tag v1; git checkout -qb side; echo s >side; git add side; git commit -qm side; echo loose >loose",
    files: 3,
    git: true,
    commits: 3,
  },
  { title: "a deleted .git", script: "rm -rf .git; echo 4 >>a.txt", files: 1, git: true },
];

for (const where of WHERE) {
  describe(`run --copy and apply: ${where.title}`, () => {
    const problem = where.problem ?? where.needs.map(missing).find((reason) => reason !== undefined);
    let service: ReturnType<NonNullable<Where["start"]>> | undefined;
    beforeAll(() => {
      if (problem === undefined) service = where.start?.();
    });
    afterAll(() => service?.stop());
    const placeThere = () => place(service?.env);

    for (const work of WORK.filter(({ git }) => git === undefined || where.git)) {
      testUnless(
        problem,
        work.title,
        async () => {
          const { user, home, glue } = placeThere();
          const before = sh(user, LOOK);
          const ran = await glue(["run", "--copy", ...where.args, "--", "sh", "-c", work.script]);
          expect(ran.stderr).toContain("glue session apply");
          expect(ran.code).toBe(0);
          expect(sh(user, LOOK)).toBe(before);
          const applied = await glue(["session", "apply", "--json"]);
          expect(applied.stderr).toBe("");
          const { branch, commit, tree, commits, id } = JSON.parse(applied.stdout);
          expect(commits).toBe(work.commits ?? 1);
          expect(branch).toBe(`glue/${id}`);
          expect(sh(user, `git rev-parse ${branch} ${branch}^{tree}`)).toBe(`${commit}\n${tree}`);
          expect(sh(user, "git fsck --full --strict --no-dangling 2>&1")).toBe("");
          // Under the session's commits lies the uncommitted work of that time, and under that HEAD.
          expect(sh(user, `git rev-parse ${branch}~${commits + 1}`)).toBe(sh(user, "git rev-parse HEAD"));
          expect(sh(user, `git diff --name-only ${branch}~${commits} ${branch}`).split("\n")).toHaveLength(work.files);
          const meta = await Bun.file(join(home.sessions, id, "runtime.mbox.meta.json")).json();
          expect(meta).toMatchObject({
            head_tree: tree,
            commits,
            files_changed: work.files,
            ids_kept: true,
            quiescent: true,
            format: "format-patch",
          });
          // What people get by mail is the same.
          sh(
            user,
            `git worktree add -q --detach ../mail ${branch}~${commits}; git -C ../mail am -q ${join(home.sessions, id, "runtime.mbox")}`,
          );
          expect(sh(user, "git -C ../mail rev-parse HEAD^{tree}")).toBe(tree);
        },
        240_000,
      );
    }

    testUnless(
      problem,
      "nothing was changed: no patch, and it says so",
      async () => {
        const { home, glue } = placeThere();
        const ran = await glue(["run", "--copy", ...where.args, "--", "true"]);
        expect(ran.code).toBe(0);
        expect(ran.stderr).toContain("No change");
        const [id = ""] = sh(home.sessions, "ls").split("\n");
        expect(sh(join(home.sessions, id), "ls")).not.toContain("runtime.");
        expect((await glue(["session", "apply", id])).stderr).toContain("changed nothing");
      },
      240_000,
    );

    testUnless(
      problem,
      "the command fails: its status is kept and the change comes back all the same",
      async () => {
        const { glue } = placeThere();
        const ran = await glue(["run", "--copy", ...where.args, "--", "sh", "-c", "echo 4 >>a.txt; exit 3"]);
        expect(ran.code).toBe(3);
        expect((await glue(["session", "diff", "--json"])).stdout).toContain('"path":"a.txt"');
      },
      240_000,
    );
  });
}

test("a folder without a repository goes there and back as a patch", async () => {
  const root = tempDir();
  const folder = join(root, "plain");
  mkdirSync(folder);
  sh(folder, "echo a >a; mkdir d; echo b >d/b");
  const home = openHome({ GLUE_HOME: join(root, "home") });
  const run = (...args: string[]) => glue(home, args, { cwd: folder, env: { ...PLAIN_ENV, ...whereEnv() } });
  expect((await run("run", "--copy", ...whereFlags(), "--", "sh", "-c", "echo more >>a; echo c >c")).code).toBe(0);
  const refused = await run("session", "apply");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("not a git repository");
  expect(refused.stderr).toContain("session export");
  const exported = await run("session", "export", "--to", "../change.patch");
  expect(exported.stdout.trim()).toBe(join(root, "change.patch"));
  sh(folder, 'git apply ../change.patch; test "$(cat a)" = "$(printf \'a\\nmore\')"; test -e c');
  sh(root, "git init -q other; cd other; git commit -q --allow-empty -m x");
  const landed = await run("session", "apply", "--target", "../other");
  expect(landed.stdout).toContain("applied exactly · tree ");
  expect(
    sh(
      join(root, "other"),
      "git fsck --full --strict --no-dangling 2>&1; git ls-tree -r --name-only \"$(git branch --format='%(refname)' --list 'glue/*')\"",
    ),
  ).toBe("a\nc\nd/b");
}, 240_000);
