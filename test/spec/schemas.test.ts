import { describe, expect, test } from "bun:test";
import { capabilitiesReport } from "../../spec/capabilities-json.ts";
import { parseConfig } from "../../spec/config-file.ts";
import { configShow } from "../../spec/config-show.ts";
import { CONFIG_INIT } from "../../spec/generated/config-init.ts";
import { CONFIG_SCHEMA } from "../../spec/generated/config-schema.ts";
import { OPTION_ROWS } from "../../spec/generated/options.ts";
import { parseYaml } from "../../spec/yaml-source.ts";
import { expectSchema, schemaNames, schemaProblems } from "../support/json-schema.ts";
import { resolveWith } from "./support.ts";

test("every schema in docs is itself valid, and is called what its file is called", () => {
  for (const name of schemaNames()) expect(schemaProblems(Symbol("no JSON at all"), name)).not.toEqual([]);
});

test("the schema that glue prints is the one in docs", async () => {
  expect(CONFIG_SCHEMA).toEqual(await Bun.file(`${import.meta.dir}/../../docs/config.schema.json`).json());
});

describe("the schema of the file and the parser agree", () => {
  const texts = [
    "",
    "runtime: docker",
    "runtime: dokcer",
    "runtime: env:R",
    "docker:",
    "docker: 1",
    "docker: {cpus: 2}",
    "docker: {cpus: 0}",
    "docker: {cpus: env:N}",
    "docker: {cpus: '2'}",
    "docker: {memory: 2g}",
    "docker: {memory: lots}",
    "docker: {memory: 512}",
    "docker: {mounts: [/a, env:B]}",
    "docker: {mounts: /a}",
    "docker: {mounts: ['']}",
    "docker: {image: ''}",
    "docker: {image: }",
    "docker: {imge: x}",
    "capture_cap_mb: 1.5",
    "kill_grace_seconds: 1.5",
    "kill_grace_seconds: 3601",
    "daytona: {api_key: ''}",
    "daytona: {api_base_url: ftp://x}",
    "- a",
    "unknown: 1",
  ];
  for (const text of texts) {
    test(text === "" ? "an empty file" : text, () => {
      const byParser = parseConfig(text, "c.yaml").problems.length === 0;
      const bySchema = schemaProblems(parseYaml(text, "c.yaml").data ?? null, "config").length === 0;
      expect(bySchema).toBe(byParser);
    });
  }
});

describe("the annotated file of config init", () => {
  test("sets nothing as it is", () => {
    expect(parseConfig(CONFIG_INIT, "c.yaml")).toMatchObject({ entries: [], problems: [] });
  });

  test("holds every option at its default, one word away from being set", async () => {
    const option = /^(\s*)# ([a-z_]+: .*)$/;
    const uncommented = CONFIG_INIT.split("\n")
      .map((line) => line.replace(option, "$1$2"))
      .join("\n");
    const { entries } = parseConfig(uncommented, "c.yaml");
    const { options } = await resolveWith({ file: CONFIG_INIT });
    for (const row of OPTION_ROWS) {
      expect(CONFIG_INIT).toContain(row.sentence.split(" ").slice(0, 3).join(" "));
      expect(uncommented).toMatch(new RegExp(`^ *${row.key.split(".").at(-1)}: `, "m"));
      const entry = entries.find((candidate) => candidate.key === row.key);
      if (row.default !== undefined) expect([row.key, entry?.value]).toEqual([row.key, row.default]);
      expect(options[row.key]).toEqual(row.default as never);
    }
  });

  test("does not tempt anyone to write a secret into it", () => {
    expect(CONFIG_INIT).toContain("# api_key: env:DAYTONA_API_KEY");
  });
});

describe("config show", () => {
  test("is as its schema says and names every source", async () => {
    const file = "docker:\n  enabled: true\n  cpus: env:CPUS\n";
    const env = { DAYTONA_API_KEY: "dtn_secret", GLUE_DOCKER_USER: "host", CPUS: "3", MODAL_SANDBOX_TIMEOUT: "x" };
    const rows = configShow(await resolveWith({ file, env, flags: { "docker.image": "a" } }));
    expectSchema({ schemaVersion: 1, path: "/x", options: rows.map(({ text: _, ...row }) => row) }, "config-show");
    const row = (key: string) => rows.find((candidate) => candidate.key === key);
    expect(rows.map(({ key }) => key)).toEqual(OPTION_ROWS.map(({ key }) => key));
    expect(row("docker.image")).toMatchObject({ value: "a", source: "flag --set docker.image" });
    expect(row("docker.user")).toMatchObject({ value: "host", source: "env GLUE_DOCKER_USER" });
    expect(row("docker.cpus")?.source).toEndWith("config.yaml:3:9, env CPUS");
    expect(row("runtime")?.source).toMatch(/^docker\.enabled, .*config\.yaml:2:12$/);
    expect(row("docker.memory")).toMatchObject({ value: null, text: "(no limit)", source: "default" });
    expect(row("modal.sandbox_timeout_seconds")).toMatchObject({
      value: 1800,
      problem: expect.stringContaining('found "x"'),
    });
    expect(row("daytona.api_key")).toMatchObject({ value: "********", secret: true, source: "env DAYTONA_API_KEY" });
    expect(JSON.stringify(rows)).not.toContain("dtn_secret");
  });
});

test("the capabilities report is as its schema says, whole and for one runtime", () => {
  expectSchema(capabilitiesReport(), "capabilities");
  expectSchema(capabilitiesReport("docker"), "capabilities");
  expect(capabilitiesReport("docker").runtimes.map(({ id }) => id)).toEqual(["docker"]);
});
