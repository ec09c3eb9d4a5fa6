import { describe, expect, test } from "bun:test";
import { checkSize, checkVariable, commandArgv, quote, throughShell } from "../../../runtimes/common/command-line.ts";
import { isGlueError } from "../../../runtimes/contract.ts";

const unstaged = (): Promise<string> => Promise.reject(new Error("staged"));

describe("the argv of a command", () => {
  test("an argv stays as it is", async () => {
    expect(await commandArgv({ argv: ["a", "", "b c"] }, "sh", unstaged)).toEqual(["a", "", "b c"]);
  });

  test("a script runs in its own shell, else in the one given", async () => {
    expect(await commandArgv({ script: "exit" }, "sh", unstaged)).toEqual(["sh", "-c", "exit"]);
    expect(await commandArgv({ script: "exit", shell: "zsh" }, "sh", unstaged, ["-l"])).toEqual([
      "zsh",
      "-l",
      "-c",
      "exit",
    ]);
  });

  test.each([
    ["a", 100_001],
    ["é", 60_000],
  ])("a script of %j that is too long for an argument is staged and sourced", async (letter, count) => {
    let staged = "";
    const argv = await commandArgv({ script: letter.repeat(count) }, "sh", async (text) => {
      staged = new TextDecoder().decode(text);
      return "/spool/it's.script";
    });
    expect(staged).toBe(letter.repeat(count));
    expect(argv).toEqual(["sh", "-c", ". '/spool/it'\\''s.script'"]);
  });

  test("a script with a NUL character is refused", async () => {
    await expect(commandArgv({ script: "a\0b" }, "sh", unstaged)).rejects.toMatchObject({ code: "optionInvalid" });
  });
});

test.each(["", "plain", "it's", "a b", '$(x) `y` \\ "', "new\nline", "'", "''"])(
  "%j is one word for a shell",
  (text) => {
    const { stdout } = Bun.spawnSync(["sh", "-c", `printf %s ${quote(text)}`]);
    expect(stdout.toString()).toBe(text);
  },
);

describe("the environment on its way through the launcher's shell", () => {
  test("ordinary variables pass through", () => {
    const env = { A: "1", _b2: "x=y\n", EMPTY: "" };
    expect(throughShell(["cmd"], env)).toEqual({ argv: ["cmd"], env });
  });

  test("names that a shell would drop or set itself are set behind it", () => {
    expect(throughShell(["cmd", "a"], { A: "1", "npm.x": "2", IFS: ":", "1A": "" })).toEqual({
      argv: ["env", "--", "npm.x=2", "IFS=:", "1A=", "cmd", "a"],
      env: { A: "1" },
    });
  });

  test("the folder's variables are the shell's only where it changes the folder", () => {
    expect(throughShell(["cmd"], { PWD: "/x" }).argv).toEqual(["env", "--", "PWD=/x", "cmd"]);
    expect(throughShell(["cmd"], { PWD: "/x" }, false)).toEqual({ argv: ["cmd"], env: { PWD: "/x" } });
  });

  test("a program whose name looks like an option or an assignment is still a program", () => {
    expect(throughShell(["-x"], {}).argv).toEqual(["env", "--", "-x"]);
    const { argv } = throughShell(["a=b"], { "c.d": "1" });
    expect(argv.slice(-4)).toEqual(["-c", 'exec "$@"', "sh", "a=b"]);
  });

  test.each([
    ["", "x"],
    ["A=B", "x"],
    ["A\0", "x"],
    ["A", "x\0"],
  ])("the variable %j with the value %j is refused", (name, value) => {
    expect(() => checkVariable(name, value)).toThrow(/cannot be an environment variable/);
  });
});

describe("the size of a command line", () => {
  const codeOf = (act: () => void): string | undefined => {
    try {
      act();
    } catch (error) {
      if (isGlueError(error)) return error.code;
      throw error;
    }
    return undefined;
  };

  test("an argument is refused where the kernel would refuse it, in bytes", () => {
    expect(codeOf(() => checkSize(["true", "a".repeat(131_071)], {}))).toBeUndefined();
    expect(codeOf(() => checkSize(["true", "a".repeat(131_072)], {}))).toBe("argumentTooLong");
    expect(codeOf(() => checkSize(["true", "é".repeat(65_536)], {}))).toBe("argumentTooLong");
    // The kernel is asked, so that the number above is not only ours.
    expect(Bun.spawnSync(["true", "a".repeat(131_071)]).exitCode).toBe(0);
    expect(() => Bun.spawnSync(["true", "a".repeat(131_072)])).toThrow();
  });

  test("so is a variable, and what is too much together", () => {
    expect(codeOf(() => checkSize(["true"], { A: "a".repeat(131_072) }))).toBe("argumentTooLong");
    expect(codeOf(() => checkSize(["true", ...Array<string>(30).fill("a".repeat(100_000))], {}))).toBe(
      "argumentTooLong",
    );
  });
});
