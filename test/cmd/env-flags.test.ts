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

test("a name need not be one that a shell could use", () => {
  expect(readEnvFlags(["npm.config=x", "A B=y"], {})).toEqual({ "npm.config": "x", "A B": "y" });
});

test.each(["=x", "", "="])("%p has no name", (word) => {
  expect(() => readEnvFlags([word], {})).toThrow("the name of the variable is missing");
});
