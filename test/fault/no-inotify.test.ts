import { expect } from "bun:test";
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freshHome } from "../session/support.ts";
import { testNeeding } from "../support/needs.ts";
import { tempDir } from "../support/temp-dir.ts";

const MAIN = join(import.meta.dir, "../../cmd/main.ts");

testNeeding(
  ["linux", "strace"],
  "nothing is missed where the kernel gives no inotify: every call of it fails, and the change is saved all the same",
  async () => {
    const parent = realpathSync(tempDir());
    const [home, cwd, trace] = [freshHome(), join(parent, "project"), join(parent, "trace")];
    mkdirSync(cwd);
    writeFileSync(join(cwd, "file"), "one\n");
    const calls = "inotify_init1,inotify_add_watch";
    const strace = ["strace", "-f", "-o", trace, "-e", `trace=${calls}`, "-e", `inject=${calls}:error=EMFILE`];
    const glue = async (...args: string[]) => {
      const child = Bun.spawn([...strace, process.execPath, MAIN, ...args], {
        cwd,
        env: {
          PATH: process.env.PATH ?? "",
          HOME: parent,
          GLUE_HOME: home.root,
          BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
        },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
      return { code, out, err };
    };
    const ran = await glue(
      "run",
      "-r",
      "host",
      "--copy",
      "--set",
      "checkpoint_seconds=1",
      "-c",
      "sleep 1.5; echo two >file",
    );
    expect([ran.code, ran.err]).toEqual([0, expect.stringContaining("1 commit, 1 file changed")]);
    expect((await glue("session", "diff")).out).toContain("+two");
    // Not that it had tried: a file system that reports nothing (a network's, a FUSE one) is the same to it.
    expect(readFileSync(trace, "utf8")).not.toContain("inotify_add_watch");
  },
  120_000,
);
