import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openHome } from "../../session/home.ts";
import { glue } from "../support/glue.ts";
import { expectSchema } from "../support/json-schema.ts";
import { whereEnv, whereFlags } from "../support/roundtrip-on.ts";
import { tempDir } from "../support/temp-dir.ts";
import { PLAIN_ENV, sh } from "../workspace/hand-stage.ts";

test("what the commands on a change print for tools is what docs/schemas says, and for people what is there", async () => {
  const root = tempDir();
  const cwd = join(root, "user");
  mkdirSync(cwd);
  sh(cwd, "git init -q -b main .; echo a >a; echo b >b; git add -A; git commit -qm start");
  const home = openHome({ GLUE_HOME: join(root, "home") });
  const run = (...args: string[]) => glue(home, args, { cwd, env: { ...PLAIN_ENV, ...whereEnv() } });
  const json = async (schema: string, ...args: string[]) => {
    const { code, stdout, stderr } = await run(...args, "--json");
    expect([code, stderr]).toEqual([0, ""]);
    const value = JSON.parse(stdout);
    expectSchema(value, schema);
    return value;
  };
  await run(
    "run",
    "--copy",
    ...whereFlags(),
    "--",
    "sh",
    "-c",
    "echo 2 >>a; git commit -qam 'an edit'; git mv b c; git branch kept",
  );
  const [id = ""] = sh(home.sessions, "ls").split("\n");
  const shown = await json("session-show", "session", "show", id, "--log");
  expect(shown).toMatchObject({ state: "closed", mode: "copy", strategy: "bundle", change: "unlanded" });
  expect(shown.commits.map(({ subject }: { subject: string }) => subject)).toEqual(["uncommitted work", "an edit"]);
  expect(shown.log.commands).toHaveLength(1);
  const { files } = await json("session-diff", "session", "diff", id);
  expect(files).toEqual([
    { status: "modified", path: "a" },
    { status: "renamed", path: "c", from: "b" },
  ]);
  await json("session-export", "session", "export", id, "--to", "../out/");
  expect(sh(root, "ls out")).toBe("base.bundle\nruntime.bundle\nruntime.mbox\nruntime.mbox.meta.json");
  await json("session-apply", "session", "apply", id);
  expect((await json("session-show", "session", "show", id)).change).toBe("landed");

  const told = await run("session", "show", id);
  for (const words of ["on a copy", "2 commits, 2 files", "an edit", "landed or exported", "2 files changed"])
    expect(told.stdout).toContain(words);
  expect((await run("session", "diff", id)).stdout).toContain("rename from b\nrename to c\n");
  expect((await run("session", "diff", "--stat")).stdout).toContain("2 files changed");
  expect((await run("session", "export", id, "--to", "x.tar")).code).toBe(2);
  expect((await run("session", "export", id)).code).toBe(2);
  expect((await run("session", "apply", "nosuch")).code).toBe(2);
  for (const [name, check] of [
    ["m.mbox", "git am -q ../m.mbox"],
    ["p.patch", "git reset -q --hard start && git apply ../p.patch"],
    ["b.bundle", "git fetch -q ../b.bundle refs/glue/captured"],
  ]) {
    expect((await run("session", "export", id, "--to", `../${name}`)).code).toBe(0);
    sh(cwd, `git tag -f start main >/dev/null 2>&1; git checkout -q --detach start; ${check}; git reset -q --hard`);
  }
}, 240_000);
