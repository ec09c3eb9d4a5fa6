import { describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { grepArgv } from "../../../cmd/mcp/grep-program.ts";
import { testUnless } from "../../support/needs.ts";
import { tempDir } from "../../support/temp-dir.ts";

const PROGRAMS = {
  ripgrep: { rg: true, perlGrep: true },
  "grep with Perl's expressions": { rg: false, perlGrep: true },
  "grep with POSIX's": { rg: false, perlGrep: false },
} as const;

const TEXT = "alpha beta\nx = 12;\n\tTab Größe\nfoo(bar)\na.b a+b\n$1 - $2\nend\n";

/** A pattern, and the numbers of the lines that it fits. */
const PATTERNS: readonly (readonly [string, { ignore_case?: boolean; literal?: boolean }, readonly number[]])[] = [
  ["be.a", {}, [1]],
  ["\\d+;", {}, [2]],
  ["^\\s+\\w", {}, [3]],
  ["[\\d;]$", {}, [2, 6]],
  ["ALPHA", { ignore_case: true }, [1]],
  ["foo\\((?:bar|baz)\\)", {}, [4]],
  ["a+b", { literal: true }, [5]],
  ["a\\+b", {}, [5]],
  ["\\$\\d - \\$", {}, [6]],
  ["Gr\\w+e", {}, [3]],
  ["\\bend\\b", {}, [7]],
  ["(x|e)[^a-z]", {}, [2]],
  ["nothing at all", {}, []],
];

describe("a search", () => {
  for (const [name, program] of Object.entries(PROGRAMS)) {
    const reason = program.rg && Bun.which("rg") === null ? "no rg on PATH" : undefined;
    testUnless(reason, `has the same answers with ${name}`, async () => {
      const cwd = tempDir();
      writeFileSync(join(cwd, "t.txt"), TEXT);
      writeFileSync(join(cwd, "binary"), `\0${TEXT}`);
      for (const [pattern, how, lines] of PATTERNS) {
        const argv = grepArgv(
          { bash: true, git: true, ...program },
          { pattern, ignore_case: how.ignore_case, literal: how.literal, context: undefined },
        );
        const child = Bun.spawn([...argv], {
          cwd,
          stdin: Buffer.from("./t.txt\0./binary\0"),
          stdout: "pipe",
          stderr: "inherit",
        });
        const found = (await child.stdout.text()).matchAll(/^\.\/t\.txt:(\d+):/gm);
        expect({ pattern, lines: [...found].map(([, line]) => Number(line)) }).toEqual({ pattern, lines: [...lines] });
      }
    });
  }
});
