import { describe, expect, test } from "bun:test";
import { readSetFlags } from "../../spec/set-flags.ts";
import { glueErrorOf } from "./support.ts";

describe("--set", () => {
  const good: [name: string, words: string[], flags: Record<string, string>][] = [
    ["nothing", [], {}],
    ["one", ["docker.image=debian:12"], { "docker.image": "debian:12" }],
    ["a value with an equals sign", ["docker.user=a=b"], { "docker.user": "a=b" }],
    ["an empty value", ["docker.mounts="], { "docker.mounts": "" }],
    ["the last of a key wins", ["docker.image=a", "docker.image=b"], { "docker.image": "b" }],
    ["those of a list add up", ["docker.mounts=/a", "docker.mounts=/b;/c"], { "docker.mounts": "/a;/b;/c" }],
  ];
  for (const [name, words, flags] of good) {
    test(name, () => expect(readSetFlags(words)).toEqual(flags));
  }

  const bad: [name: string, word: string, code: string, text: string][] = [
    ["no value", "docker.image", "usage", "expected KEY=VALUE"],
    ["no key", "=x", "usage", "expected KEY=VALUE"],
    ["an unknown key", "docker.imgae=x", "optionInvalid", "Did you mean docker.image?"],
    ["a key without its section", "image=x", "optionInvalid", "Did you mean docker.image?"],
    ["a key like none of ours", "zzz=x", "optionInvalid", "glue config show lists all options."],
    ["a name that every object has", "constructor=x", "optionInvalid", 'Unknown option "constructor".'],
  ];
  for (const [name, word, code, text] of bad) {
    test(`${name} is refused`, async () => {
      const error = await glueErrorOf(() => readSetFlags([word]));
      expect(error.code).toBe(code as typeof error.code);
      expect(`${error.message} ${error.hint}`).toContain(text);
    });
  }
});
