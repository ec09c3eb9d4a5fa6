/** `session apply --check`, `--in-place` and `--undo`, as a person or a tool calls them. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openHome } from "../../session/home.ts";
import { glue } from "../support/glue.ts";
import { expectSchema } from "../support/json-schema.ts";
import { whereEnv, whereFlags } from "../support/roundtrip-on.ts";
import { tempDir } from "../support/temp-dir.ts";
import { PLAIN_ENV, sh } from "../workspace/hand-stage.ts";

async function session(work: string, make = "seq 1 9 >a; echo b >b") {
  const root = tempDir();
  const user = join(root, "user");
  mkdirSync(user);
  sh(user, `git init -q -b main .; ${make}; git add -A; git commit -qm start`);
  const home = openHome({ GLUE_HOME: join(root, "home") });
  const run = (...args: string[]) => glue(home, args, { cwd: user, env: { ...PLAIN_ENV, ...whereEnv() } });
  expect((await run("run", "--copy", ...whereFlags(), "--", "sh", "-c", work)).code).toBe(0);
  const apply = (...args: string[]) => run("session", "apply", ...args);
  const state = () =>
    sh(user, "GIT_OPTIONAL_LOCKS=0 git status --porcelain; find . -type f | LC_ALL=C sort | xargs sha256sum");
  return { root, user, home, apply, state, run, here: (script: string) => sh(user, script) };
}

test("check: 0 where the change lands exactly and nothing needs a look, and nothing is written", async () => {
  const { apply, state, here } = await session("echo 10 >>a; echo new >new");
  const was = state();
  const branch = await apply("--check");
  expect([branch.code, branch.stdout.split(" · ")[0]]).toEqual([0, "would land exactly"]);
  const inPlace = await apply("--check", "--in-place");
  expect([inPlace.code, inPlace.stdout.split(" · ")[0]]).toEqual([0, "would land exactly"]);
  expect(state()).toBe(was);
  expect(here("git branch --list 'glue/*'")).toBe("");
  here("sed -i 1s/1/one/ a");
  expect((await apply("--check", "--in-place")).stdout).toStartWith("would merge cleanly");
}, 120_000);

test("check: 1 with what deserves a look", async () => {
  const { apply } = await session(
    "mkdir -p .husky .github/workflows; echo x >.husky/pre-commit; echo x >.github/workflows/ci.yml; echo x >bun.lock; chmod +x b; ln -s ../.. up; echo '* text' >.gitattributes; rm .gitattributes; echo plain >plain",
  );
  for (const args of [["--check"], ["--check", "--in-place"]]) {
    const { code, stdout } = await apply(...args, "--json");
    expect(code).toBe(1);
    const value = JSON.parse(stdout);
    expectSchema(value, args.length === 1 ? "session-apply-check" : "session-apply-in-place");
    expect(value.flags.map(({ path, why }: { path: string; why: string }) => `${path} ${why}`)).toEqual([
      ".github/workflows/ci.yml ci",
      ".husky/pre-commit hook",
      "b execBit",
      "bun.lock lockFile",
      "up linkOutOfTree",
    ]);
  }
  expect((await apply("--check")).stdout).toContain("look at up: a link out of the tree, to ../..\n");
}, 120_000);

test("check: 1 where it cannot land, with the reason", async () => {
  const { apply, here } = await session("sed -i 5s/5/theirs/ a");
  here("sed -i 5s/5/mine/ a");
  const conflict = await apply("--check", "--in-place");
  expect([conflict.code, conflict.stdout]).toEqual([
    1,
    "would not fit · 1 path would change\n  a: both changed the same place; see the markers in it\n",
  ]);
  here("git branch -q $(basename $(ls -d ../home/sessions/*) | sed s,^,glue/,)");
  const taken = await apply("--check");
  expect([taken.code, taken.stdout]).toEqual([1, ""]);
  expect(taken.stderr).toContain("exists already and holds something else");
}, 120_000);

test("in place: what is printed, and the printed undo", async () => {
  const { apply, state, run, user, here } = await session("sed -i 5s/5/theirs/ a; echo 10 >>a; echo new >new");
  here("echo staged >b; git add b");
  const was = state();
  const clean = await apply("--in-place", "--json");
  expect(clean.code).toBe(0);
  const value = JSON.parse(clean.stdout);
  expectSchema(value, "session-apply-in-place");
  expect(value).toMatchObject({ exact: false, clean: true, changed: ["a", "new"], top: user });
  const undo: string[] = value.undo.split(" ").slice(1);
  const undone = await run(...undo, "--json");
  expectSchema(JSON.parse(undone.stdout), "session-apply-undo");
  expect(state()).toBe(was);
  const none = await run(...undo);
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("there is nothing to undo")]);
  here("sed -i 5s/5/mine/ a");
  const before = state();
  const conflict = await apply("--in-place");
  expect([conflict.code, conflict.stdout]).toEqual([1, ""]);
  expect(conflict.stderr).toContain("  a: both changed the same place; see the markers in it");
  const [, printed = ""] = /take it all back: glue (.*)/.exec(conflict.stderr) ?? [];
  expect((await run(...printed.split(" "))).stdout).toStartWith("undone · 2 paths");
  expect(state()).toBe(before);
}, 120_000);

test("in place: in a folder that is no repository", async () => {
  const root = tempDir();
  const user = join(root, "user");
  mkdirSync(user);
  sh(user, "seq 1 9 >a; echo b >b");
  const home = openHome({ GLUE_HOME: join(root, "home") });
  const run = (...args: string[]) => glue(home, args, { cwd: user, env: { ...PLAIN_ENV, ...whereEnv() } });
  await run("run", "--copy", ...whereFlags(), "--", "sh", "-c", "echo 10 >>a; rm b; mkdir d; echo c >d/c");
  sh(user, "sed -i 1s/1/one/ a");
  const applied = await run("session", "apply", "--in-place");
  expect([applied.code, applied.stdout.split(" · ")[0]]).toEqual([0, "merged cleanly"]);
  expect(sh(user, "head -n1 a; tail -n1 a; find . -type f | sort")).toBe("one\n10\n./a\n./d/c");
  expect((await run("session", "apply", "--undo")).code).toBe(0);
  expect(sh(user, "head -n1 a; tail -n1 a; cat b; ls")).toBe("one\n9\nb\na\nb");
}, 120_000);

test("flags of apply that ask for different things at once are refused", async () => {
  const { apply } = await session("echo 10 >>a");
  for (const together of [
    ["--in-place", "--branch", "x"],
    ["--in-place", "--checkout"],
    ["--check", "--checkout"],
    ["--undo", "--in-place"],
    ["--undo", "--check"],
  ]) {
    const refused = await apply(...together);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("do not go together")]);
  }
}, 120_000);
