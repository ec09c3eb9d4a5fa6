import { describe, expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SCRIPTS } from "../../cmd/completion-scripts.ts";
import { gluePath, NPM_TOOLS, testNeeding, withTempDir } from "../support/needs.ts";
import { Typist } from "../support/typist.ts";
import { userEnvironment } from "./script.ts";

/** A real session with a job that runs and one that is over, for as long as `use` takes. */
async function withSession(use: (at: Setting) => Promise<void>): Promise<void> {
  await withTempDir(async (folder) => {
    const cwd = join(folder, "work");
    mkdirSync(cwd);
    const env = { ...userEnvironment(join(folder, "home"), folder), SHELL: "/bin/sh", INPUTRC: "/dev/null" };
    const glue = (...words: string[]) => {
      const { stdout, stderr, exitCode } = Bun.spawnSync([gluePath(), ...words], { cwd, env, stdin: "ignore" });
      if (exitCode !== 0) throw new Error(`glue ${words.join(" ")}: ${exitCode} ${stderr}`);
      return stdout.toString().trim();
    };
    const id = glue("session", "start", "-q", "-r", "host");
    try {
      glue("exec", "-q", "--detach", "--", "true");
      glue("job", "wait", "1");
      glue("exec", "-q", "--detach", "--", "sleep", "300");
      await use({ id, folder, cwd, env });
    } finally {
      glue("session", "close", "-q", "--kill-jobs", id);
    }
  });
}

interface Setting {
  readonly id: string;
  readonly folder: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** How each shell is started so that it reads nothing but what the user would put into its configuration. */
const STARTS = {
  bash: () => ["bash", "--noprofile", "--rcfile", "rc", "-i"],
  zsh: () => ["zsh", "-i"],
  fish: () => ["fish", "--no-config", "-i", "-C", "source rc"],
} as const;

const CONFIGURATIONS = {
  bash: `PS1='re''ady> '; eval "$(glue completions bash)"\n`,
  zsh: `PS1='re''ady> '; unsetopt zle_bracketed_paste; autoload -Uz compinit && compinit -u; eval "$(glue completions zsh)"\n`,
  fish: `function fish_prompt; echo 'ready> '; end; set -g fish_greeting; glue completions fish | source\n`,
} as const;

describe("completions, typed in a real shell", () => {
  for (const shell of ["bash", "zsh", "fish"] as const) {
    testNeeding(
      ["built-binary", "linux", ...(shell === "bash" ? [] : [shell])],
      `of ${shell} know what is open and what runs`,
      () =>
        withSession(async ({ id, folder, cwd, env }) => {
          writeFileSync(join(cwd, "rc"), CONFIGURATIONS[shell]);
          writeFileSync(join(folder, ".zshrc"), CONFIGURATIONS[shell]);
          const typist = new Typist(STARTS[shell](), { cwd, env: { ...env, ZDOTDIR: folder } });
          await typist.sees("ready> ");
          // Each is the only thing that fits, so that the whole word is put on the line; the shell then says what it read.
          for (const [typed, read] of [
            ["glue conf\tpa\t", "config path"],
            [`glue exec -s ${id.slice(0, 3)}\t`, `exec -s ${id}`],
            [`glue session close ${id.slice(0, 3)}\t`, `session close ${id}`],
            [`glue job kill ${id.slice(0, 3)}\t`, `job kill ${id}/2`],
            [`glue job logs ${id}/1\t`, `job logs ${id}/1`],
            [`glue cp ${id.slice(0, 3)}\t`, `cp ${id}:`],
          ] as const) {
            typist.type(typed);
            await Bun.sleep(300);
            typist.type(`\x01echo "[\x05]"\r`);
            await typist.sees(`[glue ${read}`);
            await typist.sees("ready> ");
          }
          typist.type("exit\r");
          await typist.ended();
        }),
    );
  }
});

describe("the PowerShell script", () => {
  testNeeding(["powershell-grammar"], "is PowerShell by its grammar", async () => {
    const hasError = await powershellErrors();
    expect(hasError(SCRIPTS.powershell)).toBe(false);
    // It sees what is wrong.
    expect(hasError(SCRIPTS.powershell.replace("ForEach-Object {", "ForEach-Object"))).toBe(true);
  });

  testNeeding(["built-binary", "pwsh"], "offers what is open and what runs", () =>
    withSession(async ({ id, cwd, env }) => {
      const offered = (line: string) => {
        const script = `glue completions powershell | Out-String | Invoke-Expression; (TabExpansion2 '${line}' ${line.length}).CompletionMatches.CompletionText`;
        const asked = Bun.spawnSync(["pwsh", "-NoProfile", "-NonInteractive", "-Command", script], { cwd, env });
        return asked.stdout.toString().trim().split(/\r?\n/);
      };
      expect(offered("glue conf")).toEqual(["config"]);
      expect(offered("glue config ")).toContain("path");
      expect(offered("glue exec -s ")).toEqual([id]);
      expect(offered("glue job kill ")).toEqual([`${id}/2`]);
    }),
  );
});

/** What a package of npm that the provisioning installed exports, as far as it is used. */
interface TreeSitter {
  readonly Parser: {
    init(): Promise<void>;
    new (): { setLanguage(language: unknown): void; parse(text: string): { rootNode: { hasError: boolean } } };
  };
  readonly Language: { load(path: string): Promise<unknown> };
}

/** Says of a text whether it breaks PowerShell's grammar. */
async function powershellErrors(): Promise<(script: string) => boolean> {
  const packages = NPM_TOOLS["powershell-grammar"];
  const { Parser, Language } = (await import(Bun.resolveSync("web-tree-sitter", packages))) as TreeSitter;
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(join(packages, "tree-sitter-powershell/tree-sitter-powershell.wasm")));
  return (script) => parser.parse(script).rootNode.hasError;
}
