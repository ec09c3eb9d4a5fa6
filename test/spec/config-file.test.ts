import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parseConfig } from "../../spec/config-file.ts";
import { formatProblem } from "../../spec/yaml-source.ts";

describe("a mistake in the file is told with line and column", () => {
  const cases: [name: string, text: string, ...problems: string[]][] = [
    ["an unknown key", "runtimes: host\n", `1:1: unknown key "runtimes"; did you mean "runtime"?`],
    [
      "an unknown key in a section",
      "docker:\n  # a comment\n  imgae: x\n",
      `3:3: unknown key "docker.imgae"; did you mean "docker.image"?`,
    ],
    ["an unknown section", "dcoker:\n  image: x\n", `1:1: unknown key "dcoker"; glue config schema lists all keys`],
    ["a key like none of ours", "zzz: 1\n", `1:1: unknown key "zzz"; glue config schema lists all keys`],
    ["a key that belongs into a section", "image: x\n", `1:1: unknown key "image"; did you mean "docker.image"?`],
    ["a key with a dot", "docker.image: x\n", `1:1: unknown key "docker.image"; write it as a key image under docker`],
    ["a key that is a number", "1: x\n", `1:1: unknown key "1"; glue config schema lists all keys`],
    ["a duplicate key", "runtime: host\nruntime: docker\n", `2:1: the key "runtime" stands here twice`],
    ["a duplicate key in a section", "docker:\n  image: a\n  image: b\n", `3:3: the key "image" stands here twice`],
    ["a duplicate section", "docker:\n  image: a\ndocker:\n  shell: b\n", `3:1: the key "docker" stands here twice`],
    [
      "text for a number",
      "docker:\n  cpus: many\n",
      `2:9: docker.cpus: expected a number of at least 0.01, found "many"`,
    ],
    [
      "a number for text",
      "docker:\n  memory: 512\n",
      "2:11: docker.memory: expected a size such as 512m or 2g, found the number 512; put it in quotes",
    ],
    ["a word for true", "docker:\n  enabled: yes\n", `2:12: docker.enabled: expected true or false, found "yes"`],
    ["text for a list", "docker:\n  mounts: /a\n", `2:11: docker.mounts: expected a list of texts, found "/a"`],
    [
      "a number in a list",
      "docker:\n  mounts: [1]\n",
      "2:11: docker.mounts: expected a list of texts, found a list with the number 1",
    ],
    ["a value for a section", "docker: yes\n", "1:9: docker: expected a section with keys of its own"],
    [
      "a section for a value",
      "runtime:\n  a: b\n",
      "2:3: runtime: expected one of host, docker, daytona, sprites, modal, found a section",
    ],
    [
      "a key without a value",
      "docker:\n  image:\n",
      "2:3: docker.image: expected a text that is not empty, found nothing",
    ],
    [
      "an empty text",
      "docker:\n  image: ''\n",
      "2:10: docker.image: expected a text that is not empty, found an empty text",
    ],
    [
      "an empty secret",
      `daytona:\n  api_key: ""\n`,
      "2:12: daytona.api_key: expected a text that is not empty, found an empty text",
    ],
    [
      "a runtime that is none",
      "runtime: dokcer\n",
      `1:10: runtime: expected one of host, docker, daytona, sprites, modal, found "dokcer"; did you mean "docker"?`,
    ],
    [
      "a name that no variable has",
      "docker:\n  image: env:a-b\n",
      `2:10: docker.image: env: must be followed by the name of an environment variable, found "a-b"`,
    ],
    [
      "such a name in a list",
      "docker:\n  mounts: ['env:']\n",
      `2:11: docker.mounts: env: must be followed by the name of an environment variable, found ""`,
    ],
    [
      "a list that holds itself",
      "docker:\n  mounts: &m [*m]\n",
      "2:14: docker.mounts: expected a list of texts, found a list",
    ],
    [
      "a section that holds itself",
      "docker: &d\n  image: *d\n",
      "2:10: docker.image: expected a text that is not empty, found a section",
    ],
    [
      "a bracket left open",
      "docker: [\n",
      "2:1: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    ["a quote left open", 'runtime: "host\n', '2:1: Missing closing "quote'],
    ["a tab", "docker:\n\timage: x\n", "2:1: Tabs are not allowed as indentation"],
    ["a list for the whole", "- runtime\n", "1:1: expected keys and values, such as `runtime: docker`"],
    ["a word for the whole", "docker\n", "1:1: expected keys and values, such as `runtime: docker`"],
    [
      "two documents",
      "runtime: host\n---\nruntime: docker\n",
      "2:1: a second document begins here (---); only one is read",
    ],
    ["an alias to nothing", "runtime: *r\n", `1:10: there is no anchor "&r" before this alias`],
    ["a tag of another program", "runtime: !foo host\n", "1:10: Unresolved tag: !foo"],
    ["a merge key", "<<: {runtime: docker}\n", `1:1: unknown key "<<"; glue config schema lists all keys`],
    [
      "several at once, in their order",
      "sprites:\n  org: 1\nrutime: host\ndocker:\n  cpus: x\n",
      "2:8: sprites.org: expected a text that is not empty, found the number 1; put it in quotes",
      `3:1: unknown key "rutime"; did you mean "runtime"?`,
      `5:9: docker.cpus: expected a number of at least 0.01, found "x"`,
    ],
  ];
  for (const [name, text, ...expected] of cases) {
    test(name, () => {
      const { problems } = parseConfig(text, "c.yaml");
      expect(problems.map(formatProblem)).toEqual(expected.map((problem) => `c.yaml:${problem}`));
    });
  }
});

test("a secret is never repeated in a message", () => {
  for (const value of ["[dtn_secret]", "{dtn_secret: 1}", "env:dtn-secret"]) {
    const { problems } = parseConfig(`daytona:\n  api_key: ${value}\n`, "c.yaml");
    expect(problems).toHaveLength(1);
    if (!value.startsWith("env:")) expect(JSON.stringify(problems)).not.toContain("dtn_secret");
  }
});

describe("what is allowed", () => {
  const cases: [name: string, text: string, entries: [string, unknown][]][] = [
    ["an empty file", "", []],
    ["only comments", "# nothing\n", []],
    ["a section whose keys are commented out", "docker:\n  # image: x\n", []],
    [
      "flow style",
      "{runtime: docker, docker: {cpus: 2}}",
      [
        ["runtime", "docker"],
        ["docker.cpus", 2],
      ],
    ],
    ["JSON", `{"docker": {"mounts": ["/a"]}}`, [["docker.mounts", ["/a"]]]],
    [
      "anchors and aliases",
      "sprites: {org: &o mine}\ndaytona: {target: *o}\n",
      [
        ["sprites.org", "mine"],
        ["daytona.target", "mine"],
      ],
    ],
    ["a number in quotes as text", "docker: {user: '1000'}", [["docker.user", "1000"]]],
    [
      "a value from the environment, of any type",
      "docker: {cpus: env:N, mounts: env:M}",
      [
        ["docker.cpus", "env:N"],
        ["docker.mounts", "env:M"],
      ],
    ],
    [
      "Windows line ends and a byte order mark",
      "\uFEFFruntime: docker\r\ndocker:\r\n  cpus: 1\r\n",
      [
        ["runtime", "docker"],
        ["docker.cpus", 1],
      ],
    ],
  ];
  for (const [name, text, entries] of cases) {
    test(name, () => {
      const config = parseConfig(text, "c.yaml");
      expect(config.problems).toEqual([]);
      expect(config.entries.map((entry): [string, unknown] => [entry.key, entry.value])).toEqual(entries);
    });
  }
});

test("a secret in the file is noticed, one in the environment is not", () => {
  expect(parseConfig("daytona: {api_key: dtn_1}", "c.yaml").holdsSecret).toBe(true);
  expect(parseConfig("daytona: {api_key: env:KEY}", "c.yaml").holdsSecret).toBe(false);
  expect(parseConfig("docker: {image: x}", "c.yaml").holdsSecret).toBe(false);
});

test("aliases that would fill the memory are refused", () => {
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
  for (let i = 0; i < 8; i++) {
    const [from, to] = [String.fromCharCode(97 + i), String.fromCharCode(98 + i)];
    bomb.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join(", ")}]`);
  }
  const { problems } = parseConfig(bomb.join("\n"), "c.yaml");
  expect(problems[0]?.message).toContain("alias");
});

test("whatever the text, there is an answer, and every problem has its place in it", () => {
  const line = fc.constantFrom(
    "runtime: docker",
    "docker:",
    "  image: x",
    "  cpus: env:N",
    "- a",
    "  - b",
    "\t",
    "a: [",
    "&a *a",
    "? x",
    "---",
    "#",
    "'",
    "{",
    "}",
  );
  const text = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.array(fc.oneof(line, fc.string()), { maxLength: 8 }).map((lines) => lines.join("\n")),
  );
  fc.assert(
    fc.property(text, (text) => {
      const lines = text.split(/\r\n|\r|\n/).length;
      for (const { line, column } of parseConfig(text, "c.yaml").problems) {
        expect(line).toBeWithin(1, lines + 1);
        expect(column).toBeGreaterThanOrEqual(1);
      }
    }),
    { numRuns: 500 },
  );
});

test("every example of a configuration in the documents is valid", () => {
  const docs = join(import.meta.dir, "../../docs");
  const pages = readdirSync(docs).filter((name) => name.endsWith(".md"));
  const examples = pages.flatMap((page) =>
    [...readFileSync(join(docs, page), "utf8").matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text]) => ({
      page,
      text: text ?? "",
    })),
  );
  expect(examples.length).toBeGreaterThan(0);
  for (const { page, text } of examples) expect([page, parseConfig(text, page).problems]).toEqual([page, []]);
});
