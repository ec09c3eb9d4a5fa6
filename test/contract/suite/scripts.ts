import { expect } from "bun:test";
import type { Bench } from "../bench.ts";

/** Words and scripts of any kind and length. */
export function scripts(bench: Bench): void {
  bench.shows("command_capture", "the words of an argv meet no shell", async ({ run }) => {
    const words = [
      "",
      " ",
      "a b",
      "$HOME",
      "`id`",
      "*",
      "'",
      '"',
      "\\",
      "new\nline",
      ";exit 1",
      "&&",
      "-n",
      "--",
      "é€",
      "\t",
    ];
    const script = 'for word; do printf "[%s]" "$word"; done';
    expect((await run({ argv: ["sh", "-c", script, "sh", ...words] })).out).toBe(
      words.map((word) => `[${word}]`).join(""),
    );
  });

  bench.shows("command_capture", "a script may hold quotes, heredocs, set -e and a top-level exit", async ({ run }) => {
    const script = `set -e
cat <<'END'
it's $HOME "here"
END
echo "a" 'b' \\c
if true; then exit 7; fi
echo not reached`;
    expect(await run({ script, shell: "sh" })).toMatchObject({ out: `it's $HOME "here"\na b c\n`, exitCode: 7 });
    const failing = await run({ script: "set -e; echo before; false; echo after", shell: "sh" });
    expect([failing.out, failing.exitCode]).toEqual(["before\n", 1]);
  });

  bench.shows(
    "command_capture",
    "a script of a million bytes runs, reads stdin and keeps its status",
    async ({ run }) => {
      const filler = "# a line of no consequence, to make the script long\n".repeat(20_000);
      const script = `read -r line; echo "start $line"\n${filler}echo end\nexit 9\n`;
      expect(script.length).toBeGreaterThan(1_000_000);
      const stdin = new TextEncoder().encode("given\n");
      expect(await run({ script, shell: "sh" }, { stdin })).toMatchObject({
        out: "start given\nend\n",
        err: "",
        exitCode: 9,
      });
      expect(await run({ script, shell: "sh" }, { stdin, timeoutMs: 30_000 })).toMatchObject({
        out: "start given\nend\n",
        exitCode: 9,
      });
    },
  );

  bench.shows(
    "command_capture",
    "a long argument arrives; one longer than the kernel takes is refused by name",
    async ({ run, start }) => {
      const long = "x".repeat(120_000);
      expect((await run({ argv: ["sh", "-c", "printf %s ${#1}", "sh", long] })).out).toBe("120000");
      await expect(start({ argv: ["true", "x".repeat(140_000)] })).rejects.toMatchObject({ code: "argumentTooLong" });
    },
  );
}
