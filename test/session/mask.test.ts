import { expect, test } from "bun:test";
import { maskFor, maskOf } from "../../session/mask.ts";
import { defaultOptions } from "../../spec/defaults.ts";

test("a secret is masked wherever it stands, the longer of two that overlap first", () => {
  const mask = maskOf(["secret1", "secret1-and-more"]);
  expect(mask("a secret1-and-more b secret1 c")).toBe("a *** b *** c");
});

test("values that are too short to be secrets do not blot out words", () => {
  expect(maskOf(["a", "yes", ""])("say yes")).toBe("say yes");
});

test("secret options and variables with a telling name are masked, others are not", () => {
  const options = { ...defaultOptions(), "daytona.api_key": "dtn_0123456789" };
  const mask = maskFor(options, { GITHUB_TOKEN: "ghp_abcdef", HOME: "/home/someone" }, { DB_PASSWORD: "hunter22" });
  expect(mask("dtn_0123456789 ghp_abcdef hunter22 /home/someone")).toBe("*** *** *** /home/someone");
});
