import { expect, test } from "bun:test";
import { readEnvFlags } from "../../cmd/env-flags.ts";

test("K=V sets a variable, with all that follows the first =", () => {
  expect(readEnvFlags(["A=1", "B=x=y", "C=", "D=a,b\n\"'"], {})).toEqual({ A: "1", B: "x=y", C: "", D: "a,b\n\"'" });
});

test("NAME passes ours on, an empty one too", () => {
  expect(readEnvFlags(["A", "B"], { A: "1", B: "" })).toEqual({ A: "1", B: "" });
});

test("the last of two wins", () => {
  expect(readEnvFlags(["A=1", "A=2"], {})).toEqual({ A: "2" });
});

test("a variable that is not set is refused, never passed on as empty", () => {
  expect(() => readEnvFlags(["NOPE"], {})).toThrow("not set here");
});

test.each(["=x", "1A=x", "A B=x", ""])("%p is no name", (word) => {
  expect(() => readEnvFlags([word], {})).toThrow("cannot be the name");
});
