import { expect, test } from "bun:test";
import { nearest } from "../../spec/nearest.ts";

const WORDS = ["run", "exec", "session", "capabilities", "docker.image", "docker.mounts", "runtime"];

for (const [word, expected] of [
  ["run", "run"],
  ["rnu", "run"],
  ["sesion", "session"],
  ["sessoin", "session"],
  ["capab", "capabilities"],
  ["DOCKER.IMAGE", "docker.image"],
  ["docker.mount", "docker.mounts"],
  ["xyz", undefined],
  ["", undefined],
] as const) {
  test(`"${word}" ${expected === undefined ? "is like nothing" : `is most like "${expected}"`}`, () => {
    expect(nearest(word, WORDS)).toBe(expected);
  });
}
