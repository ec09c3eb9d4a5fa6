import { expect } from "bun:test";
import type { Bench } from "../bench.ts";

/** Variables of commands. */
export function environment(bench: Bench): void {
  bench.shows(
    "command_capture",
    "variables arrive as they are: commas, quotes, newlines, nothing at all",
    async ({ run }) => {
      const env = {
        COMMA: "a,b,,c",
        QUOTES: `it's "quoted" \`here\` $HOME \\`,
        LINES: "one\ntwo\n\n",
        EMPTY: "",
        SPACES: "  both  ",
        UTF8: "é€😀",
        EQUALS: "a=b=c",
      };
      for (const [name, value] of Object.entries(env)) {
        const ended = await run(
          { argv: ["sh", "-c", `printf %s "$${name}"; [ -n "\${${name}+set}" ] || echo unset`] },
          { env },
        );
        expect([name, ended.out]).toEqual([name, value]);
      }
    },
  );

  bench.shows("command_capture", "names that no shell can use as variables arrive too", async ({ run }) => {
    const env = { "with.dot": "1", "INPUT_MY-NAME": "2", IFS: ":", "1ST": "x y" };
    const { out } = await run({ argv: ["env"] }, { env });
    for (const [name, value] of Object.entries(env)) expect(out.split("\n")).toContain(`${name}=${value}`);
    const timed = await run({ argv: ["env"] }, { env, timeoutMs: 30_000 });
    for (const [name, value] of Object.entries(env)) expect(timed.out.split("\n")).toContain(`${name}=${value}`);
  });

  bench.shows(
    "command_capture",
    "PATH given for a command decides where its program is found",
    async ({ run, session }) => {
      await session.workspace.write("tools/my-own-tool", new TextEncoder().encode("#!/bin/sh\necho mine\n"), {
        mode: 0o755,
      });
      const PATH = `${session.paths.workspace}/tools`;
      expect((await run({ argv: ["my-own-tool"] }, { env: { PATH } })).out).toBe("mine\n");
      expect((await run({ argv: ["my-own-tool"] }, { env: { PATH }, timeoutMs: 30_000 })).out).toBe("mine\n");
    },
  );

  if (bench.target.runtime !== "host") {
    bench.shows("command_capture", "no variable of this machine enters the sandbox by itself", async ({ run }) => {
      process.env.GLUE_TEST_OF_THE_HOST = "here";
      const { out } = await run({ argv: ["env"] });
      delete process.env.GLUE_TEST_OF_THE_HOST;
      expect(out).not.toContain("GLUE_TEST_OF_THE_HOST");
    });
  } else {
    bench.shows(
      "command_capture",
      "a command has the caller's variables, but none that steers the program it is compiled with",
      async ({ run }) => {
        process.env.GLUE_TEST_OF_THE_HOST = "here";
        const { out } = await run({ argv: ["env"] });
        delete process.env.GLUE_TEST_OF_THE_HOST;
        expect(out).toContain("GLUE_TEST_OF_THE_HOST=here\n");
        expect(out).toContain(`PATH=${process.env.PATH}\n`);
        expect(out).not.toMatch(/^BUN_/m);
      },
    );
  }
}
