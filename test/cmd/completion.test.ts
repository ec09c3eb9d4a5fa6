import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { candidates } from "../../cmd/completion.ts";
import { SCRIPTS, SHELLS } from "../../cmd/completion-scripts.ts";
import { tempDir } from "../support/temp-dir.ts";

const offered = async (...words: string[]) => (await candidates(words)).map(({ value }) => value);

describe("candidates", () => {
  test("are the commands, groups once, at the first word", async () => {
    const values = await offered("");
    expect(values).toContain("capabilities");
    expect(values.filter((value) => value === "config")).toHaveLength(1);
    expect(values.join(" ")).not.toContain("__");
  });

  test("are a group's verbs behind its name", async () => {
    expect(await offered("config", "")).toEqual(["init", "path", "show", "schema", "validate"]);
  });

  test("are the flags behind a dash", async () => {
    expect(await offered("config", "show", "-")).toEqual(["--help", "--runtime", "--set", "--json"]);
  });

  test.each([
    [
      ["config", "show", "-r", ""],
      ["host", "docker", "daytona", "sprites", "modal"],
    ],
    [
      ["config", "show", "--runtime=d"],
      ["--runtime=host", "--runtime=docker", "--runtime=daytona", "--runtime=sprites", "--runtime=modal"],
    ],
    [
      ["config", "show", "--set", "docker.workspace="],
      ["docker.workspace=mount", "docker.workspace=copy"],
    ],
    [
      ["config", "show", "--set", "docker.enabled=t"],
      ["docker.enabled=true", "docker.enabled=false"],
    ],
    [["config", "validate", ""], [":file"]],
    [["completions", ""], [...SHELLS]],
    [["nonsense", ""], []],
    [["config", "nonsense", ""], []],
  ])("for %p are %p", async (words, expected) => {
    expect(await offered(...words)).toEqual(expected);
  });

  test("are option keys with their = behind --set", async () => {
    expect(await offered("config", "show", "--set", "docker.i")).toContain("docker.image=");
  });
});

/** A session with two jobs, of which the second is known to have ended. */
function session(folder: string, state: string): void {
  for (const number of ["1", "2"]) {
    mkdirSync(join(folder, "jobs", number), { recursive: true });
    writeFileSync(join(folder, "jobs", number, "job.json"), JSON.stringify({ argv: ["make", "test"] }));
  }
  writeFileSync(join(folder, "jobs", "2", "end.json"), "{}");
  writeFileSync(join(folder, "meta.json"), JSON.stringify({ state }));
}

describe("the bash script", () => {
  /** What bash would offer, asked in a real bash that has read the script. */
  function complete(...words: string[]): string[] {
    const dir = tempDir();
    mkdirSync(join(dir, "work"));
    writeFileSync(join(dir, "work", "config one.yaml"), "");
    const glue = join(dir, "glue");
    writeFileSync(
      glue,
      `#!/bin/sh\nexec '${process.execPath}' '${resolve(import.meta.dir, "../../cmd/main.ts")}' "$@"\n`,
    );
    chmodSync(glue, 0o755);
    session(join(dir, "home", "sessions", "mwaaaaaa-bbbbbb"), "open");
    session(join(dir, "home", "sessions", "mwaaaaaa-cccccc"), "closed");
    const script = join(dir, "glue.bash");
    // compopt works only while bash itself completes.
    writeFileSync(script, `compopt() { :; }\n${SCRIPTS.bash}`);
    const asked = Bun.spawnSync({
      cmd: [
        "bash",
        "--norc",
        "-c",
        `source "$0"; cd '${dir}/work'; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _glue; printf '%s\\n' "\${COMPREPLY[@]}"`,
        script,
        glue,
        ...words,
      ],
      env: { PATH: process.env.PATH, HOME: dir, GLUE_HOME: join(dir, "home") },
    });
    expect(asked.stderr.toString()).toBe("");
    return asked.stdout.toString().split("\n").filter(Boolean);
  }

  test.each([
    [["conf"], ["config"]],
    [["config", "in"], ["init"]],
    [["config", "show", "--ru"], ["--runtime"]],
    // As bash breaks it: the "=" is a word of its own.
    [
      ["config", "show", "--set", "docker.workspace", "="],
      ["mount", "copy"],
    ],
    [["config", "show", "--set", "docker.workspace", "=", "c"], ["copy"]],
    [["config", "show", "--runtime", "=", "do"], ["docker"]],
    [["config", "validate", "con"], ["config one.yaml"]],
    // What is open, and its jobs that nobody saw end.
    [["exec", "-s", "mw"], ["mwaaaaaa-bbbbbb"]],
    [["job", "kill", ""], ["mwaaaaaa-bbbbbb/1"]],
    [
      ["job", "logs", "mw"],
      ["mwaaaaaa-bbbbbb/2", "mwaaaaaa-bbbbbb/1"],
    ],
    [
      ["cp", ""],
      ["config one.yaml", "mwaaaaaa-bbbbbb:"],
    ],
  ])("offers for %p: %p", (words, expected) => {
    expect(complete(...words)).toEqual(expected);
  });
});
