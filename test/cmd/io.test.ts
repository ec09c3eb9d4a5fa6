import { describe, expect, test } from "bun:test";
import { createIo } from "../../cmd/io.ts";
import { GlueError } from "../../spec/glue-error.ts";
import { memoryTerminal, testIo } from "./memory-terminal.ts";

describe("color", () => {
  test.each([
    ["on a terminal", { tty: [1] }, true],
    ["on a pipe", {}, false],
    ["where only stderr is a terminal", { tty: [2] }, false],
    ["with NO_COLOR", { tty: [1], env: { NO_COLOR: "1" } }, false],
    ["with an empty NO_COLOR, which counts as none", { tty: [1], env: { NO_COLOR: "" } }, true],
    ["in CI", { tty: [1], env: { CI: "true" } }, false],
    ["with --quiet", { tty: [1], quiet: true }, false],
    ["on a dumb terminal", { tty: [1], env: { TERM: "dumb" } }, false],
  ])("%s", (_where, settings, colored) => {
    expect(testIo(settings).paint(1, "red", "x") !== "x").toBe(colored);
  });
});

describe("what people are told", () => {
  test("goes to stderr, and --quiet keeps the warnings", () => {
    const io = testIo({ quiet: true });
    io.notice("good to know");
    io.warn("bad");
    io.detail("more");
    expect(io.terminal.text(1)).toBe("");
    expect(io.terminal.text(2)).toBe("warning: bad\n");
  });

  test("is more with --verbose", () => {
    const io = testIo({ verbose: true });
    io.detail("more");
    expect(io.terminal.text(2)).toBe("more\n");
  });

  test("does not matter when nobody reads it", () => {
    const gone = {
      ...memoryTerminal(),
      write: () => {
        throw new GlueError("outputClosed", "gone");
      },
    };
    const io = createIo({ env: {}, cwd: "/", terminal: gone });
    expect(() => io.err("lost")).not.toThrow();
    expect(() => io.out("data")).toThrow("gone");
  });
});

describe("progress", () => {
  test("draws one line on a terminal and takes it away before anything else is said", async () => {
    const io = testIo({ tty: [2] });
    io.progress({ what: "Pulling x", done: 1_200_000, total: 5_000_000, unit: "bytes" });
    await Bun.sleep(150);
    io.err("said");
    io.endProgress();
    expect(io.terminal.text(2)).toMatch(/^\r\x1b\[K. Pulling x {2}1\.2 of 5\.0 MB\r\x1b\[Ksaid\n$/);
  });

  test.each([
    ["on a pipe", {}],
    ["with --quiet", { tty: [2], quiet: true }],
    ["in CI", { tty: [2], env: { CI: "1" } }],
  ])("says nothing of short work %s", async (_where, settings) => {
    const io = testIo(settings);
    io.progress({ what: "Pulling x" });
    await Bun.sleep(150);
    io.endProgress();
    expect(io.terminal.text(2)).toBe("");
  });

  test("never wraps", async () => {
    const io = testIo({ tty: [2], columns: 20 });
    io.progress({ what: "Pulling an image with a very long name" });
    await Bun.sleep(150);
    io.endProgress();
    const drawn = io.terminal.text(2).split("\r\x1b[K").filter(Boolean);
    expect(drawn.length).toBeGreaterThan(0);
    for (const line of drawn) expect(Bun.stringWidth(line)).toBeLessThan(20);
  });
});
