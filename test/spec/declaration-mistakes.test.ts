import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { project, run } from "./project.ts";

/** Where `needle` stands, as `line:column`. */
function place(root: string, name: string, needle: string): string {
  const before = readFileSync(join(root, "spec", name), "utf8").split(needle)[0] ?? "";
  const lines = before.split("\n");
  return `${lines.length}:${(lines.at(-1) ?? "").length + 1}`;
}

describe("a mistake in a declaration is told with its file, line and column", () => {
  const capabilities = "runtime-capabilities.yaml";
  const common = "options/common.yaml";
  const docker = "options/docker.yaml";
  const append = (row: string) => (text: string) => `${text}- ${row}\n`;
  const cases: [name: string, file: string, edit: (text: string) => string, at: string, message: string][] = [
    [
      "a runtime with an unknown key",
      capabilities,
      (t) => t.replace("    note: Runs", "    nota: x\n    note: Runs"),
      "nota:",
      `unknown key "nota"`,
    ],
    [
      "a runtime without a note",
      capabilities,
      (t) => t.replace("    note: Runs in your shell on your machine.\n", ""),
      "id: host",
      "runtimes.0.note is missing",
    ],
    [
      "a cell of another value",
      capabilities,
      (t) => t.replace("gpu: yes", "gpu: maybe"),
      "maybe",
      "runtimes.0.capabilities.gpu: ",
    ],
    [
      "a capability that is not declared",
      capabilities,
      (t) => t.replace("      gpu: yes", "      gpu: yes\n      cpu: yes"),
      "yes\n\n  - id: docker",
      `host names an unknown capability "cpu"`,
    ],
    [
      "a capability of which nothing is said",
      capabilities,
      (t) => t.replace("      gpu: yes\n", ""),
      "command_capture: yes",
      "host says nothing of gpu",
    ],
    [
      "a runtime twice",
      capabilities,
      (t) => t.replace("id: docker", "id: host"),
      "id: host\n    status: shipping\n    note: Eph",
      "host is declared twice",
    ],
    [
      "a key twice in one row",
      docker,
      (t) => t.replace("  type: boolean\n", "  type: boolean\n  type: string\n"),
      "type: string",
      `the key "type" stands here twice`,
    ],
    [
      "an option twice",
      common,
      append("{key: idle_minutes, type: integer, default: 1, sentence: Again.}"),
      "idle_minutes, type",
      "idle_minutes is declared twice, by idle_minutes and by idle_minutes",
    ],
    [
      "a variable twice",
      docker,
      append("{key: docker.x, env: [GLUE_RUNTIME], type: boolean, default: true, sentence: X.}"),
      "docker.x",
      "GLUE_RUNTIME is declared twice, by runtime and by docker.x",
    ],
    [
      "an option of another runtime",
      docker,
      append("{key: modal.x, type: boolean, default: true, sentence: X.}"),
      "modal.x",
      `must begin with "docker."`,
    ],
    [
      "an option of a runtime among the common ones",
      common,
      append("{key: docker.x, type: boolean, default: true, sentence: X.}"),
      "docker.x",
      "belongs into the file of its runtime",
    ],
    ["an unknown type", common, append("{key: x, type: float, default: 1, sentence: X.}"), "float", ".type: "],
    [
      "no default",
      common,
      append("{key: x, type: integer, sentence: X.}"),
      "x, type",
      "needs either default or default_limit",
    ],
    [
      "a default of another type",
      common,
      append("{key: x, type: integer, default: 1.5, sentence: X.}"),
      "1.5",
      "the default does not fit the type integer",
    ],
    [
      "a default that is too small",
      common,
      append("{key: x, type: integer, default: 1, min: 2, sentence: X.}"),
      "1, min",
      "the default does not fit the type integer",
    ],
    [
      "none without its meaning",
      common,
      append("{key: x, type: string, default: none, sentence: X.}"),
      "none, sentence",
      "unset_means goes with `default: none`",
    ],
    [
      "an enum without values",
      common,
      append("{key: x, type: enum, default: a, sentence: X.}"),
      "enum, default",
      "values go with an enum",
    ],
    [
      "a list without a separator",
      common,
      append("{key: x, type: list, default: [], sentence: X.}"),
      "list, default",
      "a separator goes with a list",
    ],
    [
      "a secret with a default",
      common,
      append("{key: x, type: secret-string, default: a, sentence: X.}"),
      "a, sentence",
      "a secret has no default",
    ],
    [
      "a limit that the runtime does not have",
      docker,
      append("{key: docker.x, type: number, default_limit: bundle_cap_mb, sentence: X.}"),
      "bundle_cap_mb",
      "docker has no limit bundle_cap_mb",
    ],
    [
      "a sentence that does not end",
      common,
      append("{key: x, type: boolean, default: true, sentence: No end}"),
      "No end",
      "must be one line that ends with a full stop",
    ],
    [
      "an error twice",
      "errors.yaml",
      append("{code: usage, exit: 2, what: A., why: B., todo: C.}"),
      "usage, exit: 2, what: A.",
      "usage is declared twice",
    ],
    [
      "an error with another exit status",
      "errors.yaml",
      append("{code: x, exit: 3, what: A., why: B., todo: C.}"),
      "3, what: A.",
      "must be one of the exit codes",
    ],
  ];
  for (const [name, file, edit, at, message] of cases) {
    test(name, () => {
      const root = project({ [file]: edit });
      expect(() => run(root)).toThrow(`spec/${file}:${place(root, file, at)}: `);
      expect(() => run(root)).toThrow(message);
    });
  }

  test("a file of options that belongs to no runtime", () => {
    const root = project();
    writeFileSync(
      join(root, "spec/options/podman.yaml"),
      "- {key: podman.x, type: boolean, default: true, sentence: X.}\n",
    );
    expect(() => run(root)).toThrow("spec/options/podman.yaml:1:9: podman.x: podman is not a runtime");
  });
});
