import { describe, expect, test } from "bun:test";
import { asGlueError, errorFields, exitStatus, printError } from "../../cmd/report.ts";
import { ERRORS, type ErrorCode } from "../../spec/generated/errors.ts";
import { GlueError } from "../../spec/glue-error.ts";
import { testIo } from "./memory-terminal.ts";

describe("the exit status of an error", () => {
  test.each([
    ["usage", 2, 2],
    ["sessionNotFound", 2, 2],
    ["runtimeUnreachable", 125, 1],
    ["outcomeUnknown", 125, 1],
    ["sessionBusy", 125, 1],
    ["internal", 125, 1],
    ["cancelled", 130, 130],
    ["outputClosed", 141, 141],
  ] as const)("of %s is %d where a command's own is passed on, and %d elsewhere", (code, relays, elsewhere) => {
    const error = new GlueError(code, "x");
    expect([exitStatus(error, true), exitStatus(error, false)]).toEqual([relays, elsewhere]);
  });

  test("is never 0, and never the 1 of a command", () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      const error = new GlueError(code, "x");
      expect(exitStatus(error, true)).not.toBe(1);
      expect(exitStatus(error, true) * exitStatus(error, false)).toBeGreaterThan(0);
    }
  });
});

describe("an error in words", () => {
  const error = new GlueError("gitFailed", "git failed: no.", { hint: "Do this.\nOr that.", cause: new Error("deep") });

  test("says what happened and what to do", () => {
    const io = testIo();
    printError(error, io);
    expect(io.terminal.text(2)).toBe("error: git failed: no.\n  Do this.\n  Or that.\n");
  });

  test("says what caused it with --verbose", () => {
    const io = testIo({ verbose: true });
    printError(error, io);
    expect(io.terminal.text(2)).toContain("Error: deep");
  });

  test("of a bug shows where it happened", () => {
    const io = testIo();
    printError(asGlueError(new TypeError("oops")), io);
    expect(io.terminal.text(2)).toMatch(/^error: This is a bug in glue: TypeError: oops\n.*report\.test\.ts/s);
  });

  test("has the same fields in JSON", () => {
    expect(errorFields(error)).toEqual({
      code: "gitFailed",
      message: "git failed: no.",
      hint: "Do this.\nOr that.",
      retryable: false,
      causes: ["deep"],
    });
  });

  test("of causes in a ring comes to an end", () => {
    const ring = new Error("a");
    ring.cause = ring;
    expect(errorFields(new GlueError("internal", "x", { cause: ring })).causes.length).toBeLessThan(20);
  });

  test("is made of anything that is thrown", () => {
    expect(asGlueError("text")).toMatchObject({ code: "internal", message: "This is a bug in glue: text" });
    expect(asGlueError(error)).toBe(error);
  });
});
