/** Trees that move, and such that cannot all be read. */
import { expect } from "bun:test";
import { join } from "node:path";
import { capture } from "../../../workspace/capture.ts";
import { glue } from "../../support/glue.ts";
import { rootOnly, whereEnv, whereFlags } from "../../support/roundtrip-on.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { handStage, PLAIN_ENV, sh } from "../../workspace/hand-stage.ts";
import { captureMoving, landProven } from "../../workspace/proof.ts";
import { corner, landed, type Place, place, session } from "./corner.ts";

const START = "echo a >a; mkdir d; echo b >d/b; git add -A; git commit -qm start";

corner("jobs that still write while the change is captured", [], async () => {
  const staged = handStage(tempDir(), START);
  const { here, there } = staged.sandbox.shared;
  const writer = staged.sandbox.start(
    `while [ ! -e '${there}/stop' ]; do echo x >>moving; echo x >fresh; rm -f gone; echo x >gone; done`,
  );
  try {
    staged.inside("echo more >>a; until test -s moving; do :; done");
    const result = await captureMoving(staged);
    expect(result).toMatchObject({ status: "captured", facts: { quiescent: false } });
    expect(result.warnings.join()).toContain("still changed while they were captured");
    await landProven(staged, result);
    expect(staged.here("git cat-file blob glue/s1:a; git cat-file blob glue/s1:moving | head -n 1")).toBe("a\nmore\nx");
  } finally {
    sh(here, "touch stop");
    await writer.exited;
  }
});

corner("files that vanish while the change is captured", [], async () => {
  const staged = handStage(
    tempDir(),
    `${START}; mkdir churn; for i in $(seq 300); do echo $i >churn/f$i; done; git add -A; git commit -qm churn`,
  );
  const { here, there } = staged.sandbox.shared;
  const writer = staged.sandbox.start(
    `i=0; while [ ! -e '${there}/stop' ]; do i=$((i % 300 + 1)); echo $$ >>churn/f$i; rm -f churn/f$(((i + 150) % 300 + 1)); done`,
  );
  try {
    staged.inside("echo more >>a");
    for (let count = 0; count < 5; count++) {
      const result = await capture(staged.sandbox, staged.request);
      expect(result.status).toBe("captured");
      if (result.status === "captured")
        expect(sh(staged.request.gitDir, `git cat-file blob ${result.head}:a`)).toBe("a\nmore");
    }
  } finally {
    sh(here, "touch stop");
    await writer.exited;
  }
});

corner("an untracked build folder over capture_cap_mb", [], async () => {
  const of = place(START);
  const started = await of.glue("session", "start", "-q", "--copy", ...whereFlags(), "--set", "capture_cap_mb=1");
  const id = started.stdout.trim();
  await of.glue("exec", "-s", id, "--", "sh", "-c", "mkdir build; head -c 3000000 /dev/zero >build/out; echo more >>a");
  const closed = await of.glue("session", "close", id);
  expect(closed.code).toBe(1);
  expect(closed.stderr).toContain("3.0 MB  build/");
  expect((await of.glue("exec", "-s", id, "--", "sh", "-c", "echo build/ >.gitignore")).code).toBe(0);
  expect((await of.glue("session", "close", id)).code).toBe(0);
  const { branch } = await landed(of, id);
  expect(of.here(`git ls-tree -r --name-only ${branch}; git cat-file blob ${branch}:a`)).toBe(
    ".gitignore\na\nd/b\na\nmore",
  );
});

corner("hard links", [], async () => {
  const of = place(`${START}; ln a linked; ln d/b d/c`);
  const { id } = await session(of, "test a -ef linked || :; echo more >a.new; cat a.new >>a; ln a again");
  const { branch } = await landed(of, id);
  expect(of.here(`for f in a linked again; do git cat-file blob ${branch}:$f | tr '\\n' ' '; done`)).toBe(
    "a more a a more",
  );
  expect((await of.glue("session", "apply", id, "--in-place")).code).toBe(0);
  expect(of.here("cat a linked; test d/b -ef d/c")).toBe("a\nmore\na");
  expect((await of.glue("session", "apply", id, "--undo")).code).toBe(0);
  expect(of.here("cat a linked")).toBe("a\na");
});

corner("sockets and pipes, here and inside", [], async () => {
  const of = place(`${START}; mkfifo pipe; rm d/b; mkfifo d/b`);
  // In the place of a tracked file it must not pass for a deletion.
  const ran = await of.glue("run", "--copy", ...whereFlags(), "--", "true");
  expect([ran.code, ran.stderr]).toEqual([125, expect.stringContaining("d/b: can only add regular files")]);
  of.here("rm d/b; echo b >d/b");
  const { id, said } = await session(of, "test ! -e pipe; mkfifo inside; echo more >>a");
  expect(said).toContain("pipe");
  const { branch } = await landed(of, id);
  expect(of.here(`git ls-tree -r --name-only ${branch}; ls -l d/b pipe | cut -c1`)).toBe("a\nd/b\n-\np");
});

corner("files that vanish while the tree is read", [], async () => {
  const of = place(
    `${START}; mkdir churn; for i in $(seq 300); do echo $i >churn/f$i; done; git add churn; git commit -qm churn`,
  );
  const stop = join(of.root, "stop");
  const churn = Bun.spawn(
    [
      "sh",
      "-c",
      `i=0; while [ ! -e '${stop}' ]; do i=$((i + 1)); rm -f churn/f$((i % 300)); echo $i >churn/g$((i % 300)); echo $i >churn/f$(((i + 150) % 300)); rm -f churn/g$(((i + 100) % 300)); done`,
    ],
    {
      cwd: of.user,
      env: { PATH: process.env.PATH ?? "" },
    },
  );
  try {
    for (let count = 0; count < 3; count++) {
      const { id } = await session(
        of,
        "git fsck --strict >/dev/null; n=$(git status --porcelain | wc -l); echo $n >status; echo more >>a",
      );
      const ran = await of.glue("session", "apply", id);
      expect([ran.code, ran.stdout.split(" · ")[0]]).toEqual([0, "applied exactly"]);
      expect(of.here(`git cat-file blob glue/${id}:status`)).toBe("0");
    }
  } finally {
    sh(of.root, "touch stop");
    await churn.exited;
  }
});

/** A repository of another user, as whom glue runs. */
function ofAnother(make: string): Place {
  const of = place(make);
  const uid = 12_345;
  sh(of.root, `chmod 755 .. .; chown -R ${uid}:${uid} .`);
  const as = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"].join(" ");
  const env = { ...PLAIN_ENV, HOME: join(of.root, "nobody"), ...whereEnv() };
  return {
    ...of,
    here: (script) => sh(of.user, `${as} sh -ec '${script}'`),
    glue: (...args) => glue(of.home, args, { cwd: of.user, env, uid }),
  };
}

corner(
  "a tracked file that cannot be read",
  ["root", "linux"],
  async () => {
    const of = ofAnother(`${START}; echo changed >>a; chmod 000 a`);
    const ran = await of.glue("run", "--copy", ...whereFlags(), "--", "true");
    expect([ran.code, ran.stdout]).toEqual([125, ""]);
    expect(ran.stderr).toContain("A tracked file cannot be read");
    of.here("chmod 644 a");
    const started = await of.glue("session", "start", "-q", "--copy", ...whereFlags());
    const id = started.stdout.trim();
    await of.glue("exec", "-s", id, "--", "sh", "-c", "echo more >>d/b; chmod 000 d/b");
    const closed = await of.glue("session", "close", id);
    expect([closed.code, closed.stderr]).toEqual([1, expect.stringContaining("cannot be read")]);
    await of.glue("exec", "-s", id, "--", "chmod", "644", "d/b");
    expect((await of.glue("session", "close", id)).code).toBe(0);
    // Here it became unreadable meanwhile: no merge may take that for a deletion.
    of.here("chmod 000 d/b");
    const merged = await of.glue("session", "apply", id, "--in-place");
    expect([merged.code === 0, merged.stdout]).toEqual([false, ""]);
    expect(merged.stderr).toContain("cannot be read");
    expect((await of.glue("session", "apply", id)).stdout).toStartWith("applied exactly");
  },
  rootOnly,
);

corner(
  "untracked files and folders that cannot be read",
  ["root", "linux"],
  async () => {
    const of = ofAnother(`${START}; echo secret >secret; mkdir closed; echo in >closed/in; chmod 000 secret closed`);
    const { id, said } = await session(
      of,
      "test ! -e secret; echo more >>a; echo s >mine; mkdir shut; echo x >shut/x; chmod 000 mine shut",
    );
    expect(said).toContain("secret");
    expect(said).toContain("closed/");
    expect(said).toContain("Left behind, because it cannot be read: mine");
    const applied = await of.glue("session", "apply", id);
    expect(applied.stdout).toStartWith("applied exactly");
    expect(of.here(`git ls-tree -r --name-only glue/${id}`)).toBe("a\nd/b");
  },
  rootOnly,
);

corner(
  "in place: a folder that cannot be written to",
  ["root", "linux"],
  async () => {
    const of = ofAnother(START);
    const { id } = await session(of, "echo more >>a; echo more >>d/b; echo new >d/new");
    of.here("chmod 555 d");
    const ran = await of.glue("session", "apply", id, "--in-place");
    expect([ran.code, ran.stdout]).toEqual([1, ""]);
    expect(ran.stderr).toContain("Nothing is changed in it.");
    expect(of.here("cat a d/b; git status --porcelain; ls -A .git | grep -c glue || :")).toBe("a\nb\n0");
    of.here("chmod 755 d");
    expect((await of.glue("session", "apply", id, "--in-place")).stdout).toStartWith("applied exactly");
  },
  rootOnly,
);
